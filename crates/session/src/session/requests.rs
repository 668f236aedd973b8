//! What goes to a server.

use super::{Claim, Phase, Queued, Refused, Session};
use crate::failure::{Cause, Failure};
use crate::link::{InFlight, Link, Waiter};
use crate::reply::{Expected, Reply};
use crate::request::{Request, put_request};
use crate::state::{Auth, State};
use crate::vocabulary::{Options, Output, RequestId};
use crate::watches::{Kind, Setting, WatchId};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::BufMut;
use core::fmt::Debug;
use zoarium_process::Effects;
use zoarium_proto::jute::{put_buffer, put_text};
use zoarium_proto::{OpCode, Xid};

/// What addWatch calls a recursive watch.
const RECURSIVE: i32 = 1;

impl<T: Debug> Session<T> {
    /// Takes a request: it is sent on the present connection as soon as there is room on it, or on
    /// the next one if there is none.
    /// `tag` comes back with the answer, in [`Output::Answered`].
    ///
    /// # Errors
    /// If the session is closed or over for good, or the request is too long.
    pub fn submit(&mut self, request: &Request<'_>, tag: T) -> Result<RequestId, Refused<T>> {
        if let Some(cause) = self.refuses() {
            return Err(Refused { tag, failure: Failure::NotSent(cause) });
        }
        let id = RequestId(self.last_request.0 + 1);
        if self.backlog.is_empty() && self.has_room() {
            self.send(request, tag)?;
        } else {
            let request = request.clone().into_owned();
            self.backlog.push_back(Queued { id, request, tag });
        }
        self.last_request = id;
        Ok(id)
    }

    /// Why no request is taken.
    fn refuses(&self) -> Option<Cause> {
        match &self.state {
            State::AuthFailed => Some(Cause::AuthFailed),
            State::Closed => Some(Cause::Closed),
            _ if self.closing.is_some() => Some(Cause::Closed),
            State::Connecting
            | State::Connected(_)
            | State::Suspended { .. }
            | State::Lost { .. } => None,
        }
    }

    /// Sends a request on the present connection.
    fn send(&mut self, request: &Request<'_>, tag: T) -> Result<(), Refused<T>> {
        let xid = self.next_xid();
        let start = self.outgoing.len();
        request.encode(xid, &mut self.outgoing);
        let (length, max) = (self.outgoing.len() - start - 4, self.options.request_bytes_max);
        if length > max {
            self.outgoing.truncate(start);
            return Err(Refused { tag, failure: Failure::TooLong { length, max } });
        }
        let setting = self.setting(request);
        let mut displaced = None;
        if let Some(setting) = &setting {
            if setting.covered
                && let Some(watch_flag) = self.outgoing.last_mut()
            {
                *watch_flag = 0;
            }
            if self.watches.displaces_recursive(setting) {
                displaced = Some(Arc::clone(&setting.path));
            }
        }
        if let Phase::Connected(link) = &mut self.phase {
            let expected = Expected { op: request.op(), parts: request.parts() };
            link.push(InFlight { xid, expected, setting, waiter: Waiter::Caller(tag) });
        }
        if let Some(path) = displaced {
            self.send_own(OpCode::AddWatch, Waiter::SetBehind(Arc::clone(&path)), |out| {
                put_text(out, &path);
                out.put_i32(RECURSIVE);
            });
        }
        Ok(())
    }

    fn setting(&mut self, request: &Request<'_>) -> Option<Setting> {
        let (path, kind, outlives_session) = match request {
            Request::GetData { path, watch: true } => (path, Kind::Data, false),
            Request::Exists { path, watch: true } => (path, Kind::Exist, false),
            Request::GetChildren { path, watch: true } => (path, Kind::Child, false),
            Request::AddWatch { path, recursive, outlives_session } => match recursive {
                true => (path, Kind::Recursive, *outlives_session),
                false => (path, Kind::Persistent, *outlives_session),
            },
            Request::GetData { .. }
            | Request::Exists { .. }
            | Request::GetChildren { .. }
            | Request::Create(_)
            | Request::Delete { .. }
            | Request::SetData(_)
            | Request::GetAcl { .. }
            | Request::SetAcl { .. }
            | Request::Sync { .. }
            | Request::Multi(_)
            | Request::MultiRead(_)
            | Request::GetEphemerals { .. }
            | Request::CountDescendants { .. }
            | Request::WhoAmI
            | Request::Reconfig { .. }
            | Request::CheckWatches { .. } => return None,
        };
        Some(self.watches.setting(path, kind, outlives_session))
    }

    /// Sends a request that nobody has asked for.
    pub(super) fn send_own(
        &mut self,
        op: OpCode,
        waiter: Waiter<T>,
        fill: impl FnOnce(&mut Vec<u8>),
    ) {
        let xid = self.next_xid();
        let Phase::Connected(link) = &mut self.phase else { return };
        put_request(&mut self.outgoing, xid, op, fill);
        let expected = Expected { op, parts: Vec::new() };
        link.push(InFlight { xid, expected, setting: None, waiter });
    }

    /// From 1 up, and again from 1: negative numbers and 0 are reserved.
    pub(super) fn next_xid(&mut self) -> Xid {
        self.last_xid = self.last_xid.checked_add(1).unwrap_or(1);
        Xid(self.last_xid)
    }

    /// Whether there is a connection that takes another request.
    fn has_room(&self) -> bool {
        let Options { requests_max, unsent_bytes_max, .. } = self.options;
        let takes_more = |link: &Link<T>| link.leaving.is_none() && link.len() < requests_max;
        self.link().is_some_and(takes_more) && self.outgoing.len() < unsent_bytes_max
    }

    /// Sends what waits, as far as there is room; behind all of it goes the session's end, if it is
    /// to be closed.
    pub(super) fn send_backlog(&mut self, fx: &mut Effects<Self>) {
        while self.has_room()
            && let Some(Queued { request, tag, .. }) = self.backlog.pop_front()
        {
            if let Err(Refused { tag, failure }) = self.send(&request, tag) {
                fx.output(Output::Answered { tag, answer: Err(failure), watch: None });
            }
        }
        self.send_close();
    }

    /// Nobody waits for the answer to a request any more. If it was not sent yet, it is not sent;
    /// its tag is dropped.
    pub fn abandon(&mut self, request: RequestId) {
        if let Ok(index) = self.backlog.binary_search_by_key(&request, |queued| queued.id) {
            self.backlog.remove(index);
            self.send_close();
        }
    }

    /// Nobody waits for a watch any more. `path` is the one that it was set with.
    pub fn unwatch(&mut self, path: &str, watch: WatchId) {
        self.watches.remove(path, watch);
        self.tidy_watches(path);
    }

    /// Tells the server to forget what nobody here waits for at a path.
    pub(super) fn tidy_watches(&mut self, path: &str) {
        while let Some(removal) = self.watches.removal(path) {
            let (path, kind) = (Arc::clone(&removal.path), removal.kind as i32);
            self.send_own(OpCode::RemoveWatches, Waiter::Removal(removal), |out| {
                put_text(out, &path);
                out.put_i32(kind);
            });
        }
    }

    pub(super) fn set_watches_again(&mut self) {
        let seen = self.seen.replied;
        let Phase::Connected(link) = &mut self.phase else { return };
        link.set_watches += self.watches.set_again(seen, &mut self.outgoing);
    }

    pub(super) fn authenticate(&mut self, auth: Auth, tag: T, fx: &mut Effects<Self>) {
        if let Some(cause) = self.refuses() {
            let answer = Err(Failure::NotSent(cause));
            return fx.output(Output::Answered { tag, answer, watch: None });
        }
        let known = self.auths.iter().position(|claim| claim.auth == auth && claim.tag.is_none());
        let under_way = |index: &usize| self.link().is_none_or(|link| link.auths.contains(index));
        match known {
            Some(index) if under_way(&index) => self.auths[index].tag = Some(tag),
            Some(_) => {
                fx.output(Output::Answered { tag, answer: Ok(Reply::Done), watch: None });
            }
            None => {
                self.auths.push(Claim { auth, tag: Some(tag) });
                self.claim(self.auths.len() - 1);
            }
        }
    }

    /// Claims all identities on a new connection.
    pub(super) fn claim_identities(&mut self) {
        (0..self.auths.len()).for_each(|index| self.claim(index));
    }

    fn claim(&mut self, index: usize) {
        let Phase::Connected(link) = &mut self.phase else { return };
        link.auths.push_back(index);
        let Auth { scheme, credentials } = &self.auths[index].auth;
        put_request(&mut self.outgoing, Xid::AUTH, OpCode::Auth, |out| {
            // A type, which means nothing.
            out.put_i32(0);
            put_text(out, scheme);
            put_buffer(out, Some(credentials));
        });
    }
}
