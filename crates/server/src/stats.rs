//! What the server and each of its connections count: the numbers of `srvr`, `stat` and `cons`.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use zoarium_proto::{OpCode, Zxid};

use crate::metrics::{Counter, Reading, Timing};

/// Counted for the whole server (Apache: `ServerStats`).
#[derive(Debug, Default)]
pub struct ServerStats {
    /// Packets from clients: requests, session openings, four letter words.
    pub packets_received: Counter,
    /// Packets to clients: replies, watch events, answers to four letter words.
    pub packets_sent: Counter,
    /// Requests, from arrival to reply.
    pub latency: Timing,
    /// Bytes of the replies.
    pub client_response_sizes: Sizes,
    /// Bytes of the proposals of this leader.
    pub proposal_sizes: Sizes,
    /// Fsyncs of the log that took longer than `fsync.warningthresholdms`.
    pub fsync_threshold_exceeded: Counter,
    /// Failed authentications.
    pub auth_failed: Counter,
    /// Connections from other hosts without a client certificate.
    pub non_mtls_remote_connections: Counter,
    /// Connections from this host without a client certificate.
    pub non_mtls_local_connections: Counter,
}

impl ServerStats {
    /// What `srst` resets besides the metrics: packets, latency and sizes of replies.
    pub fn reset(&self) {
        self.packets_received.reset();
        self.packets_sent.reset();
        self.latency.reset();
        self.client_response_sizes.reset();
    }

    /// All of it at one moment.
    pub fn read(&self) -> ServerStatsReading {
        ServerStatsReading {
            packets_received: self.packets_received.get(),
            packets_sent: self.packets_sent.get(),
            latency: self.latency.read(),
            client_response_sizes: self.client_response_sizes.read(),
            fsync_threshold_exceeded: self.fsync_threshold_exceeded.get(),
            auth_failed: self.auth_failed.get(),
            non_mtls_remote_connections: self.non_mtls_remote_connections.get(),
            non_mtls_local_connections: self.non_mtls_local_connections.get(),
        }
    }
}

/// [`ServerStats`] at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerStatsReading {
    /// See [`ServerStats::packets_received`].
    pub packets_received: u64,
    /// See [`ServerStats::packets_sent`].
    pub packets_sent: u64,
    /// See [`ServerStats::latency`]; in microseconds.
    pub latency: Reading,
    /// See [`ServerStats::client_response_sizes`].
    pub client_response_sizes: SizesReading,
    /// See [`ServerStats::fsync_threshold_exceeded`].
    pub fsync_threshold_exceeded: u64,
    /// See [`ServerStats::auth_failed`].
    pub auth_failed: u64,
    /// See [`ServerStats::non_mtls_remote_connections`].
    pub non_mtls_remote_connections: u64,
    /// See [`ServerStats::non_mtls_local_connections`].
    pub non_mtls_local_connections: u64,
}

/// Last, smallest and largest of some sizes in bytes (Apache: `BufferStats`).
#[derive(Debug)]
pub struct Sizes {
    last: AtomicI64,
    min: AtomicI64,
    max: AtomicI64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { last: NONE.into(), min: i64::MAX.into(), max: NONE.into() }
    }
}

/// Stands for a size before there was one, in Apache's output too.
const NONE: i64 = -1;

impl Sizes {
    /// Notes one size.
    pub fn record(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.last.store(bytes, Relaxed);
        if bytes < self.min.load(Relaxed) {
            self.min.fetch_min(bytes, Relaxed);
        }
        if bytes > self.max.load(Relaxed) {
            self.max.fetch_max(bytes, Relaxed);
        }
    }

    /// Notes all sizes of a batch.
    pub fn record_all(&self, batch: &SizesTally) {
        if batch.count > 0 {
            self.record(batch.min);
            self.record(batch.max);
            self.record(batch.last);
        }
    }

    /// All three.
    pub fn read(&self) -> SizesReading {
        let min = self.min.load(Relaxed);
        SizesReading {
            last: self.last.load(Relaxed),
            min: if min == i64::MAX { NONE } else { min },
            max: self.max.load(Relaxed),
        }
    }

    /// Forgets them.
    pub fn reset(&self) {
        self.last.store(NONE, Relaxed);
        self.min.store(i64::MAX, Relaxed);
        self.max.store(NONE, Relaxed);
    }
}

/// Sizes in bytes that one thread gathers, so that it writes to shared memory once for many.
#[derive(Clone, Copy, Debug, Default)]
pub struct SizesTally {
    last: usize,
    min: usize,
    max: usize,
    count: usize,
    /// The sum of all, in bytes.
    pub sum: u64,
}

impl SizesTally {
    /// Notes one size.
    pub fn note(&mut self, bytes: usize) {
        self.min = if self.count == 0 { bytes } else { self.min.min(bytes) };
        self.max = self.max.max(bytes);
        self.last = bytes;
        self.count += 1;
        self.sum += bytes as u64;
    }
}

/// [`Sizes`] at one moment; -1 before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizesReading {
    /// The last, in bytes.
    pub last: i64,
    /// The smallest, in bytes.
    pub min: i64,
    /// The largest, in bytes.
    pub max: i64,
}

impl Default for SizesReading {
    fn default() -> Self {
        Self { last: NONE, min: NONE, max: NONE }
    }
}

/// Counted for one client connection (Apache: `ServerCnxn`). One task writes, any may read.
#[derive(Debug)]
pub struct ConnectionStats {
    packets_received: Counter,
    packets_sent: Counter,
    last_operation: AtomicI32,
    last_cxid: AtomicI32,
    last_zxid: AtomicI64,
    last_response_ms: AtomicU64,
    last_latency: AtomicU64,
    min_latency: AtomicU64,
    max_latency: AtomicU64,
    latency_sum: AtomicU64,
    latency_count: AtomicU64,
}

/// No operation has this wire value.
const NO_OPERATION: i32 = i32::MIN;

impl Default for ConnectionStats {
    fn default() -> Self {
        Self {
            packets_received: Counter::default(),
            packets_sent: Counter::default(),
            last_operation: NO_OPERATION.into(),
            last_cxid: AtomicI32::new(-1),
            last_zxid: AtomicI64::new(-1),
            last_response_ms: AtomicU64::new(0),
            last_latency: AtomicU64::new(0),
            min_latency: AtomicU64::new(u64::MAX),
            max_latency: AtomicU64::new(0),
            latency_sum: AtomicU64::new(0),
            latency_count: AtomicU64::new(0),
        }
    }
}

impl ConnectionStats {
    /// Packets came from the client.
    pub fn received(&self, count: u64) {
        self.packets_received.add(count);
    }

    /// Packets went to the client.
    pub fn sent(&self, count: u64) {
        self.packets_sent.add(count);
    }

    /// Requests were answered after the same time, the last of them this one. `cxid` is its xid:
    /// reserved ones (below 0) do not replace the last real one. `now_ms` is on the server's
    /// monotonic clock. One call for all keeps the count from costing more than the answers.
    pub fn answered(
        &self,
        count: u64,
        (op, cxid): (OpCode, i32),
        zxid: Zxid,
        latency: Duration,
        now_ms: u64,
    ) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        if cxid >= 0 {
            self.last_cxid.store(cxid, Relaxed);
        }
        self.last_operation.store(op.to_wire(), Relaxed);
        self.last_zxid.store(zxid.to_wire(), Relaxed);
        self.last_response_ms.store(now_ms, Relaxed);
        self.last_latency.store(micros, Relaxed);
        self.min_latency.fetch_min(micros, Relaxed);
        self.max_latency.fetch_max(micros, Relaxed);
        self.latency_sum.fetch_add(micros * count, Relaxed);
        self.latency_count.fetch_add(count, Relaxed);
    }

    /// What `crst` does.
    pub fn reset(&self) {
        self.packets_received.reset();
        self.packets_sent.reset();
        self.last_operation.store(NO_OPERATION, Relaxed);
        self.last_cxid.store(-1, Relaxed);
        self.last_zxid.store(-1, Relaxed);
        self.last_response_ms.store(0, Relaxed);
        self.last_latency.store(0, Relaxed);
        self.min_latency.store(u64::MAX, Relaxed);
        self.max_latency.store(0, Relaxed);
        self.latency_sum.store(0, Relaxed);
        self.latency_count.store(0, Relaxed);
    }

    /// All of it at one moment, latencies in milliseconds.
    pub fn read(&self) -> ConnectionStatsReading {
        let count = self.latency_count.load(Relaxed);
        let min = self.min_latency.load(Relaxed);
        ConnectionStatsReading {
            packets_received: self.packets_received.get(),
            packets_sent: self.packets_sent.get(),
            last_operation: operation_name(OpCode::from_wire(self.last_operation.load(Relaxed))),
            last_cxid: self.last_cxid.load(Relaxed),
            last_zxid: self.last_zxid.load(Relaxed),
            last_response_ms: self.last_response_ms.load(Relaxed),
            last_latency_ms: self.last_latency.load(Relaxed) / 1000,
            min_latency_ms: if count == 0 { 0 } else { min / 1000 },
            avg_latency_ms: self.latency_sum.load(Relaxed).checked_div(count).unwrap_or(0) / 1000,
            max_latency_ms: self.max_latency.load(Relaxed).div_ceil(1000),
        }
    }
}

/// [`ConnectionStats`] at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStatsReading {
    /// Packets from the client.
    pub packets_received: u64,
    /// Packets to the client.
    pub packets_sent: u64,
    /// The last answered operation in Apache's letters, such as `GETD`; `NA` before the first.
    pub last_operation: &'static str,
    /// Xid of the last request, -1 before the first.
    pub last_cxid: i32,
    /// Zxid in the last reply, -1 before the first.
    pub last_zxid: i64,
    /// Time of the last reply on the server's monotonic clock.
    pub last_response_ms: u64,
    /// Latency of the last request.
    pub last_latency_ms: u64,
    /// The shortest latency, rounded down.
    pub min_latency_ms: u64,
    /// The mean latency, rounded down.
    pub avg_latency_ms: u64,
    /// The longest latency, rounded up.
    pub max_latency_ms: u64,
}

/// What `cons` calls an operation (Apache: `FinalRequestProcessor`).
pub const fn operation_name(op: Option<OpCode>) -> &'static str {
    let Some(op) = op else { return "NA" };
    match op {
        OpCode::CreateSession => "SESS",
        OpCode::CloseSession => "CLOS",
        OpCode::Ping => "PING",
        OpCode::Create | OpCode::Create2 | OpCode::CreateTtl | OpCode::CreateContainer => "CREA",
        OpCode::Delete | OpCode::DeleteContainer => "DELE",
        OpCode::Exists => "EXIS",
        OpCode::GetData => "GETD",
        OpCode::SetData => "SETD",
        OpCode::GetAcl => "GETA",
        OpCode::SetAcl => "SETA",
        OpCode::GetChildren | OpCode::GetChildren2 => "GETC",
        OpCode::GetAllChildrenNumber => "GETACN",
        OpCode::GetEphemerals => "GETE",
        OpCode::Sync => "SYNC",
        OpCode::Check => "CHEC",
        OpCode::Multi => "MULT",
        OpCode::MultiRead => "MLTR",
        OpCode::Reconfig => "RECO",
        OpCode::SetWatches => "SETW",
        OpCode::SetWatches2 => "STW2",
        OpCode::AddWatch => "ADDW",
        OpCode::CheckWatches => "CHKW",
        OpCode::RemoveWatches => "REMW",
        OpCode::WhoAmI => "HOMI",
        // Answered before they reach the point where Apache notes the operation.
        OpCode::Auth | OpCode::Sasl | OpCode::Error => "NA",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_before_the_first_are_minus_one() {
        let sizes = Sizes::default();
        assert_eq!(sizes.read(), SizesReading { last: -1, min: -1, max: -1 });
        for bytes in [63, 36, 92, 63] {
            sizes.record(bytes);
        }
        assert_eq!(sizes.read(), SizesReading { last: 63, min: 36, max: 92 });
        sizes.reset();
        assert_eq!(sizes.read(), SizesReading::default());
    }

    #[test]
    fn batch_of_sizes_counts_like_its_sizes() {
        let (one_by_one, in_batches) = (Sizes::default(), Sizes::default());
        in_batches.record_all(&SizesTally::default());
        assert_eq!(in_batches.read(), SizesReading::default());
        for batch in [&[7, 9, 8][..], &[20], &[3, 4]] {
            let mut tally = SizesTally::default();
            for bytes in batch {
                one_by_one.record(*bytes);
                tally.note(*bytes);
            }
            assert_eq!(tally.sum, batch.iter().sum::<usize>() as u64);
            in_batches.record_all(&tally);
        }
        assert_eq!(in_batches.read(), one_by_one.read());
        assert_eq!(in_batches.read(), SizesReading { last: 4, min: 3, max: 20 });
    }

    #[test]
    fn reserved_xids_do_not_replace_the_last_one() {
        let stats = ConnectionStats::default();
        let before = stats.read();
        assert_eq!((before.last_operation, before.last_cxid, before.min_latency_ms), ("NA", -1, 0));
        let ms = Duration::from_millis;
        stats.answered(1, (OpCode::GetData, 7), Zxid(5), ms(2), 100);
        stats.answered(1, (OpCode::Ping, -2), Zxid(6), Duration::from_micros(500), 200);
        let reading = stats.read();
        assert_eq!((reading.last_operation, reading.last_cxid, reading.last_zxid), ("PING", 7, 6));
        assert_eq!((reading.min_latency_ms, reading.avg_latency_ms), (0, 1));
        assert_eq!((reading.max_latency_ms, reading.last_response_ms), (2, 200));
        stats.reset();
        assert_eq!(stats.read(), before);
    }

    #[test]
    fn a_reset_of_the_server_keeps_what_apache_keeps() {
        let stats = ServerStats::default();
        stats.packets_sent.increment();
        stats.auth_failed.increment();
        stats.latency.record(Duration::from_millis(3));
        stats.reset();
        let reading = stats.read();
        assert_eq!((reading.packets_sent, reading.auth_failed, reading.latency.count), (0, 1, 0));
    }
}
