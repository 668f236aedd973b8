//! What a client's handles and its driver share: the session, under a lock that is held for as long
//! as it takes to encode a request.

use crate::slot::{Receiver, Sender};
use crate::states::StateLog;
use crate::watch::{Channel, Fired, Guard};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;
use zoarium_process::{Effects, Input};
use zoarium_proto::SessionId;
use zoarium_session::failure::{Cause, Failure};
use zoarium_session::protected::Guid;
use zoarium_session::random::Random;
use zoarium_session::reply::Reply;
use zoarium_session::request::Request;
use zoarium_session::{Command, Refused, RequestId, Session, WatchId};

/// What comes back for a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) result: Result<Reply, Failure>,
    /// The watch it has set. Dropped with an answer that nobody takes, it removes the watch.
    pub(crate) watch: Option<Box<SetWatch>>,
}

/// A watch that is set.
#[derive(Debug)]
pub(crate) enum SetWatch {
    OneShot(Receiver<Fired>, Guard),
    Stream(Arc<Channel>, Guard),
}

/// Who waits for an answer.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) to: Sender<Answer>,
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
    pub(crate) fn new(to: Sender<Answer>) -> Self {
        Self { to, watch: None }
    }
}

pub(crate) struct Shared {
    core: Mutex<Core>,
    /// Wakes the driver.
    pub(crate) notify: Notify,
    pub(crate) states: StateLog,
    /// Where the session's clock starts.
    origin: Instant,
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
}

impl Shared {
    pub(crate) fn new(session: Session<Tag>) -> Self {
        let core = Core {
            session,
            effects: Effects::new(),
            unwatched: Vec::new(),
            is_told: false,
            last_failure: None,
        };
        Self {
            core: Mutex::new(core),
            notify: Notify::new(),
            states: StateLog::default(),
            origin: Instant::now(),
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
        let has_work =
            core.session.outgoing() > 0 || !core.effects.is_empty() || !core.unwatched.is_empty();
        let tells = has_work && !core.is_told;
        core.is_told |= tells;
        drop(core);
        if tells {
            self.notify.notify_one();
        }
    }

    /// Takes a request; from here on it has its place in the order. What waits for a connection is
    /// not sent in a later session either.
    pub(crate) fn submit(
        &self,
        request: &Request<'_>,
        tag: Tag,
        of_session: Option<SessionId>,
    ) -> Result<RequestId, Failure> {
        let mut core = self.core();
        if of_session.is_some() && of_session != core.session.session_id() {
            return Err(Failure::NotSent(Cause::OtherSession));
        }
        let submitted = core.session.submit(request, tag);
        self.tell_driver(core);
        submitted.map_err(|Refused { failure, .. }| failure)
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
        self.with(|core, _| core.session.abandon(request));
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
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", self.core().session.state()).finish_non_exhaustive()
    }
}
