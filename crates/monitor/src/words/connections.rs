//! `cons` and the lines of clients in `stat`.

use super::srvr::hexadecimal;
use serde::Serialize;

/// One connection of a client.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Connection {
    /// Where it comes from, as `address:port`.
    pub from: String,
    /// Its session; `None` before the handshake, and for those who ask words.
    pub session: Option<u64>,
    /// Requests that wait.
    pub queued: Option<u64>,
    /// Requests received.
    pub received: Option<u64>,
    /// Replies and events sent.
    pub sent: Option<u64>,
    /// The last operation, in servers' four letters.
    pub last_operation: Option<String>,
    /// When it was established, in milliseconds since 1970.
    pub established_ms: Option<u64>,
    /// Its session timeout, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The last zxid it was told.
    pub zxid: Option<u64>,
    /// The latency of its last request, in milliseconds.
    pub last_latency_ms: Option<f64>,
    /// The mean.
    pub avg_latency_ms: Option<f64>,
    /// The greatest.
    pub max_latency_ms: Option<f64>,
}

impl Connection {
    /// Reads the answer to `cons` or `stat`; lines of another form are passed over.
    pub fn parse_all(text: &str) -> Vec<Self> {
        text.lines().filter_map(Self::parse).collect()
    }

    /// ` /10.0.0.7:34620[1](queued=0,recved=6,sent=6,sid=0x1…,…)`
    fn parse(line: &str) -> Option<Self> {
        let rest = line.trim().strip_prefix('/')?;
        let (from, rest) = rest.rsplit_once('[')?;
        let (_, fields) = rest.split_once("](")?;
        let fields = fields.strip_suffix(')')?;
        let value = |name: &str| {
            fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let number = |name: &str| value(name)?.parse().ok();
        let decimal = |name: &str| value(name)?.parse::<f64>().ok();
        // −1 on the wire: none yet.
        let is_there = |zxid: &u64| *zxid != u64::MAX;
        Some(Self {
            from: from.to_owned(),
            session: value("sid").and_then(hexadecimal).filter(|sid| *sid != 0),
            queued: number("queued"),
            received: number("recved"),
            sent: number("sent"),
            last_operation: value("lop").map(str::to_owned),
            established_ms: number("est"),
            timeout_ms: number("to"),
            zxid: value("lzxid").and_then(hexadecimal).filter(is_there),
            last_latency_ms: decimal("llat"),
            avg_latency_ms: decimal("avglat"),
            max_latency_ms: decimal("maxlat"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Apache 3.8.0.
    const CONS: &str = "\
 /127.0.0.1:34650[0](queued=0,recved=1,sent=0)
 /127.0.0.1:34620[1](queued=2,recved=6,sent=5,sid=0x100000bc6770030,lop=PING,est=1795427070696,\
to=30000,lcxid=0x4,lzxid=0xdd,lresp=1029340,llat=1,minlat=0,avglat=2,maxlat=3)
 /[0:0:0:0:0:0:0:1]:5[1](queued=0,recved=1,sent=1,sid=0x0,lzxid=0xffffffffffffffff)

";

    #[test]
    fn connections_are_read_with_and_without_sessions() {
        let found = Connection::parse_all(CONS);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].from.as_str(), found[0].session), ("127.0.0.1:34650", None));
        let full = &found[1];
        assert_eq!(full.session, Some(0x0100_000b_c677_0030));
        assert_eq!((full.queued, full.received, full.sent), (Some(2), Some(6), Some(5)));
        assert_eq!(full.last_operation.as_deref(), Some("PING"));
        assert_eq!((full.timeout_ms, full.zxid), (Some(30_000), Some(0xdd)));
        let latencies = (full.last_latency_ms, full.avg_latency_ms, full.max_latency_ms);
        assert_eq!(latencies, (Some(1.0), Some(2.0), Some(3.0)));
        assert_eq!(found[2].from, "[0:0:0:0:0:0:0:1]:5");
        assert_eq!((found[2].session, found[2].zxid), (None, None));
    }

    #[test]
    fn other_lines_are_passed_over() {
        assert_eq!(Connection::parse_all("Clients:\n /a[\n /[](\n/x](y[z](w\n"), []);
    }
}
