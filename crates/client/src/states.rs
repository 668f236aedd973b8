//! Where a client is, and how it got there.

use futures_core::Stream;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::time::Instant;
pub use zoarium_session::fault::{Fault, Misbehaved};
pub use zoarium_session::state::{Connected, Generation, Loss};

/// States kept for listeners that are slow.
pub const STATES_MAX: usize = 64;

/// Where a client is. After [`State::Lost`] comes no [`State::Suspended`] before the next
/// [`State::Connected`]; after [`State::AuthFailed`] and [`State::Closed`] comes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There has been no session yet.
    Connecting,
    /// A server serves the session. All watches are set again before any request is served.
    Connected(Connected),
    /// There is no connection. The session may be alive: nobody can say what others see of it.
    Suspended {
        /// Which session.
        generation: Generation,
        /// When it is given up. No server ends it earlier because of this client's silence.
        until: Instant,
        /// Why the connection is gone.
        why: Fault,
    },
    /// The session is over: its ephemerals are gone or will be. Unless the client is told
    /// otherwise, it opens another one.
    Lost {
        /// Which session.
        generation: Generation,
        /// How that is known.
        why: Loss,
    },
    /// A server refused an identity of this client.
    AuthFailed,
    /// The client has closed its session, or let go of it.
    Closed,
}

impl State {
    /// Whether requests are served.
    pub const fn is_connected(&self) -> bool {
        matches!(self, Self::Connected(_))
    }

    /// Whether nothing comes after this state.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::AuthFailed | Self::Closed)
    }
}

/// The last states, for any number of listeners.
#[derive(Debug)]
pub(crate) struct StateLog {
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    /// Number of the state that comes next.
    next: u64,
    /// Never empty.
    recent: VecDeque<State>,
    listeners: Vec<Waker>,
}

impl Default for StateLog {
    fn default() -> Self {
        let recent = VecDeque::from([State::Connecting]);
        Self { log: Mutex::new(Log { next: 1, recent, listeners: Vec::new() }) }
    }
}

impl StateLog {
    fn log(&self) -> MutexGuard<'_, Log> {
        // Nothing in here panics half way.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, state: State) {
        let mut log = self.log();
        log.next += 1;
        log.recent.push_back(state);
        if log.recent.len() > STATES_MAX {
            log.recent.pop_front();
        }
        let listeners = std::mem::take(&mut log.listeners);
        drop(log);
        listeners.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn latest(&self) -> State {
        self.log().recent.back().cloned().unwrap_or(State::Connecting)
    }

    fn poll_after(&self, at: &mut u64, cx: &Context<'_>) -> Poll<Option<State>> {
        let mut log = self.log();
        if *at < log.next {
            let oldest = log.next - log.recent.len() as u64;
            *at = oldest.max(*at);
            let index = usize::try_from(*at - oldest).unwrap_or(usize::MAX);
            *at += 1;
            return Poll::Ready(log.recent.get(index).cloned());
        }
        if log.recent.back().is_some_and(State::is_final) {
            return Poll::Ready(None);
        }
        if !log.listeners.iter().any(|waker| waker.will_wake(cx.waker())) {
            log.listeners.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// The states of a client, from the present one on; ends after a final one.
///
/// A listener that lets more than [`STATES_MAX`] states pass misses the oldest of them. That a
/// session was lost meanwhile shows all the same: [`Connected::generation`] is another one.
#[derive(Debug)]
pub struct States {
    owner: Arc<crate::shared::Shared>,
    at: u64,
}

impl States {
    pub(crate) fn new(owner: Arc<crate::shared::Shared>) -> Self {
        let at = owner.states.log().next - 1;
        Self { owner, at }
    }

    /// The next state. Cancel safe: a state is taken or stays.
    pub async fn next(&mut self) -> Option<State> {
        poll_fn(|cx| self.owner.states.poll_after(&mut self.at, cx)).await
    }
}

impl Stream for States {
    type Item = State;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<State>> {
        let Self { owner, at } = &mut *self;
        owner.states.poll_after(at, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(log: &StateLog, at: &mut u64) -> Poll<Option<State>> {
        log.poll_after(at, &Context::from_waker(Waker::noop()))
    }

    fn lost(generation: u64) -> State {
        State::Lost { generation: Generation(generation), why: Loss::Expired }
    }

    #[test]
    fn listener_starts_with_the_present_state_and_ends_after_the_last() {
        let log = StateLog::default();
        let mut at = 0;
        assert_eq!(poll(&log, &mut at), Poll::Ready(Some(State::Connecting)));
        assert_eq!(poll(&log, &mut at), Poll::Pending);
        log.put(lost(1));
        log.put(State::Closed);
        assert_eq!(poll(&log, &mut at), Poll::Ready(Some(lost(1))));
        assert_eq!(poll(&log, &mut at), Poll::Ready(Some(State::Closed)));
        assert_eq!(poll(&log, &mut at), Poll::Ready(None));
        assert_eq!(log.latest(), State::Closed);
    }

    #[test]
    fn slow_listener_misses_the_oldest_states_only() {
        let log = StateLog::default();
        let mut at = 0;
        let all = STATES_MAX as u64 + 10;
        (1..=all).for_each(|generation| log.put(lost(generation)));
        for generation in 11..=all {
            assert_eq!(poll(&log, &mut at), Poll::Ready(Some(lost(generation))));
        }
        assert_eq!(poll(&log, &mut at), Poll::Pending);
    }
}
