//! The order of one connection's requests.
//!
//! Replies come in the order of requests, and a read sees every earlier write of its session and
//! no later one. A read that finds nothing of its connection under way is answered on the spot
//! from the shared tree. One that follows a write still under way is left to the peer loop, to be
//! answered between that write and the next (Apache: `CommitProcessor` holds it back instead).
//! Later writes therefore never wait for earlier reads.

use zoarium_proto::OpCode;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The connection answers it.
    Here,
    /// It goes to the peer loop, which answers it in order.
    PeerLoop,
}

/// The requests of one connection that are under way in the peer loop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order {
    sent: u64,
    answered: u64,
}

impl Order {
    /// Where a request would go.
    ///
    /// Pings, auth and SASL packets are answered at once, whatever is under way: clients match
    /// them by their xid, and a slow disk must not make a live server look dead.
    pub const fn would_route(&self, op: OpCode) -> Route {
        if matches!(op, OpCode::Ping | OpCode::Auth | OpCode::Sasl) {
            return Route::Here;
        }
        if op.is_write() || matches!(op, OpCode::Sync) || self.under_way() > 0 {
            return Route::PeerLoop;
        }
        Route::Here
    }

    /// Where a request goes; counts it if it goes to the peer loop.
    pub const fn route(&mut self, op: OpCode) -> Route {
        let route = self.would_route(op);
        if matches!(route, Route::PeerLoop) {
            self.sent += 1;
        }
        route
    }

    /// Where something goes that only has to stay behind what is under way.
    pub fn route_behind(&mut self) -> Route {
        if self.under_way() == 0 {
            return Route::Here;
        }
        self.sent += 1;
        Route::PeerLoop
    }

    /// Notes how many requests of this connection the peer loop has answered so far.
    pub fn on_answered(&mut self, answered: u64) {
        assert!(
            (self.answered..=self.sent).contains(&answered),
            "answers {answered}, before {}, of {} requests",
            self.answered,
            self.sent
        );
        self.answered = answered;
    }

    /// How many requests are under way in the peer loop.
    pub const fn under_way(&self) -> u64 {
        self.sent - self.answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_behind_a_write_follows_it() {
        let mut order = Order::default();
        assert_eq!(order.route(OpCode::GetData), Route::Here);
        assert_eq!(order.route(OpCode::SetData), Route::PeerLoop);
        assert_eq!(order.route(OpCode::GetData), Route::PeerLoop);
        order.on_answered(1);
        assert_eq!(order.route(OpCode::GetData), Route::PeerLoop);
        order.on_answered(3);
        assert_eq!(order.route(OpCode::GetData), Route::Here);
    }

    #[test]
    fn ping_overtakes_and_sync_does_not() {
        let mut order = Order::default();
        assert_eq!(order.route(OpCode::Sync), Route::PeerLoop);
        assert_eq!(order.route(OpCode::Ping), Route::Here);
        assert_eq!(order.under_way(), 1);
    }
}
