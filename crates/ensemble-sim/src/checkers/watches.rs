//! A watch fires once for each change it waits for, before the client can see the change (G11–G13).

use super::ledger::{Cursor, Shared};
use super::{Checked, broken, seen, started};
use crate::client::{Ask, Reply, Seen};
use crate::participant::{Output, Participant};
use std::collections::BTreeMap;
use zoarium_proto::{EventType, SessionId, Zxid};
use zoarium_sim::{Checker, Event, Running, What};

/// What a watch waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Data,
    Children,
    Always,
}

impl Kind {
    fn covers(self, event: EventType) -> bool {
        match (self, event) {
            (Self::Data, EventType::NodeChildrenChanged) => false,
            (Self::Children, it) => {
                matches!(it, EventType::NodeChildrenChanged | EventType::NodeDeleted)
            }
            (Self::Data | Self::Always, _) => true,
        }
    }
}

#[derive(Debug)]
struct Watch {
    kind: Kind,
    path: String,
    /// It waits for what comes after this.
    after: Zxid,
    /// It was set on a znode that is not there: created and deleted while the client is away, that
    /// is not told (a hole that Apache documents).
    is_for_missing: bool,
}

/// An event that a watch may be told of.
type Happening = (Zxid, EventType, String);

#[derive(Debug)]
pub(super) struct Watches {
    ledger: Shared,
    cursor: Cursor,
    happenings: Vec<Happening>,
    by_session: BTreeMap<SessionId, Session>,
}

#[derive(Debug, Default)]
struct Session {
    watches: Vec<Watch>,
    /// What has been told on this connection and by which txn, to tell what came twice.
    told: Vec<Happening>,
}

impl Checker<Participant> for Watches {
    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        if let Some(member) = started(event, running)
            && member.options().ensemble.is_none()
        {
            let last = member.recovered().last_zxid;
            self.happenings.retain(|(zxid, ..)| *zxid <= last);
        }
        if let What::Output { output: Output::Applied { .. } | Output::Serving { .. }, .. } =
            event.what
        {
            self.catch_up();
        }
        match seen(event) {
            Some((_, Seen::Expired(session))) => {
                self.by_session.remove(session);
                Ok(())
            }
            Some((_, Seen::Rewatched { session, zxid })) => self.on_rewatched(*session, *zxid),
            Some((_, Seen::Replied { session, zxid, ask, reply, .. })) => {
                self.nothing_missed(*session, *zxid)?;
                self.set(*session, *zxid, ask, reply);
                Ok(())
            }
            Some((_, Seen::Event { session, kind, path, zxid })) => match zxid {
                Some(zxid) => self.on_watch_event(*session, (*zxid, *kind, path.clone())),
                None => self.on_missed_event(*session, *kind, path),
            },
            _ => Ok(()),
        }
    }
}

impl Watches {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self { ledger, cursor: Cursor::new(), happenings: Vec::new(), by_session: BTreeMap::new() }
    }

    fn catch_up(&mut self) {
        let ledger = self.ledger.borrow();
        for (zxid, logged) in ledger.news(&mut self.cursor) {
            let events = logged.changes.iter().flat_map(super::changes::Change::events);
            self.happenings.extend(events.map(|(kind, path)| (zxid, kind, path)));
        }
    }

    fn set(&mut self, session: SessionId, after: Zxid, ask: &Ask, reply: &Reply) {
        let is_error = matches!(reply, Reply::Error(_));
        let (kind, path) = match ask {
            Ask::Get { path, watch: true } if !is_error => (Kind::Data, path),
            // A watch of exists waits for a missing znode too.
            Ask::Exists { path, watch: true } => (Kind::Data, path),
            Ask::List { path, watch: true } if !is_error => (Kind::Children, path),
            Ask::WatchAlways { path } if !is_error => (Kind::Always, path),
            _ => return,
        };
        let watches = &mut self.by_session.entry(session).or_default().watches;
        // One connection has one watch of a kind on a path, however often it asks.
        if !watches.iter().any(|it| it.kind == kind && it.path == *path) {
            let is_for_missing = is_error;
            watches.push(Watch { kind, path: path.clone(), after, is_for_missing });
        }
    }

    /// No watch waits for something that a reply with this zxid shows.
    fn nothing_missed(&self, session: SessionId, zxid: Zxid) -> Checked {
        let Some(Session { watches, told }) = self.by_session.get(&session) else { return Ok(()) };
        for watch in watches {
            let from = self.happenings.partition_point(|(at, ..)| *at <= watch.after);
            let missed = self.happenings[from..].iter().find(|it| {
                it.0 <= zxid && it.2 == watch.path && watch.kind.covers(it.1) && !told.contains(it)
            });
            if let Some((at, kind, path)) = missed {
                let detail = format!("{session} saw {zxid} before {kind:?} {path} of {at}");
                return broken("an event comes before what it tells of", detail);
            }
        }
        Ok(())
    }

    /// What one-shot watches have missed while the client was away has been told by then;
    /// persistent watches miss it.
    fn on_rewatched(&mut self, session: SessionId, zxid: Zxid) -> Checked {
        let state = self.by_session.entry(session).or_default();
        state
            .watches
            .iter_mut()
            .filter(|it| it.kind == Kind::Always)
            .for_each(|it| it.after = zxid);
        let (missing, others): (Vec<Watch>, Vec<Watch>) =
            std::mem::take(&mut state.watches).into_iter().partition(|it| it.is_for_missing);
        state.watches = others;
        self.nothing_missed(session, zxid)?;
        let set_again = missing.into_iter().map(|watch| Watch { after: zxid, ..watch });
        self.by_session.entry(session).or_default().watches.extend(set_again);
        Ok(())
    }

    /// An event for what happened while the client was away. It names no txn.
    fn on_missed_event(&mut self, session: SessionId, kind: EventType, path: &str) -> Checked {
        let watches = &mut self.by_session.entry(session).or_default().watches;
        let fires = |it: &Watch| it.kind != Kind::Always && it.path == path && it.kind.covers(kind);
        if !watches.iter().any(fires) {
            let detail = format!("{session} did not ask for {kind:?} {path}");
            return broken("a watch fires once for what it waits for", detail);
        }
        watches.retain(|watch| !fires(watch));
        Ok(())
    }

    fn on_watch_event(&mut self, session: SessionId, happening: Happening) -> Checked {
        let Session { watches, told } = self.by_session.entry(session).or_default();
        let (zxid, kind, path) = &happening;
        let waits =
            |watch: &Watch| watch.path == *path && watch.after < *zxid && watch.kind.covers(*kind);
        let rule = "a watch fires once for what it waits for";
        if told.contains(&happening) {
            return broken(rule, format!("{session} was told twice of {happening:?}"));
        }
        if !watches.iter().any(waits) {
            return broken(rule, format!("{session} did not ask for {happening:?}"));
        }
        watches.retain(|watch| watch.kind == Kind::Always || !waits(watch));
        told.push(happening);
        Ok(())
    }
}
