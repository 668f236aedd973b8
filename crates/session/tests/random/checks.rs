//! What has to hold, looked at as it is told and once more at the end.

use crate::world::{Told, World, name, seconds};
use std::collections::{BTreeMap, BTreeSet};
use zoarium_process::Instant;
use zoarium_proto::{ErrorCode, EventType, Stat, Zxid};
use zoarium_session::failure::Failure;
use zoarium_session::reply::Reply;
use zoarium_session::request::Request;
use zoarium_session::{Command, Event, Notice, WatchId};

#[derive(Debug, Default)]
pub(crate) struct Checks {
    marks: u32,
    asked: BTreeMap<u32, Asked>,
    watches: BTreeMap<WatchId, Watched>,
    /// How much of what was told has been looked at.
    seen: usize,
    last_answered: u32,
    last_state: Option<&'static str>,
}

#[derive(Debug)]
struct Asked {
    request: Request<'static>,
    answer: Option<(Instant, Result<Reply, Failure>)>,
}

/// A watch, as its owner knows it.
#[derive(Debug)]
struct Watched {
    path: String,
    set_at: Instant,
    on: On,
    /// It has fired, its session is lost, or nobody waits for it.
    over: bool,
    heard: BTreeSet<(Option<Zxid>, EventType, String)>,
    gaps: Vec<(Instant, Zxid)>,
}

/// What a watch was set on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Data(Stat),
    Children(Stat),
    Missing,
    Persistent { recursive: bool },
}

impl Checks {
    /// Data that no other write has.
    pub(crate) fn next_mark(&mut self) -> Vec<u8> {
        self.marks += 1;
        self.marks.to_be_bytes().to_vec()
    }

    pub(crate) fn asked(&mut self, tag: u32, request: Request<'static>) {
        self.asked.insert(tag, Asked { request, answer: None });
    }

    /// Watches that somebody waits for.
    pub(crate) fn live(&self) -> Vec<(String, WatchId)> {
        let live = self.watches.iter().filter(|(_, watched)| !watched.over);
        live.map(|(watch, watched)| (watched.path.clone(), *watch)).collect()
    }

    pub(crate) fn unwatched(&mut self, watch: WatchId) {
        self.watches.get_mut(&watch).unwrap().over = true;
    }

    /// Looks at what was told since the last look.
    pub(crate) fn look(&mut self, world: &World) {
        for (at, told) in &world.told[self.seen..] {
            match told {
                Told::State(state) => self.on_state(name(state)),
                Told::Answered { tag, answer, watch } => self.on_answer(*at, *tag, answer, *watch),
                Told::Watch { watch, notice } => self.on_notice(*at, *watch, notice),
                Told::Dialled(..) | Told::HungUp(..) => {}
            }
        }
        self.seen = world.told.len();
    }

    fn on_state(&mut self, state: &'static str) {
        let legal = matches!(
            (self.last_state, state),
            (None | Some("suspended" | "lost"), "connected")
                | (Some("connected"), "suspended")
                | (Some("suspended"), "lost")
        );
        assert!(legal, "{:?} and then {state}", self.last_state);
        self.last_state = Some(state);
    }

    fn on_answer(
        &mut self,
        at: Instant,
        tag: u32,
        answer: &Result<Reply, Failure>,
        watch: Option<WatchId>,
    ) {
        assert!(tag > self.last_answered, "{tag} is answered after {}", self.last_answered);
        self.last_answered = tag;
        let asked = self.asked.get_mut(&tag).unwrap();
        asked.answer = Some((at, answer.clone()));
        let (path, on) = match (&asked.request, answer) {
            (Request::GetData { path, .. }, Ok(Reply::Data(data))) => (path, On::Data(data.stat)),
            (Request::Exists { path, .. }, Ok(Reply::Stat(stat))) => (path, On::Data(*stat)),
            (Request::Exists { path, .. } | Request::GetData { path, .. }, Err(failure))
                if *failure == Failure::Refused(ErrorCode::NoNode) =>
            {
                (path, On::Missing)
            }
            (Request::GetChildren { path, .. }, Ok(Reply::Children(it))) => {
                (path, On::Children(it.stat))
            }
            (Request::AddWatch { path, recursive, .. }, Ok(_)) => {
                (path, On::Persistent { recursive: *recursive })
            }
            _ => {
                assert_eq!(watch, None);
                return;
            }
        };
        let path = path.clone().into_owned();
        // No reply shows what a watch set before has not told.
        for (id, watched) in self.watches.iter().filter(|(_, it)| !it.over && it.path == path) {
            let told = match (watched.on, on) {
                (On::Data(before), On::Data(now)) => before.mzxid == now.mzxid,
                (On::Children(before), On::Children(now)) => before.pzxid == now.pzxid,
                (On::Data(_) | On::Children(_), On::Missing) => false,
                (On::Missing, On::Data(_)) => false,
                _ => true,
            };
            assert!(told, "{tag} shows {on:?}, which watch {id:?} on {watched:?} has not told");
        }
        if let Some(watch) = watch {
            let (heard, gaps) = (BTreeSet::new(), vec![]);
            let watched = Watched { path, set_at: at, on, over: false, heard, gaps };
            assert!(self.watches.insert(watch, watched).is_none(), "two watches {watch:?}");
        }
    }

    fn on_notice(&mut self, at: Instant, watch: WatchId, notice: &Notice) {
        let watched = self.watches.get_mut(&watch).unwrap();
        assert!(!watched.over, "{watched:?} is over, and is told {notice:?}");
        let is_persistent = matches!(watched.on, On::Persistent { .. });
        match notice {
            Notice::Event(Event { kind, path, zxid }) => {
                watched.heard.insert((*zxid, *kind, path.to_string()));
                watched.over = !is_persistent;
            }
            Notice::Gap { since } => {
                assert!(is_persistent);
                watched.gaps.push((at, *since));
            }
            Notice::SessionLost => watched.over = true,
        }
    }

    /// Looks at the whole, when all is quiet.
    pub(crate) fn finish(&mut self, world: &mut World) {
        self.check_writes(world);
        for (id, watched) in self.watches.iter().filter(|(_, watched)| !watched.over) {
            let stat = world.ensemble.znodes.get(&watched.path);
            let told = match watched.on {
                On::Data(before) => stat.is_some_and(|now| now.mzxid == before.mzxid),
                On::Children(before) => stat.is_some_and(|now| now.pzxid == before.pzxid),
                On::Missing => stat.is_none(),
                On::Persistent { recursive } => {
                    check_persistent(watched, recursive, world);
                    true
                }
            };
            assert!(told, "{id:?} {watched:?} was not told of {stat:?}");
        }
        for (path, watch) in self.live() {
            world.command(Command::Unwatch { path, watch });
        }
        world.run(seconds(5.0));
        assert_eq!((world.session.watches(), world.ensemble.watches()), (0, 0), "left over");
    }

    /// Every request was answered once, and honestly.
    fn check_writes(&self, world: &World) {
        let done = in_order(&world.ensemble.done);
        let tried = in_order(&world.ensemble.tried);
        let mut break_of_last = None;
        let mut missed = false;
        for (tag, asked) in &self.asked {
            let Some((at, answer)) = &asked.answer else { panic!("no answer to {tag}: {asked:?}") };
            let data = match &asked.request {
                Request::Create(create) => create.data.as_deref(),
                Request::SetData(set) => set.data.as_deref(),
                _ => None,
            };
            let Some(mark) = data.map(|data| u32::from_be_bytes(data.try_into().unwrap())) else {
                continue;
            };
            match answer {
                Ok(_) => assert!(done.contains(&mark), "{tag} is not done: {asked:?}"),
                Err(Failure::Refused(_)) => assert!(!done.contains(&mark), "{tag} is done"),
                Err(Failure::NotSent(_)) => assert!(!tried.contains(&mark), "{tag} was sent"),
                Err(Failure::Unanswered(_)) => {
                    // What came through of those that one break has failed is a prefix.
                    if break_of_last != Some(*at) {
                        (break_of_last, missed) = (Some(*at), false);
                    }
                    let was_tried = tried.contains(&mark);
                    assert!(!(was_tried && missed), "{tag} was done, and one before it was not");
                    missed |= !was_tried;
                }
                other => panic!("{tag}: {other:?}"),
            }
        }
    }
}

/// The marks of writes, which have to be in order of submission.
fn in_order(writes: &[Vec<u8>]) -> BTreeSet<u32> {
    let marks: Vec<u32> =
        writes.iter().map(|data| u32::from_be_bytes(data[..].try_into().unwrap())).collect();
    assert!(marks.is_sorted_by(|a, b| a < b), "out of order: {marks:?}");
    marks.into_iter().collect()
}

/// A persistent watch has heard of every change since it was set, or of a gap that it is in.
fn check_persistent(watched: &Watched, recursive: bool, world: &World) {
    for (at, zxid, kind, path) in &world.ensemble.changes {
        let is_below = path.starts_with(&format!("{}/", watched.path));
        let concerned = match recursive {
            true => (is_below || *path == watched.path) && *kind != EventType::NodeChildrenChanged,
            false => *path == watched.path,
        };
        if !concerned || *at <= watched.set_at {
            continue;
        }
        let heard = watched.heard.contains(&(Some(*zxid), *kind, path.clone()));
        // A gap ends when the server hears that the watch is to be set again.
        let end = |told: &Instant| *told + world.latency_max;
        let in_gap = watched.gaps.iter().any(|(told, since)| end(told) >= *at && since < zxid);
        assert!(heard || in_gap, "{watched:?} did not hear of {kind:?} of {path} by {zxid}");
    }
}
