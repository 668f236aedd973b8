//! Two connections that ask all the time, one reads and one writes, and what excuses a server that
//! lets them wait.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::probe::{Running, Seen, Stretch, Waits, probe, watch_server};
use super::told::{Told, row};
use crate::bench::pipe::{get, set};
use crate::report::say;

/// What no server may take longer.
pub(super) const PAUSE_MAX: Duration = Duration::from_millis(5);
/// Pauses that are told one by one.
const TOLD: usize = 6;

/// Everything that looks at a server while something else happens to it.
#[derive(Debug)]
pub(super) struct Trial {
    began: Instant,
    reads: Running<Seen>,
    writes: Running<Seen>,
    servers: Vec<Running<Waits>>,
}

impl Trial {
    /// Reads one znode and writes another, once a millisecond each. `pids` are those of the servers
    /// that it takes to answer.
    pub(super) fn begin(port: u16, pids: &[u32], read: String, written: String) -> Result<Self> {
        Ok(Self {
            began: Instant::now(),
            reads: probe(port, move || get(&read, false))?,
            writes: probe(port, move || set(&written, b"changed"))?,
            servers: pids.iter().map(|pid| watch_server(*pid)).collect(),
        })
    }

    /// Ends it.
    pub(super) fn end(self) -> Result<Verdict> {
        let (reads, writes) = (self.reads.stop()?, self.writes.stop()?);
        let (mut processor, mut disk) = (Vec::new(), Vec::new());
        for server in self.servers {
            let waits = server.stop()?;
            processor.extend(waits.processor);
            disk.extend(waits.disk);
        }
        let processor_and_disk = processor.iter().chain(&disk).copied().collect();
        Ok(Verdict { began: self.began, reads, writes, processor, processor_and_disk })
    }
}

/// What was seen, and what excuses a server.
#[derive(Debug)]
pub(super) struct Verdict {
    began: Instant,
    pub(super) reads: Seen,
    pub(super) writes: Seen,
    /// Excuses reads.
    processor: Vec<Stretch>,
    /// Excuses writes.
    processor_and_disk: Vec<Stretch>,
}

/// Something that took more than 5 ms.
#[derive(Debug)]
struct Pause {
    op: &'static str,
    stretch: Stretch,
    /// What nothing excuses.
    own: Duration,
}

impl Pause {
    fn is_guilty(&self) -> bool {
        self.own > PAUSE_MAX
    }
}

impl Verdict {
    /// Pauses of reads, and of writes.
    fn pauses(&self) -> [Vec<Pause>; 2] {
        let of = |op, seen: &Seen, excuses: &[Stretch]| -> Vec<Pause> {
            let pause = |(stretch, waited): &(Stretch, Duration)| Pause {
                op,
                stretch: *stretch,
                own: stretch
                    .took
                    .saturating_sub(stretch.covered_by(excuses))
                    .saturating_sub(*waited),
            };
            seen.pauses.iter().map(pause).collect()
        };
        [
            of("read", &self.reads, &self.processor),
            of("write", &self.writes, &self.processor_and_disk),
        ]
    }

    /// How many pauses are the server's fault.
    pub(super) fn guilty(&self) -> usize {
        self.pauses().iter().flatten().filter(|pause| pause.is_guilty()).count()
    }

    /// Quantiles in a table, and on the terminal the worst pauses.
    pub(super) fn tell(&self, told: &mut Told) {
        let head = ["", "p50, µs", "p99", "p99.9", "longest", "over 5 ms", "not excused"];
        let mut rows = vec![row(head)];
        let [of_reads, of_writes] = self.pauses();
        for (name, seen, pauses) in
            [("reads", &self.reads, &of_reads), ("writes", &self.writes, &of_writes)]
        {
            let mut row = row([name]);
            row.extend(seen.quantiles().map(|micros| format!("{micros:.0}")));
            row.push(pauses.len().to_string());
            row.push(pauses.iter().filter(|pause| pause.is_guilty()).count().to_string());
            rows.push(row);
        }
        told.table(rows);
        let mut pauses: Vec<_> = of_reads.into_iter().chain(of_writes).collect();
        pauses.sort_by_key(|pause| Reverse((pause.own, pause.stretch.took)));
        for Pause { op, stretch, own } in pauses.iter().take(TOLD) {
            say(&format!(
                "  a {op} took {:.1} ms after {:.1} s; {:.1} ms of it nothing excuses",
                stretch.took.as_secs_f64() * 1e3,
                stretch.began.saturating_duration_since(self.began).as_secs_f64(),
                own.as_secs_f64() * 1e3
            ));
        }
        if pauses.len() > TOLD {
            say(&format!("  and {} more over 5 ms", pauses.len() - TOLD));
        }
    }

    pub(super) fn json(&self) -> Value {
        let of = |seen: &Seen| {
            let [p50, p99, p999, max] = seen.quantiles();
            json!({ "p50_us": p50, "p99_us": p99, "p99.9_us": p999, "max_us": max,
                    "over_5_ms": seen.pauses.len() })
        };
        json!({ "read": of(&self.reads), "write": of(&self.writes), "pauses": self.guilty() })
    }
}
