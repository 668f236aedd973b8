//! Clients that work through faults and remember what they were told, and the judgement over it.
//!
//! [`load`] runs the clients, [`roamer`] is a session that moves between servers, [`check`] decides
//! whether what they saw can have happened on one copy of the data.

pub(crate) mod check;
pub(crate) mod load;
pub(crate) mod roamer;

/// One operation of one client. Times are microseconds since the load began.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    /// Each client has one session and does one thing at a time.
    pub(crate) client: usize,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    /// The zxid in the reply's header; 0 when there was no reply.
    pub(crate) zxid: i64,
    pub(crate) event: Event,
}

/// What was asked and answered. Values are unique, so they tell which write a version came from.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// setData was acknowledged with this version and mzxid; `expected` is the version it asked for.
    Wrote { key: String, value: String, expected: Option<i32>, version: i32, mzxid: i64 },
    /// setData whose reply was lost.
    MaybeWrote { key: String, value: String },
    /// getData.
    Read { key: String, value: String, version: i32, mzxid: i64 },
    /// A sequential create was acknowledged with this name.
    Created { name: String, value: String, czxid: i64 },
    /// A sequential create whose reply was lost.
    MaybeCreated { value: String },
    /// Any other reply: a refusal, or a look at something that is not judged here.
    Replied,
}

/// Everything that the clients of one load saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) ops: Vec<Op>,
    /// What no client may ever see, in words: a session that expired, an ephemeral that is gone.
    pub(crate) broken: Vec<String>,
    /// How often sessions moved to another connection.
    pub(crate) moves: usize,
}

impl History {
    pub(crate) fn acknowledged(&self) -> usize {
        self.writes().count()
    }

    pub(crate) fn reads(&self) -> usize {
        self.ops.iter().filter(|op| matches!(op.event, Event::Read { .. })).count()
    }

    /// The longest time in which no write was acknowledged, in microseconds.
    pub(crate) fn longest_gap(&self) -> u64 {
        let mut ends: Vec<u64> = self.writes().map(|op| op.ended).collect();
        ends.sort_unstable();
        ends.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    fn writes(&self) -> impl Iterator<Item = &Op> {
        let is_write = |event: &Event| matches!(event, Event::Wrote { .. } | Event::Created { .. });
        self.ops.iter().filter(move |op| is_write(&op.event))
    }
}
