//! What a client's handles and its driver share: the session, under a lock that is held for as long
//! as it takes to encode a request.

use crate::error::WatchEnd;
use crate::states::StateLog;
use crate::watch::{Channel, Guard};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use zoarium_process::{Effects, Input};
use zoarium_session::failure::Failure;
use zoarium_session::protected::Guid;
use zoarium_session::random::Random;
use zoarium_session::reply::Reply;
use zoarium_session::request::Request;
use zoarium_session::{Command, Event, Refused, RequestId, Session, WatchId};

/// What comes back for a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) result: Result<Reply, Failure>,
    /// The watch it has set. Dropped with an answer that nobody takes, it removes the watch.
    pub(crate) watch: Option<SetWatch>,
}

/// A watch that is set.
#[derive(Debug)]
pub(crate) enum SetWatch {
    OneShot(oneshot::Receiver<Result<Event, WatchEnd>>, Guard),
    Stream(Arc<Channel>, Guard),
}

/// Who waits for an answer.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) to: oneshot::Sender<Answer>,
    /// What kind of watch the request sets, and where.
    pub(crate) watch: Option<(Watching, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watching {
    OneShot,
    Stream,
}

impl Tag {
    /// Somebody who waits, and sets no watch.
    pub(crate) fn new(to: oneshot::Sender<Answer>) -> Self {
        Self { to, watch: None }
    }
}

/// What a client may have under way at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) requests: usize,
    pub(crate) bytes: usize,
}

pub(crate) struct Shared {
    core: Mutex<Core>,
    /// Wakes the driver.
    pub(crate) notify: Notify,
    pub(crate) states: StateLog,
    /// Where the session's clock starts.
    origin: Instant,
    limits: Limits,
}

pub(crate) struct Core {
    pub(crate) session: Session<Tag>,
    /// What is to be done; only the driver does it, so that it is done in order.
    pub(crate) effects: Effects<Session<Tag>>,
    /// Watches that nobody waits for, for the driver to forget.
    pub(crate) unwatched: Vec<WatchId>,
    /// Whether the driver knows that there is something to do.
    pub(crate) is_told: bool,
    /// How the last attempt at a connection ended that came to nothing.
    pub(crate) last_failure: Option<String>,
    /// Those who wait until there is room for their requests, in order.
    waiting: VecDeque<oneshot::Sender<Turn>>,
    /// Turns given and not used yet.
    turns: usize,
}

/// What became of a request.
pub(crate) enum Submitted {
    Taken(RequestId),
    Refused(Failure),
    /// There is no room for it; there will be when this resolves.
    Crowded(oneshot::Receiver<Turn>),
}

/// Room for one request. Dropped unused, it goes to the next in the queue.
pub(crate) struct Turn {
    shared: Arc<Shared>,
    is_used: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_used {
            self.shared.with(|core, _| core.turns -= 1);
        }
    }
}

impl Shared {
    pub(crate) fn new(session: Session<Tag>, limits: Limits) -> Self {
        let core = Core {
            session,
            effects: Effects::new(),
            unwatched: Vec::new(),
            is_told: false,
            last_failure: None,
            waiting: VecDeque::new(),
            turns: 0,
        };
        Self {
            core: Mutex::new(core),
            notify: Notify::new(),
            states: StateLog::default(),
            origin: Instant::now(),
            limits,
        }
    }

    /// Takes the lock. Nobody waits or wakes anybody while holding it.
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        // A panic under the lock is a broken invariant of the session; its driver ends with it,
        // and then all that is left to do here is to fail.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> zoarium_process::Instant {
        zoarium_process::Instant::from_origin(self.origin.elapsed())
    }

    pub(crate) fn instant(&self, at: zoarium_process::Instant) -> Instant {
        self.origin + at.since_origin()
    }

    /// Does something under the lock, and wakes the driver if that leaves it something to do.
    fn with<R>(&self, act: impl FnOnce(&mut Core, zoarium_process::Instant) -> R) -> R {
        let now = self.now();
        let mut core = self.core();
        let result = act(&mut core, now);
        self.tell_driver(core);
        result
    }

    fn tell_driver(&self, mut core: MutexGuard<'_, Core>) {
        let has_work = core.session.outgoing() > 0
            || !core.effects.is_empty()
            || !core.unwatched.is_empty()
            || !core.waiting.is_empty();
        let tells = has_work && !core.is_told;
        core.is_told |= tells;
        drop(core);
        if tells {
            self.notify.notify_one();
        }
    }

    /// Takes a request, if there is room for it or it has a turn.
    pub(crate) fn submit(&self, request: &Request<'_>, tag: Tag, turn: Option<Turn>) -> Submitted {
        let mut core = self.core();
        match turn {
            Some(mut turn) => {
                turn.is_used = true;
                core.turns -= 1;
            }
            None if !core.waiting.is_empty() || !core.has_room(self.limits) => {
                let (sender, receiver) = oneshot::channel();
                core.waiting.push_back(sender);
                return Submitted::Crowded(receiver);
            }
            None => {}
        }
        let submitted = match core.session.submit(request, tag) {
            Ok(id) => Submitted::Taken(id),
            Err(Refused { failure, .. }) => Submitted::Refused(failure),
        };
        self.tell_driver(core);
        submitted
    }

    pub(crate) fn command(&self, command: Command<Tag>) {
        self.with(|core, now| {
            // After the last state there is no driver to carry anything out. What waits for an
            // answer learns that from its tag being dropped.
            if !core.session.state().is_final() {
                let Core { session, effects, .. } = core;
                session.handle(now, Input::Request(command), effects);
            }
        });
    }

    pub(crate) fn abandon(&self, request: RequestId) {
        self.core().session.abandon(request);
    }

    pub(crate) fn unwatch(&self, path: &str, watch: WatchId) {
        self.with(|core, _| {
            core.session.unwatch(path, watch);
            core.unwatched.push(watch);
        });
    }

    pub(crate) fn guid(&self) -> Guid {
        Guid::new(self.core().session.random())
    }

    pub(crate) fn random<R>(&self, draw: impl FnOnce(&mut Random) -> R) -> R {
        draw(self.core().session.random())
    }

    /// Gives turns to those who wait, as far as there is room.
    pub(crate) fn give_turns(self: &Arc<Self>) {
        let mut given = Vec::new();
        {
            let mut core = self.core();
            while core.has_room(self.limits)
                && let Some(waiting) = core.waiting.pop_front()
            {
                core.turns += 1;
                given.push(waiting);
            }
        }
        for waiting in given {
            // Who has gone gives the turn back by dropping it.
            let _gone = waiting.send(Turn { shared: Arc::clone(self), is_used: false });
        }
    }

    /// Lets go of those who wait: nothing will be taken any more.
    pub(crate) fn send_away(&self) {
        let waiting = std::mem::take(&mut self.core().waiting);
        drop(waiting);
    }
}

impl Core {
    fn has_room(&self, limits: Limits) -> bool {
        let under_way = self.session.in_flight() + self.session.queued() + self.turns;
        under_way < limits.requests && self.session.outgoing() < limits.bytes
    }

    pub(crate) fn is_crowded(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", self.core().session.state()).finish_non_exhaustive()
    }
}
