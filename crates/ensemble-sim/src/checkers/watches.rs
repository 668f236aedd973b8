//! A watch fires once for each change it waits for, before the client can see the change (G11–G13).

use super::ledger::{Cursor, Shared};
use super::{Checked, broken, seen, started};
use crate::client::{Ask, Reply, Seen};
use crate::participant::{Output, Participant};
use std::collections::BTreeMap;
use zoarium_proto::{ErrorCode, EventType, SessionId, Zxid};
use zoarium_session::WatchId;
use zoarium_sim::{Checker, Event, EventKind, Running, What};

const RULE: &str = "a watch fires once for what it waits for";

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
    /// What it has been told of, if it goes on; none of it may come twice.
    told: Vec<(Zxid, EventType)>,
}

impl Watch {
    fn is_for(&self, (zxid, kind, path): &Happening) -> bool {
        self.after < *zxid && self.path == *path && self.kind.covers(*kind)
    }
}

/// An event that a watch may be told of.
type Happening = (Zxid, EventType, String);

#[derive(Debug)]
pub(super) struct Watches {
    ledger: Shared,
    cursor: Cursor,
    happenings: Vec<Happening>,
    by_session: BTreeMap<SessionId, BTreeMap<WatchId, Watch>>,
}

impl Checker<Participant> for Watches {
    fn looks_at(&self) -> &'static [EventKind] {
        &[EventKind::Started, EventKind::Output]
    }

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
            Some((_, Seen::Lost(session) | Seen::Detached(session))) => {
                self.by_session.remove(session);
                Ok(())
            }
            Some((_, Seen::Rewatched { session, zxid })) => self.on_rewatched(*session, *zxid),
            Some((_, Seen::Replied { session, zxid, ask, reply, watch, .. })) => {
                self.nothing_missed(*session, *zxid)?;
                match (waits_for(ask, reply), watch) {
                    (Some((kind, path)), Some(id)) => {
                        let (path, is_for_missing) =
                            (path.to_owned(), matches!(reply, Reply::Error(_)));
                        let watch =
                            Watch { kind, path, after: *zxid, is_for_missing, told: Vec::new() };
                        self.by_session.entry(*session).or_default().insert(*id, watch);
                    }
                    (None, None) => {}
                    (asked, set) => {
                        let detail = format!("{session} has {set:?} of {asked:?} by {ask:?}");
                        return broken("who sets a watch has one", detail);
                    }
                }
                Ok(())
            }
            Some((_, Seen::Event { session, watch, kind, path, zxid })) => match zxid {
                Some(zxid) => self.on_watch_event(*session, *watch, (*zxid, *kind, path.clone())),
                None => self.on_missed_event(*session, *watch, *kind, path),
            },
            _ => Ok(()),
        }
    }
}

/// What a request waits for from here on.
fn waits_for<'a>(ask: &'a Ask, reply: &Reply) -> Option<(Kind, &'a str)> {
    let is_error = matches!(reply, Reply::Error(_));
    let is_missing = *reply == Reply::Error(ErrorCode::NoNode.to_wire());
    match ask {
        Ask::Get { path, watch: true } if !is_error => Some((Kind::Data, path)),
        // A watch of exists waits for a missing znode too.
        Ask::Exists { path, watch: true } if !is_error || is_missing => Some((Kind::Data, path)),
        Ask::List { path, watch: true } if !is_error => Some((Kind::Children, path)),
        Ask::WatchAlways { path } if !is_error => Some((Kind::Always, path)),
        _ => None,
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

    /// No watch waits for something that a reply with this zxid shows.
    fn nothing_missed(&self, session: SessionId, zxid: Zxid) -> Checked {
        let Some(watches) = self.by_session.get(&session) else { return Ok(()) };
        for watch in watches.values() {
            let from = self.happenings.partition_point(|(at, ..)| *at <= watch.after);
            let upto = self.happenings.partition_point(|(at, ..)| *at <= zxid);
            let mut news = self.happenings[from..upto.max(from)].iter();
            let missed = news.find(|it| watch.is_for(it) && !watch.told.contains(&(it.0, it.1)));
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
        let watches = self.by_session.entry(session).or_default();
        for watch in watches.values_mut() {
            if watch.kind == Kind::Always || watch.is_for_missing {
                watch.after = zxid;
            }
        }
        self.nothing_missed(session, zxid)
    }

    /// An event for what happened while the client was away. It names no txn.
    fn on_missed_event(
        &mut self,
        session: SessionId,
        id: WatchId,
        kind: EventType,
        path: &str,
    ) -> Checked {
        let watches = self.by_session.entry(session).or_default();
        match watches.get(&id).filter(|it| it.path == path && it.kind.covers(kind)) {
            Some(Watch { kind: Kind::Always, .. }) => Ok(()),
            Some(_) => {
                watches.remove(&id);
                Ok(())
            }
            None => {
                let detail = format!("{session} did not ask for {kind:?} {path} with {id:?}");
                broken(RULE, detail)
            }
        }
    }

    fn on_watch_event(&mut self, session: SessionId, id: WatchId, happening: Happening) -> Checked {
        let watches = self.by_session.entry(session).or_default();
        let Some(watch) = watches.get_mut(&id).filter(|watch| watch.is_for(&happening)) else {
            return broken(RULE, format!("{session} did not ask for {happening:?} with {id:?}"));
        };
        let (zxid, kind, _) = happening;
        if watch.told.contains(&(zxid, kind)) {
            return broken(RULE, format!("{session} was told twice of {happening:?}"));
        }
        if watch.kind == Kind::Always {
            watch.told.push((zxid, kind));
        } else {
            watches.remove(&id);
        }
        Ok(())
    }
}
