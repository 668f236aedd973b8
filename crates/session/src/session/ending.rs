//! How a session comes to its end.

use super::connecting::answer_failed;
use super::{Phase, Session};
use crate::failure::{Cause, Failure};
use crate::fault::Fault;
use crate::link::Waiter;
use crate::reply::Reply;
use crate::state::State;
use crate::vocabulary::{Output, Timer};
use crate::watches::Watches;
use core::fmt::Debug;
use zoarium_process::{Effects, Instant};
use zoarium_proto::{ErrorCode, OpCode};

impl<T: Debug> Session<T> {
    /// Ends the session on the server, after all that was submitted before.
    pub(super) fn close(&mut self, now: Instant, tag: T, fx: &mut Effects<Self>) {
        if self.state.is_final() || self.closing.is_some() {
            let is_closed = self.state == State::Closed;
            let refused = Err(Failure::NotSent(Cause::Closed));
            let answer = if is_closed { Ok(Reply::Done) } else { refused };
            return fx.output(Output::Answered { tag, answer, watch: None });
        }
        self.closing = Some(tag);
        // A server that was asked for a session may have made it, and would keep it.
        let may_be_opened = matches!(self.phase, Phase::Greeting { .. } | Phase::Proving(_));
        if self.has_nothing_to_close() && !may_be_opened {
            return self.end(State::Closed, fx);
        }
        fx.set_timer(Timer::Close, now + self.options.close_patience);
        self.send_close();
    }

    /// Whether there is neither a session nor anything that needs one.
    pub(super) fn has_nothing_to_close(&self) -> bool {
        self.identity.is_none() && self.backlog.is_empty()
    }

    /// Asks the server to end the session, if it is to be closed and nothing waits to go before
    /// that.
    pub(super) fn send_close(&mut self) {
        if self.closing.is_some() && self.backlog.is_empty() {
            self.send_own(OpCode::CloseSession, Waiter::Closing, |_| {});
        }
    }

    /// What waits is not sent any more.
    pub(super) fn fail_backlog(&mut self, cause: Cause, fx: &mut Effects<Self>) {
        for queued in self.backlog.drain(..) {
            let failure = Failure::NotSent(cause);
            self.metrics.count(queued.request.op(), Some(&failure));
            fx.output(Output::Answered { tag: queued.tag, answer: Err(failure), watch: None });
        }
    }

    pub(super) fn on_close_timeout(&mut self, fx: &mut Effects<Self>) {
        if let Some(tag) = self.closing.take() {
            self.end(State::Closed, fx);
            // The server ends the session when it has not heard of it for long enough.
            let answer = Err(Failure::Unanswered(Cause::ConnectionLost));
            fx.output(Output::Answered { tag, answer, watch: None });
        }
    }

    /// Nothing comes after this.
    pub(super) fn end(&mut self, state: State, fx: &mut Effects<Self>) {
        if self.state.is_final() {
            return;
        }
        let (cause, why) = match state == State::AuthFailed {
            true => (Cause::AuthFailed, Fault::AuthFailed),
            false => (Cause::Closed, Fault::Ended),
        };
        if let Some(link) = self.current_link() {
            fx.output(Output::HangUp { link, why });
        }
        Timer::ALL.into_iter().for_each(|timer| fx.cancel_timer(timer));
        self.become_state(state, fx);
        self.identity = None;
        self.outgoing.clear();
        self.watches = Watches::default();
        if let Phase::Connected(link) = core::mem::replace(&mut self.phase, Phase::Ended) {
            for (request, failure) in link.fail(cause) {
                self.metrics.count(request.expected.op, Some(&failure));
                answer_failed(request, failure, fx);
            }
        }
        self.fail_backlog(cause, fx);
        let refused = match cause {
            Cause::AuthFailed => Failure::Refused(ErrorCode::AuthFailed),
            Cause::ConnectionLost | Cause::SessionLost | Cause::OtherSession | Cause::Closed => {
                Failure::NotSent(cause)
            }
        };
        for tag in self.auths.iter_mut().filter_map(|claim| claim.tag.take()) {
            fx.output(Output::Answered { tag, answer: Err(refused), watch: None });
        }
        if let Some(tag) = self.closing.take() {
            fx.output(Output::Answered { tag, answer: Ok(Reply::Done), watch: None });
        }
    }
}
