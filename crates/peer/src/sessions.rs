//! Who is alive: the deadlines of sessions and the connections they are on.
//!
//! A session's deadline is its last sign of life plus its timeout, rounded up to the next tick, so
//! it is never early and at most a tick late (Apache: `SessionTrackerImpl`, `ExpiryQueue`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;
use zoarium_process::Instant;
use zoarium_proto::{ConnId, ErrorCode, ServerId, SessionId};

/// The server whose client a session is, as its leader knows. Requests from elsewhere are late:
/// they were sent before the client moved (Apache: `SESSIONMOVED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This server.
    Here,
    /// A learner.
    Learner(ServerId),
}

#[derive(Debug)]
struct Session {
    timeout_ms: u32,
    /// A multiple of the tick; the key of the bucket it is in.
    deadline: Instant,
    conn: Option<ConnId>,
    /// Not known until a new leader hears of the client.
    owner: Option<Owner>,
    /// A closeSession is proposed; no request is taken any more.
    closing: bool,
}

impl Session {
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

/// The sessions this peer watches over.
#[derive(Debug)]
pub(crate) struct Sessions {
    tick: Duration,
    by_id: BTreeMap<SessionId, Session>,
    buckets: BTreeMap<Instant, BTreeSet<SessionId>>,
    by_conn: BTreeMap<ConnId, SessionId>,
}

impl Sessions {
    pub(crate) fn new(tick: Duration) -> Self {
        assert!(!tick.is_zero(), "a tick of zero has no next tick");
        Self { tick, by_id: BTreeMap::new(), buckets: BTreeMap::new(), by_conn: BTreeMap::new() }
    }

    /// The first tick after `heard + timeout`.
    fn deadline(&self, heard: Instant, timeout: Duration) -> Instant {
        let tick = self.tick.as_nanos();
        let due = (heard + timeout).since_origin().as_nanos();
        let nanos = (due / tick + 1) * tick;
        Instant::from_origin(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// When the tick after `now` is.
    pub(crate) fn next_tick(&self, now: Instant) -> Instant {
        self.deadline(now, Duration::ZERO)
    }

    /// Starts to watch over a session, with its timeout in full, unless that is done already.
    pub(crate) fn add(&mut self, id: SessionId, timeout_ms: i32, now: Instant) {
        if self.by_id.contains_key(&id) {
            return;
        }
        let timeout_ms = u32::try_from(timeout_ms).unwrap_or(0);
        let deadline = self.deadline(now, Duration::from_millis(timeout_ms.into()));
        let session = Session { timeout_ms, deadline, conn: None, owner: None, closing: false };
        self.by_id.insert(id, session);
        self.buckets.entry(deadline).or_default().insert(id);
    }

    /// Watches over exactly these, each with its timeout in full and without a client.
    pub(crate) fn replace_by<'s>(
        &mut self,
        sessions: impl Iterator<Item = (&'s SessionId, &'s i32)>,
        now: Instant,
    ) {
        *self = Self::new(self.tick);
        sessions.for_each(|(id, timeout_ms)| self.add(*id, *timeout_ms, now));
    }

    /// The timeout of a session in milliseconds.
    pub(crate) fn timeout_ms(&self, id: SessionId) -> Option<i32> {
        let timeout_ms = self.by_id.get(&id)?.timeout_ms;
        Some(i32::try_from(timeout_ms).unwrap_or(i32::MAX))
    }

    /// Whether a request of this session that came to `owner` may be done, or what the client is to
    /// be told if not. `None` if there is no such session.
    pub(crate) fn check(&mut self, id: SessionId, owner: Owner) -> Option<Result<(), ErrorCode>> {
        let session = self.by_id.get_mut(&id)?;
        Some(if session.closing {
            Err(ErrorCode::SessionExpired)
        } else if *session.owner.get_or_insert(owner) == owner {
            Ok(())
        } else {
            Err(ErrorCode::SessionMoved)
        })
    }

    /// Notes where a session's client is.
    pub(crate) fn set_owner(&mut self, id: SessionId, owner: Owner) {
        if let Some(session) = self.by_id.get_mut(&id) {
            session.owner = Some(owner);
        }
    }

    /// Whether the session exists and is not closing.
    pub(crate) fn is_open(&self, id: SessionId) -> bool {
        self.by_id.get(&id).is_some_and(|session| !session.closing)
    }

    /// Notes a sign of life. Older news than known is no news.
    pub(crate) fn heard(&mut self, id: SessionId, at: Instant) {
        let Some(session) = self.by_id.get(&id) else { return };
        // Deadlines are ticks, so this one is before the next tick or at it. Usually nothing is
        // left to compute.
        if session.closing || at + session.timeout() < session.deadline {
            return;
        }
        let deadline = self.deadline(at, session.timeout());
        if deadline > session.deadline {
            self.move_to(id, deadline);
        }
    }

    fn move_to(&mut self, id: SessionId, deadline: Instant) {
        let Some(session) = self.by_id.get_mut(&id) else { return };
        let bucket = core::mem::replace(&mut session.deadline, deadline);
        Self::leave(&mut self.buckets, bucket, id);
        self.buckets.entry(deadline).or_default().insert(id);
    }

    /// Renews an open session with a newly negotiated timeout, which may be shorter and bring the
    /// deadline forward.
    pub(crate) fn renew(&mut self, id: SessionId, timeout_ms: i32, now: Instant) {
        let timeout_ms = u32::try_from(timeout_ms).unwrap_or(0);
        if let Some(session) = self.by_id.get_mut(&id) {
            session.timeout_ms = timeout_ms;
        }
        self.move_to(id, self.deadline(now, Duration::from_millis(timeout_ms.into())));
    }

    /// Notes the connection that a session is on.
    pub(crate) fn attach(&mut self, id: SessionId, conn: ConnId) {
        if let Some(session) = self.by_id.get_mut(&id) {
            session.conn = Some(conn);
            self.by_conn.insert(conn, id);
        }
    }

    /// Gives every session its timeout in full.
    pub(crate) fn restart(&mut self, now: Instant) {
        let all: Vec<(SessionId, Duration)> =
            self.by_id.iter().map(|(id, session)| (*id, session.timeout())).collect();
        for (id, timeout) in all {
            self.move_to(id, self.deadline(now, timeout));
        }
    }

    /// Whether this is the connection that a session is on.
    pub(crate) fn is_on(&self, id: SessionId, conn: ConnId) -> bool {
        self.by_conn.get(&conn) == Some(&id)
    }

    /// The connections that sessions are on.
    pub(crate) fn conns(&self) -> impl Iterator<Item = ConnId> {
        self.by_conn.keys().copied()
    }

    /// Takes the connection from a session, if it has one.
    pub(crate) fn detach(&mut self, id: SessionId) -> Option<ConnId> {
        let conn = self.by_id.get_mut(&id)?.conn.take()?;
        self.by_conn.remove(&conn);
        Some(conn)
    }

    /// Takes all connections from their sessions, and forgets whose they are.
    pub(crate) fn detach_all(&mut self) {
        self.by_conn.clear();
        for session in self.by_id.values_mut() {
            session.conn = None;
            session.owner = None;
        }
    }

    /// Notes that a connection is gone.
    pub(crate) fn disconnected(&mut self, conn: ConnId) {
        if let Some(id) = self.by_conn.remove(&conn)
            && let Some(session) = self.by_id.get_mut(&id)
        {
            session.conn = None;
        }
    }

    /// Marks a session as closing: it has no deadline any more and takes no requests.
    pub(crate) fn close(&mut self, id: SessionId) {
        if let Some(session) = self.by_id.get_mut(&id)
            && !session.closing
        {
            session.closing = true;
            Self::leave(&mut self.buckets, session.deadline, id);
        }
    }

    /// Forgets a session; the result is the connection it was on.
    pub(crate) fn remove(&mut self, id: SessionId) -> Option<ConnId> {
        self.close(id);
        let conn = self.detach(id);
        self.by_id.remove(&id);
        conn
    }

    /// Marks the sessions whose deadline has come as closing, and gives them in order.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<SessionId> {
        let mut expired = Vec::new();
        while let Some(bucket) = self.buckets.first_entry()
            && *bucket.key() <= now
        {
            expired.extend(bucket.remove());
        }
        for id in &expired {
            if let Some(session) = self.by_id.get_mut(id) {
                session.closing = true;
            }
        }
        expired
    }

    /// The sessions by deadline, for operators.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Instant, &BTreeSet<SessionId>)> {
        self.buckets.iter().map(|(deadline, ids)| (*deadline, ids))
    }

    fn leave(
        buckets: &mut BTreeMap<Instant, BTreeSet<SessionId>>,
        deadline: Instant,
        id: SessionId,
    ) {
        if let Some(bucket) = buckets.get_mut(&deadline) {
            bucket.remove(&id);
            if bucket.is_empty() {
                buckets.remove(&deadline);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(2000);

    fn at(ms: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn expiry_is_never_early_and_at_most_a_tick_late() {
        for (heard, timeout_ms) in [(0, 4000), (1, 4000), (1999, 4000), (2000, 5000), (777, 4001)] {
            let mut sessions = Sessions::new(TICK);
            sessions.add(SessionId(1), timeout_ms, at(heard));
            let due = heard + u64::try_from(timeout_ms).unwrap();
            assert_eq!(sessions.expire(at(due)), [], "early for {heard} + {timeout_ms}");
            assert_eq!(sessions.expire(at(due + 2000)), [SessionId(1)]);
            assert!(!sessions.is_open(SessionId(1)));
        }
    }

    #[test]
    fn sign_of_life_moves_the_deadline_and_old_news_does_not() {
        let mut sessions = Sessions::new(TICK);
        sessions.add(SessionId(1), 4000, at(0));
        sessions.heard(SessionId(1), at(5000));
        sessions.heard(SessionId(1), at(100));
        assert_eq!(sessions.expire(at(9000)), []);
        assert_eq!(sessions.expire(at(10_000)), [SessionId(1)]);
    }

    #[test]
    fn connection_that_goes_leaves_the_session() {
        let mut sessions = Sessions::new(TICK);
        sessions.add(SessionId(1), 4000, at(0));
        sessions.attach(SessionId(1), ConnId(7));
        sessions.disconnected(ConnId(7));
        assert!(sessions.is_open(SessionId(1)));
        assert_eq!(sessions.remove(SessionId(1)), None);
        assert!(!sessions.is_open(SessionId(1)));
    }
}
