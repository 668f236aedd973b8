//! One connection in its session: what is under way on it, and what was heard and said when.

use crate::failure::{Cause, Failure};
use crate::fault::{Fault, Misbehaved};
use crate::reply::Expected;
use crate::vocabulary::LinkId;
use crate::watches::{Removal, Setting};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use zoarium_process::Instant;
use zoarium_proto::{Xid, Zxid};

/// Who waits for a reply.
#[derive(Debug)]
pub(crate) enum Waiter<T> {
    /// Somebody outside.
    Caller(T),
    /// Nobody: the session ends with the reply.
    Closing,
    /// Nobody: the server was told to forget watches.
    Removal(Removal),
    /// Nobody: a recursive watch was set again behind a persistent one at the same path.
    SetBehind(Arc<str>),
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(crate) struct InFlight<T> {
    pub(crate) xid: Xid,
    pub(crate) expected: Expected,
    pub(crate) setting: Option<Setting>,
    pub(crate) waiter: Waiter<T>,
}

/// Why a connection is left on purpose, and how long answers are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving {
    pub(crate) why: Fault,
    pub(crate) until: Instant,
}

#[derive(Debug)]
pub(crate) struct Link<T> {
    pub(crate) id: LinkId,
    pub(crate) read_only: bool,
    pub(crate) since: Instant,
    pub(crate) heard: Instant,
    pub(crate) said: Instant,
    /// The newest state that was seen before this connection: none older may be shown on it.
    pub(crate) floor: Zxid,
    /// When the ping under way was sent; there is at most one.
    pub(crate) ping: Option<Instant>,
    /// Identities under way, by their index among the session's.
    pub(crate) auths: VecDeque<usize>,
    /// Requests under way that set watches again.
    pub(crate) set_watches: u32,
    /// It is to be ended, and takes no more requests.
    pub(crate) leaving: Option<Leaving>,
    in_flight: VecDeque<InFlight<T>>,
    answered: u64,
    /// Requests handed to the driver, and when: one entry for each time some were.
    handed: VecDeque<(u64, Instant)>,
    handed_upto: u64,
}

impl<T> Link<T> {
    pub(crate) fn new(id: LinkId, read_only: bool, now: Instant, floor: Zxid) -> Self {
        Self {
            id,
            read_only,
            since: now,
            heard: now,
            said: now,
            floor,
            ping: None,
            auths: VecDeque::new(),
            set_watches: 0,
            leaving: None,
            in_flight: VecDeque::new(),
            answered: 0,
            handed: VecDeque::new(),
            handed_upto: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    pub(crate) fn push(&mut self, request: InFlight<T>) {
        self.in_flight.push_back(request);
    }

    /// All requests so far have been handed to the driver.
    pub(crate) fn hand_over(&mut self, now: Instant) {
        self.said = now;
        let upto = self.answered + self.in_flight.len() as u64;
        if upto > self.handed_upto {
            self.handed_upto = upto;
            self.handed.push_back((upto, now));
        }
    }

    /// The request that a reply answers, and when that had been handed over at the latest.
    pub(crate) fn take(
        &mut self,
        answered: Xid,
        now: Instant,
    ) -> Result<(InFlight<T>, Instant), Misbehaved> {
        let awaited = self.in_flight.front().map(|request| request.xid);
        let request = self.in_flight.pop_front_if(|request| request.xid == answered);
        let request = request.ok_or(Misbehaved::OutOfOrder { answered, awaited })?;
        self.answered += 1;
        while self.handed.front().is_some_and(|(upto, _)| *upto < self.answered) {
            self.handed.pop_front();
        }
        // A server may answer before the driver has said that it has sent.
        let handed = self.handed.front().map_or(now, |(_, at)| *at);
        Ok((request, handed))
    }

    /// Puts back what [`Link::take`] gave: its answer is of no use.
    pub(crate) fn put_back(&mut self, request: InFlight<T>) {
        self.answered -= 1;
        self.in_flight.push_front(request);
    }

    /// The requests under way, in order, with what becomes of each.
    pub(crate) fn fail(self, cause: Cause) -> impl Iterator<Item = (InFlight<T>, Failure)> {
        let Self { answered, handed_upto, in_flight, .. } = self;
        (answered + 1..).zip(in_flight).map(move |(number, request)| {
            let failure = match number <= handed_upto {
                true => Failure::Unanswered(cause),
                false => Failure::NotSent(cause),
            };
            (request, failure)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::time::Duration;
    use zoarium_proto::OpCode;

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    fn push(link: &mut Link<i32>, xid: i32) {
        let expected = Expected { op: OpCode::WhoAmI, parts: Vec::new() };
        let waiter = Waiter::Caller(xid);
        link.push(InFlight { xid: Xid(xid), expected, setting: None, waiter });
    }

    #[test]
    fn reply_tells_when_its_request_left_and_not_later() {
        let mut link = Link::new(LinkId(1), false, at(0), Zxid::ZERO);
        push(&mut link, 1);
        push(&mut link, 2);
        link.hand_over(at(1));
        link.hand_over(at(2));
        push(&mut link, 3);
        link.hand_over(at(3));
        let times = (1..=3).map(|xid| link.take(Xid(xid), at(9)).unwrap().1);
        assert_eq!(times.collect::<Vec<_>>(), [at(1), at(1), at(3)]);
    }

    #[test]
    fn only_the_oldest_request_may_be_answered() {
        let mut link = Link::new(LinkId(1), false, at(0), Zxid::ZERO);
        let misbehaved = |answered, awaited: Option<i32>| Misbehaved::OutOfOrder {
            answered: Xid(answered),
            awaited: awaited.map(Xid),
        };
        assert_eq!(link.take(Xid(1), at(1)).unwrap_err(), misbehaved(1, None));
        push(&mut link, 1);
        push(&mut link, 2);
        assert_eq!(link.take(Xid(2), at(1)).unwrap_err(), misbehaved(2, Some(1)));
        assert_eq!(link.take(Xid(1), at(1)).unwrap().0.xid, Xid(1));
    }

    #[test]
    fn requests_that_did_not_leave_are_known_not_to_be_done() {
        let mut link = Link::new(LinkId(1), false, at(0), Zxid::ZERO);
        push(&mut link, 1);
        push(&mut link, 2);
        link.hand_over(at(1));
        link.take(Xid(1), at(1)).unwrap();
        push(&mut link, 3);
        let failed: Vec<_> =
            link.fail(Cause::ConnectionLost).map(|it| (it.0.xid.0, it.1)).collect();
        let cause = Cause::ConnectionLost;
        assert_eq!(failed, [(2, Failure::Unanswered(cause)), (3, Failure::NotSent(cause))]);
    }
}
