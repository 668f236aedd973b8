//! The request throttle: while too many requests are under way, further ones wait, and those that
//! waited too long are refused or dropped (Apache: `RequestThrottler`).
//!
//! Here a request waits in its own connection, unread behind it what else its client has sent. Only
//! requests that would go to the peer loop wait; a read that is answered on the spot uses nothing
//! that the throttle protects. Connections that find room at the same moment may together exceed
//! the limit by a few requests.

use crate::config::clients::RequestThrottle as Settings;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use zoarium_proto::OpCode;

/// The throttle, shared by all connections.
#[derive(Debug)]
pub(crate) struct RequestThrottle {
    settings: Settings,
    /// Requests under way beyond which others wait.
    requests_max: usize,
    /// There may be room.
    room: Notify,
}

/// What becomes of a request that has waited for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Go,
    /// It waits.
    Wait,
    /// It is answered with an error instead of being carried out.
    Refuse,
    /// It is dropped, and its connection with it.
    Drop,
}

impl RequestThrottle {
    /// `None` without a limit.
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        let requests_max = settings.max_requests? as usize;
        Some(Self { settings: settings.clone(), requests_max, room: Notify::new() })
    }

    /// What becomes of a request that has waited for `waited`, of a session with this timeout,
    /// while so many others are under way.
    pub(super) fn judge(
        &self,
        op: OpCode,
        under_way: usize,
        waited: Duration,
        session_timeout: Duration,
    ) -> Verdict {
        if self.settings.drop_stale && self.is_late(waited, session_timeout) {
            return Verdict::Drop;
        }
        if under_way >= self.requests_max {
            return Verdict::Wait;
        }
        let too_long = self.settings.throttled_op_wait_time.is_some_and(|max| waited > max);
        if too_long && op != OpCode::CloseSession { Verdict::Refuse } else { Verdict::Go }
    }

    /// Whether a request has waited longer than its client waits for any answer.
    pub(super) fn is_late(&self, waited: Duration, session_timeout: Duration) -> bool {
        self.settings.stale_when_late && waited > session_timeout
    }

    /// Waits until there may be room, or it is time to look at the connection again.
    pub(super) async fn wait(&self) {
        let room = self.room.notified();
        // Either way the caller looks for itself.
        let _room_or_time = tokio::time::timeout(self.settings.stall_time, room).await;
    }

    /// Requests have been answered.
    pub(crate) fn wake(&self) {
        self.room.notify_waiters();
    }

    /// Whether what waits is dropped because its client has closed the connection. While a request
    /// waits nothing is read, so reading does not tell.
    pub(super) async fn is_abandoned(&self, stream: &TcpStream) -> bool {
        let Settings { drop_stale, stale_when_closed, .. } = self.settings;
        if !(drop_stale && stale_when_closed) {
            return false;
        }
        tokio::select! {
            biased;
            ready = stream.ready(Interest::READABLE) => ready.map_or(true, |it| it.is_read_closed()),
            () = std::future::ready(()) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn throttle(change: impl FnOnce(&mut Settings)) -> RequestThrottle {
        let mut settings = Settings {
            max_requests: Some(2),
            stall_time: SECOND,
            drop_stale: true,
            stale_when_closed: true,
            stale_when_late: false,
            throttled_op_wait_time: None,
        };
        change(&mut settings);
        RequestThrottle::new(&settings).unwrap()
    }

    #[test]
    fn request_waits_while_there_is_no_room() {
        let throttle = throttle(|_| ());
        let judge = |under_way| throttle.judge(OpCode::SetData, under_way, SECOND * 9, SECOND);
        assert_eq!(judge(0), Verdict::Go);
        assert_eq!(judge(1), Verdict::Go);
        assert_eq!(judge(2), Verdict::Wait);
        assert_eq!(judge(usize::MAX), Verdict::Wait);
    }

    #[test]
    fn request_that_waited_too_long_is_refused_once_there_is_room() {
        let throttle = throttle(|settings| settings.throttled_op_wait_time = Some(SECOND));
        let judge = |op, under_way, waited| throttle.judge(op, under_way, waited, SECOND * 99);
        assert_eq!(judge(OpCode::Create, 1, SECOND), Verdict::Go);
        assert_eq!(judge(OpCode::Create, 1, SECOND * 2), Verdict::Refuse);
        assert_eq!(judge(OpCode::Create, 2, SECOND * 2), Verdict::Wait);
        assert_eq!(judge(OpCode::CloseSession, 1, SECOND * 2), Verdict::Go);
    }

    #[test]
    fn request_older_than_its_session_is_dropped_if_that_is_asked_for() {
        let late = |stale_when_late, drop_stale| {
            let throttle = throttle(|settings| {
                settings.stale_when_late = stale_when_late;
                settings.drop_stale = drop_stale;
            });
            throttle.judge(OpCode::SetData, 2, SECOND * 2, SECOND)
        };
        assert_eq!(late(true, true), Verdict::Drop);
        assert_eq!(late(true, false), Verdict::Wait);
        assert_eq!(late(false, true), Verdict::Wait);
    }

    #[test]
    fn there_is_no_throttle_without_a_limit() {
        let settings = Settings { max_requests: None, ..throttle(|_| ()).settings };
        assert!(RequestThrottle::new(&settings).is_none());
    }
}
