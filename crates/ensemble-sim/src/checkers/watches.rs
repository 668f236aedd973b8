//! A watch fires once for each change it waits for, before the client can see the change (G11–G13).

use super::changes::changes;
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
}

/// An event that a watch may be told of.
type Happening = (Zxid, EventType, String);

#[derive(Debug, Default)]
pub(super) struct Watches {
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
        if let Some(member) = started(event, running) {
            self.happenings.retain(|(zxid, ..)| *zxid <= member.recovered().last_zxid);
        }
        if let What::Output { output: Output::Applied { txn, .. }, .. } = event.what {
            let (zxid, changes) = changes(txn);
            let events = changes.iter().flat_map(super::changes::Change::events);
            self.happenings.extend(events.map(|(kind, path)| (zxid, kind, path)));
        }
        match seen(event) {
            Some((_, Seen::Disconnected(session) | Seen::Expired(session))) => {
                self.by_session.remove(session);
                Ok(())
            }
            Some((_, Seen::Replied { session, zxid, ask, reply, .. })) => {
                self.nothing_missed(*session, *zxid)?;
                self.set(*session, *zxid, ask, reply);
                Ok(())
            }
            Some((_, Seen::Event { session, kind, path, zxid: Some(zxid) })) => {
                self.on_watch_event(*session, (*zxid, *kind, path.clone()))
            }
            _ => Ok(()),
        }
    }
}

impl Watches {
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
            watches.push(Watch { kind, path: path.clone(), after });
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
