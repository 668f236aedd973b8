//! Where a connection's requests meet the guards of the port, and are refused.

use super::turn::Turn;
use super::{Client, Closing, TooMuch};
use crate::client_port::request_throttle::Verdict;
use crate::client_port::required_auth::RequiredAuth;
use crate::peer_loop::LoopEvent;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use zoarium_peer::{Request, Route, answer_refusal};
use zoarium_proto::reply::{ReplyHeader, put_header_frame};
use zoarium_proto::request::RequestHeader;
use zoarium_proto::{ErrorCode, OpCode, Xid, Zxid};

impl Client {
    /// Refuses what is no authentication, pings too (Apache:
    /// `AuthenticationHelper.enforceAuthentication`).
    pub(super) fn check_authenticates(
        &self,
        header: RequestHeader,
        out: &mut Vec<u8>,
    ) -> Result<(), Closing> {
        if matches!(header.op(), Some(OpCode::Auth | OpCode::Sasl)) {
            return Ok(());
        }
        let required = self.shared.guards.required_auth.as_ref();
        tracing::warn!(
            remote = %self.conn.remote,
            required = ?required.map_or(&[][..], RequiredAuth::schemes),
            "connection closed: the client has not authenticated with a required scheme"
        );
        let error = ErrorCode::SessionClosedRequireAuth;
        put_header_frame(out, ReplyHeader::error(header.xid, Zxid::ZERO, error));
        Err(Closing::AuthRequired)
    }

    /// What the request throttle says to the first request in `unread`. What this turn has taken for
    /// the peer loop is not yet counted as under way.
    pub(super) fn throttle(&mut self, op: OpCode, turn: &Turn) -> Verdict {
        let Some(throttle) = &self.shared.guards.request_throttle else { return Verdict::Go };
        if self.order.would_route(op) == Route::Here {
            return Verdict::Go;
        }
        let metrics = &self.shared.metrics;
        let under_way = self.shared.under_way.load(Relaxed) + turn.to_loop.len();
        let waited = self.waits_since.map_or(Duration::ZERO, |since| turn.began - since);
        let session_timeout = self.conn.timeout();
        let verdict = throttle.judge(op, under_way, waited, session_timeout);
        match verdict {
            Verdict::Wait => {
                self.waits_since.get_or_insert(turn.began);
                return verdict;
            }
            Verdict::Drop => {
                metrics.stale_requests_dropped.increment();
                return verdict;
            }
            Verdict::Go => {}
            Verdict::Refuse => metrics.throttled_ops.increment(),
        }
        metrics.request_throttle_queue_time_ms.record(waited);
        if throttle.is_late(waited, session_timeout) {
            metrics.stale_requests.increment();
        }
        verdict
    }

    /// Whether there is room for the first request in `unread`, which need not be there as a whole.
    pub(super) fn check_large(&self) -> Result<(), TooMuch> {
        let Some(large) = &self.large_requests else { return Ok(()) };
        large.check(&self.unread).inspect_err(|error| self.note_too_much(*error))
    }

    /// Takes room for a request of `length` bytes that goes to the peer loop as the last of this
    /// connection's.
    pub(super) fn enter_if_large(&mut self, length: usize) -> Result<(), TooMuch> {
        let Some(large) = &mut self.large_requests else { return Ok(()) };
        let entered = large.enter(length, self.order.under_way());
        entered.inspect_err(|error| self.note_too_much(*error))
    }

    /// Gives back the room of those among the `answered` oldest requests that have any.
    pub(super) fn leave_if_large(&mut self, answered: u64) {
        if let Some(large) = &mut self.large_requests {
            large.on_answered(answered);
        }
    }

    /// Answers with an error, behind what is under way.
    pub(super) fn refuse(
        &mut self,
        op: OpCode,
        xid: Xid,
        error: ErrorCode,
        turn: &mut Turn,
        out: &mut Vec<u8>,
    ) {
        match self.order.route_behind() {
            Route::Here => answer_refusal(xid, self.shared.last_zxid(), error, out),
            Route::PeerLoop => {
                self.note_asked(op, xid, None, turn);
                let conn = self.conn.id;
                turn.to_loop.push(LoopEvent::Request(Request::Refuse { conn, xid, error }));
            }
        }
    }

    fn note_too_much(&self, error: TooMuch) {
        self.shared.metrics.large_requests_rejected.increment();
        tracing::warn!(remote = %self.conn.remote, %error, "connection closed");
    }
}
