//! The watches of a shell, and what they and the connection tell.

use crate::call::Manner;
use crate::output::Output;
use crate::reply::{News, NewsKind};
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use zoarium_client::{Change, Client, Event, OneShot, State, States, Watch};

/// News that is remembered, so that two watches do not tell it twice.
const RECENT: usize = 64;

/// What a watch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watching {
    Data,
    Children,
    Persistent,
    Recursive,
}

impl Watching {
    /// What Apache calls the event of its removal.
    const fn removed(self) -> &'static str {
        match self {
            Self::Data => "DataWatchRemoved",
            Self::Children => "ChildWatchRemoved",
            Self::Persistent | Self::Recursive => "PersistentWatchRemoved",
        }
    }
}

/// All watches of a shell. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Watches(Arc<Mutex<Registry>>);

#[derive(Debug)]
struct Registry {
    output: Output,
    manner: Manner,
    is_json: bool,
    is_printing: bool,
    /// Whether the connection's ways are told outside Apache's manner too.
    tells_states: bool,
    entries: Vec<Entry>,
    states: Option<States>,
    was_connected: bool,
    /// What was told by which entry, and how often.
    recent: VecDeque<(News, u64, usize)>,
    next_id: u64,
    waker: Waker,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    path: String,
    watching: Watching,
    handle: Handle,
}

#[derive(Debug)]
enum Handle {
    Once(OneShot),
    Stays(Watch),
}

impl Watches {
    pub(crate) fn new(output: Output, manner: Manner, is_json: bool, tells_states: bool) -> Self {
        Self(Arc::new(Mutex::new(Registry {
            output,
            manner,
            is_json,
            is_printing: true,
            tells_states,
            entries: Vec::new(),
            states: None,
            was_connected: false,
            recent: VecDeque::new(),
            next_id: 0,
            waker: Waker::noop().clone(),
        })))
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what there is to tell, for as long as it is polled.
    pub(crate) async fn run(self) {
        poll_fn(|cx| {
            let mut registry = self.registry();
            registry.waker = cx.waker().clone();
            registry.tell();
            Poll::<()>::Pending
        })
        .await;
    }

    /// Tells what has come so far.
    pub(crate) fn tell(&self) {
        self.registry().tell();
    }

    /// Listens to another client; the watches of the last one are gone.
    pub(crate) fn follow(&self, client: &Client) {
        let mut registry = self.registry();
        registry.tell();
        registry.entries.clear();
        registry.states = Some(client.states());
        registry.was_connected = false;
        registry.waker.wake_by_ref();
    }

    /// Whether news are printed; `None` leaves it as it is.
    pub(crate) fn printing(&self, turn: Option<bool>) -> bool {
        let mut registry = self.registry();
        registry.tell();
        if let Some(turn) = turn {
            registry.is_printing = turn;
        }
        registry.is_printing
    }

    /// Keeps a watch that tells one event. One that is there already does.
    pub(crate) fn add_once(&self, path: &str, watching: Watching, watch: OneShot) {
        self.add(path, watching, Handle::Once(watch));
    }

    /// Keeps a watch that stays.
    pub(crate) fn add_stays(&self, path: &str, watching: Watching, watch: Watch) {
        self.add(path, watching, Handle::Stays(watch));
    }

    fn add(&self, path: &str, watching: Watching, handle: Handle) {
        let mut registry = self.registry();
        registry.tell();
        if registry.entries.iter().any(|entry| entry.path == path && entry.watching == watching) {
            return;
        }
        registry.next_id += 1;
        let entry = Entry { id: registry.next_id, path: path.to_owned(), watching, handle };
        registry.entries.push(entry);
        registry.waker.wake_by_ref();
    }

    /// Removes the watches of a path that are for one of `wanted`, and says whether there were any.
    pub(crate) fn remove(&self, path: &str, wanted: &[Watching]) -> bool {
        let mut registry = self.registry();
        registry.tell();
        let is_meant = |entry: &Entry| entry.path == path && wanted.contains(&entry.watching);
        let (removed, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut registry.entries).into_iter().partition(is_meant);
        registry.entries = kept;
        for entry in &removed {
            let kind = NewsKind::Removed(entry.watching.removed());
            let path = Some(path.to_owned());
            registry.print(&News { state: "SyncConnected", kind, path, zxid: None });
        }
        !removed.is_empty()
    }
}

impl Registry {
    fn tell(&mut self) {
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        self.poll_states(&mut cx);
        let mut lists: Vec<Vec<(News, u64)>> = Vec::new();
        self.entries.retain_mut(|entry| {
            let mut told = Vec::new();
            let goes_on = entry.poll(&mut cx, &mut told);
            lists.push(told);
            goes_on
        });
        // Several watches have heard of the same changes, each in order; who has heard of most knows
        // the order best.
        lists.sort_by_key(|told| Reverse(told.len()));
        let mut told: Vec<(News, u64)> = lists.into_iter().flatten().collect();
        if told.iter().all(|(news, _)| news.zxid.is_some()) {
            told.sort_by_key(|(news, _)| news.zxid);
        }
        for (news, entry) in told {
            if self.is_first_to_tell(&news, entry) {
                self.print(&news);
            }
        }
    }

    fn poll_states(&mut self, cx: &mut Context<'_>) {
        while let Some(mut states) = self.states.take() {
            let polled = pin!(states.next()).poll(cx);
            match polled {
                Poll::Ready(Some(state)) => self.print_state(&state),
                Poll::Ready(None) => return,
                Poll::Pending => {
                    self.states = Some(states);
                    return;
                }
            }
            self.states = Some(states);
        }
    }

    /// Whether no other watch has told this as often before. Apache's client tells an event once,
    /// however many watches it is for.
    fn is_first_to_tell(&mut self, news: &News, entry: u64) -> bool {
        let mut others = 0;
        let mut own = None;
        for (index, (known, by, count)) in self.recent.iter().enumerate() {
            if known == news {
                match *by == entry {
                    true => own = Some((index, *count)),
                    false => others = others.max(*count),
                }
            }
        }
        let count = own.map_or(1, |(_, count)| count + 1);
        if let Some((index, _)) = own {
            self.recent.remove(index);
        }
        self.recent.push_back((news.clone(), entry, count));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        count > others
    }

    fn print(&self, news: &News) {
        if !self.is_printing {
            return;
        }
        let text = match (self.is_json, self.manner) {
            (true, _) => format!("{}\n", news.json()),
            (false, Manner::Apache) => format!("\nWATCHER::\n\n{}\n", news.text()),
            (false, Manner::Own) => format!("{}\n", news.text()),
        };
        self.output.aside(&text);
    }

    fn print_state(&mut self, state: &State) {
        if self.manner == Manner::Own {
            if let Some(text) = self.state_text(state)
                && self.tells_states
            {
                self.output.aside(&format!("{text}\n"));
            }
            return;
        }
        let state = match state {
            State::Connecting => return,
            State::Connected(connected) if connected.read_only => "ConnectedReadOnly",
            State::Connected(_) => "SyncConnected",
            State::Suspended { .. } => "Disconnected",
            State::Lost { .. } => "Expired",
            State::AuthFailed => "AuthFailed",
            State::Closed => "Closed",
        };
        self.print(&News { state, kind: NewsKind::State, path: None, zxid: None });
    }

    fn state_text(&mut self, state: &State) -> Option<String> {
        match state {
            State::Connecting | State::Closed => None,
            State::Connected(connected) => {
                let again = if self.was_connected { " again" } else { "" };
                let only = if connected.read_only { ", which only takes reads" } else { "" };
                self.was_connected = true;
                Some(format!("connected{again} to {}{only}", connected.server))
            }
            State::Suspended { why, .. } => Some(format!(
                "connection lost: {why}; the session may live on, looking for a server"
            )),
            State::Lost { .. } => Some(
                "session lost: its ephemerals and watches are gone; opening another one".to_owned(),
            ),
            State::AuthFailed => Some("a server refused an identity".to_owned()),
        }
    }
}

impl Entry {
    /// Takes what the watch has to tell, and says whether it goes on.
    fn poll(&mut self, cx: &mut Context<'_>, told: &mut Vec<(News, u64)>) -> bool {
        loop {
            match &mut self.handle {
                Handle::Once(watch) => match pin!(watch).poll(cx) {
                    Poll::Ready(Ok(event)) => {
                        told.push((news(event), self.id));
                        return false;
                    }
                    Poll::Ready(Err(_)) => return false,
                    Poll::Pending => return true,
                },
                Handle::Stays(watch) => match pin!(watch.next()).poll(cx) {
                    Poll::Ready(Some(Change::Event(event))) => told.push((news(event), self.id)),
                    Poll::Ready(Some(Change::Gap)) => {}
                    Poll::Ready(None) => return false,
                    Poll::Pending => return true,
                },
            }
        }
    }
}

fn news(event: Event) -> News {
    News {
        state: "SyncConnected",
        kind: NewsKind::Znode(event.kind),
        path: Some(event.path.to_string()),
        zxid: event.zxid,
    }
}
