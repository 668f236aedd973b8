//! What processes of this machine cost, from the kernel's accounts.

use crate::error::BenchError;
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, ErrorKind};
use std::time::Duration;

/// CPU time used up to a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// By the servers that run here.
    pub servers: Duration,
    /// By this process.
    pub own: Duration,
    /// By all processes of the machine.
    pub machine: Duration,
}

impl Cpu {
    /// That of the servers with these process ids, in steps of a hundredth of a second.
    ///
    /// # Errors
    /// If one of them is gone.
    pub fn now(pids: &[u32]) -> Result<Self, BenchError> {
        let of =
            |pid: &u32| process(*pid).map_err(|source| BenchError::Process { pid: *pid, source });
        let servers = pids.iter().map(of).sum::<Result<Duration, _>>()?;
        Ok(Self { servers, own: own(), machine: machine() })
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            servers: self.servers + other.servers,
            own: self.own + other.own,
            machine: self.machine + other.machine,
        }
    }

    /// What was used since an earlier moment.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            servers: self.servers.saturating_sub(earlier.servers),
            own: self.own.saturating_sub(earlier.own),
            machine: self.machine.saturating_sub(earlier.machine),
        }
    }
}

fn own() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

fn ticks(count: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_nanos(count.saturating_mul(1_000_000_000 / per_second))
}

/// User and system time of a process, all threads, in steps of a hundredth of a second.
fn process(pid: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field, a name in parentheses, may contain anything.
    let behind_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut fields = behind_name.split(' ').skip(11).map_while(|field| field.parse::<u64>().ok());
    match (fields.next(), fields.next()) {
        (Some(user), Some(system)) => Ok(ticks(user + system)),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "no times in its stat")),
    }
}

/// Busy time of the whole machine, what a hypervisor took included; 0 where nobody tells.
fn machine() -> Duration {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let fields: Vec<u64> =
        line.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; what guests use is part of user.
    let busy = |(index, count): (usize, &u64)| if [3, 4].contains(&index) { 0 } else { *count };
    ticks(fields.iter().take(8).enumerate().map(busy).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_agree_about_this_process() {
        let before = Cpu::now(&[std::process::id()]).unwrap();
        let mut sum = 0_u64;
        while own() - before.own < Duration::from_millis(50) {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        let used = Cpu::now(&[std::process::id()]).unwrap().since(before);
        assert!(used.own >= Duration::from_millis(50), "{used:?} {sum}");
        assert!(used.servers.abs_diff(used.own) <= Duration::from_millis(40), "{used:?}");
    }

    #[test]
    fn process_that_is_gone_is_named() {
        let error = Cpu::now(&[u32::MAX]).unwrap_err().to_string();
        assert!(error.starts_with("process 4294967295: "), "{error}");
    }
}
