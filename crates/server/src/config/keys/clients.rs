//! Client port, sessions and limits.

use super::{Key, Place, Subject, keys};
use crate::config::kind::{Bool, Fraction, Int, List, Maybe, OffWhen, OrOff, Text, Time, TimeUnit};

const INT: i64 = i32::MAX as i64;
const MILLIS: Time = Time { unit: TimeUnit::Milliseconds, min: 0, max: INT };
const COUNT: Int<u32> = Int::new(0, INT, "");
const POSITIVE: Int<u32> = Int::new(1, INT, "");
const UNLIMITED: OrOff<Int<u32>> =
    OrOff { off: OffWhen::NotPositive, meaning: "unlimited", on: POSITIVE };

keys! {
    "Clients";
    /// Port for clients. May be left out when this server's own `server.N` line has it.
    CLIENT_PORT: File "clientPort", Maybe<Int<u16>> = Maybe(Int::new(0, 65535, "")), ();
    /// Address or host name on which to open `clientPort`; all addresses unless set.
    CLIENT_PORT_ADDRESS: File "clientPortAddress",
        Maybe<Text> = Maybe(Text { what: "an address or host name" }), ();
    /// Length of the queue of connections not yet accepted; -1 is 50, as in Java.
    CLIENT_PORT_LISTEN_BACKLOG: File "clientPortListenBacklog", OrOff<Int<u32>> =
        OrOff { off: OffWhen::MinusOne, meaning: "50", on: POSITIVE }, None;
    /// TCP keepalive on client connections.
    CLIENT_TCP_KEEP_ALIVE: Property "clientTcpKeepAlive", Bool = Bool, false;
    /// The unit of several other settings, among them the default session timeouts.
    TICK_TIME: File "tickTime", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 3000;
    /// Shortest session timeout that a client is given; -1 is 2 ticks.
    MIN_SESSION_TIMEOUT: File "minSessionTimeout", OrOff<Time> =
        OrOff { off: OffWhen::MinusOne, meaning: "2 ticks", on: MILLIS }, None;
    /// Longest session timeout that a client is given; -1 is 20 ticks.
    MAX_SESSION_TIMEOUT: File "maxSessionTimeout", OrOff<Time> =
        OrOff { off: OffWhen::MinusOne, meaning: "20 ticks", on: MILLIS }, None;
    /// Sessions without ephemeral znodes stay on the server that they are connected to.
    LOCAL_SESSIONS_ENABLED: File "localSessionsEnabled", Bool = Bool, false;
    /// A local session becomes a global one when it creates an ephemeral znode.
    LOCAL_SESSIONS_UPGRADING_ENABLED: File "localSessionsUpgradingEnabled", Bool = Bool, false;
    /// Connections that one client address may have open at a time.
    MAX_CLIENT_CNXNS: File "maxClientCnxns", OrOff<Int<u32>> = UNLIMITED, Some(60);
    /// Connections that all clients together may have open at a time.
    MAX_CNXNS: Property "maxCnxns", OrOff<Int<u32>> = UNLIMITED, None;
    /// Longest request frame, and longest data of a znode. A system property without prefix:
    /// `-Djute.maxbuffer=N`; the key in `zoo.cfg` has no effect.
    JUTE_MAXBUFFER: Bare "jute.maxbuffer", Int<usize> = Int::new(1024, INT, "bytes"), 0xf_ffff;
    /// What records between servers may be longer than `jute.maxbuffer`; as much again unless set.
    JUTE_MAXBUFFER_EXTRA: Property "jute.maxbuffer.extrasize",
        Maybe<Int<usize>> = Maybe(Int::new(0, INT, "bytes")), ();
    /// Requests of all clients that may be in progress before the server stops reading more.
    GLOBAL_OUTSTANDING_LIMIT: Property "globalOutstandingLimit", Int<u32> = COUNT, 1000;
    /// Bytes of all large requests that may be in progress; further ones are rejected.
    LARGE_REQUEST_MAX_BYTES: Property "largeRequestMaxBytes", Int<usize> =
        Int::new(1, INT, "bytes"), 100 * 1024 * 1024;
    /// A request of more bytes than this is a large one.
    LARGE_REQUEST_THRESHOLD: Property "largeRequestThreshold", OrOff<Int<usize>> =
        OrOff { off: OffWhen::NotPositive, meaning: "no request is", on: Int::new(1, INT, "bytes") },
        None;
    /// Requests in the server's pipeline beyond which new ones wait.
    REQUEST_THROTTLE_MAX_REQUESTS: Property "request_throttle_max_requests", OrOff<Int<u32>> =
        UNLIMITED, None;
    /// How long a request waits before it looks again whether the pipeline has room.
    REQUEST_THROTTLE_STALL_TIME: Property "request_throttle_stall_time", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 100;
    /// Drops waiting requests that have become stale.
    REQUEST_THROTTLE_DROP_STALE: Property "request_throttle_drop_stale", Bool = Bool, true;
    /// A request is stale when its connection is closed.
    REQUEST_STALE_CONNECTION_CHECK: Property "request_stale_connection_check", Bool = Bool, true;
    /// A request is stale when it has waited longer than its session's timeout.
    REQUEST_STALE_LATENCY_CHECK: Property "request_stale_latency_check", Bool = Bool, false;
    /// A request that waited longer than this is answered with an error instead of carried out.
    THROTTLED_OP_WAIT_TIME: Property "throttled_op_wait_time", OrOff<Time> =
        OrOff {
            off: OffWhen::NotPositive,
            meaning: "never",
            on: Time { unit: TimeUnit::Milliseconds, min: 1, max: INT },
        },
        None;
    /// How long a connection may stay open without asking for a session.
    SESSIONLESS_CNXN_TIMEOUT: Property "nio.sessionlessCnxnTimeout", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 10000;
    /// New sessions are let in by tokens; this many can be saved up.
    CONNECTION_TOKENS: Property "connection_throttle_tokens", OrOff<Int<u32>> =
        OrOff { off: OffWhen::NotPositive, meaning: "no throttling", on: POSITIVE }, None;
    /// Tokens come back this often.
    CONNECTION_FILL_TIME: Property "connection_throttle_fill_time", Time =
        Time { unit: TimeUnit::Milliseconds, min: 1, max: INT }, 1;
    /// Tokens that come back each time.
    CONNECTION_FILL_COUNT: Property "connection_throttle_fill_count", Int<u32> = COUNT, 1;
    /// Connections are also dropped at random, and the probability changes this often.
    CONNECTION_FREEZE_TIME: Property "connection_throttle_freeze_time", OrOff<Time> =
        OrOff { off: OffWhen::Negative, meaning: "never dropped", on: MILLIS }, None;
    /// What the probability grows by while tokens run short.
    CONNECTION_DROP_INCREASE: Property "connection_throttle_drop_increase",
        Fraction = Fraction, 0.02;
    /// What it shrinks by while there are enough.
    CONNECTION_DROP_DECREASE: Property "connection_throttle_drop_decrease",
        Fraction = Fraction, 0.002;
    /// The share of tokens above which there are enough.
    CONNECTION_DECREASE_RATIO: Property "connection_throttle_decrease_ratio",
        Fraction = Fraction, 0.0;
    /// Sessions take different numbers of tokens, by their kind.
    CONNECTION_WEIGHT_ENABLED: Property "connection_throttle_weight_enabled", Bool = Bool, false;
    /// Tokens of a new global session.
    CONNECTION_GLOBAL_WEIGHT: Property "connection_throttle_global_session_weight",
        Int<u32> = POSITIVE, 3;
    /// Tokens of a new local session.
    CONNECTION_LOCAL_WEIGHT: Property "connection_throttle_local_session_weight",
        Int<u32> = POSITIVE, 1;
    /// Tokens of a session that reconnects.
    CONNECTION_RENEW_WEIGHT: Property "connection_throttle_renew_session_weight",
        Int<u32> = POSITIVE, 2;
    /// Four-letter words that are answered, or `*` for all. `srvr` always is, and `isro` with
    /// `readonlymode.enabled`.
    FOUR_LETTER_WORDS: Property "4lw.commands.whitelist", List =
        List { what: "four-letter words or *" }, "srvr";
}
