//! What the operating system knows about this process.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Ticks in a second of `/proc/<pid>/stat`: `USER_HZ`, 100 on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes of a page as `/proc/<pid>/statm` counts them. Systems with larger pages see the resident
/// size too small.
const PAGE_BYTES: u64 = 4096;

/// Resources in use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUsage {
    /// CPU time of all threads, user and system.
    pub cpu_seconds: f64,
    /// When the process started, in seconds since 1970.
    pub start_time_seconds: f64,
    /// Open files, sockets among them.
    pub file_descriptors_open: u64,
    /// How many it may have.
    pub file_descriptors_max: u64,
    /// Address space.
    pub virtual_memory_bytes: u64,
    /// Memory.
    pub resident_memory_bytes: u64,
}

impl ProcessUsage {
    /// Reads it. `None` where there is no `/proc`.
    pub fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name, in parentheses, may hold spaces; fields are counted from after it.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field)?.parse::<u32>().ok().map(f64::from);
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        let mut pages = statm.split_whitespace().map_while(|pages| pages.parse::<u64>().ok());
        let since_boot = ticks(19)? / TICKS_PER_SECOND;
        Some(Self {
            cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
            start_time_seconds: boot_time()?.as_secs_f64() + since_boot,
            file_descriptors_open: open_files()?,
            file_descriptors_max: open_files_max()?,
            virtual_memory_bytes: pages.next()? * PAGE_BYTES,
            resident_memory_bytes: pages.next()? * PAGE_BYTES,
        })
    }
}

fn open_files() -> Option<u64> {
    // One of them is the handle of this very listing.
    let files = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u64::try_from(files).ok()
}

fn open_files_max() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    Some(soft.parse().unwrap_or(u64::MAX))
}

fn boot_time() -> Option<Duration> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    let uptime = Duration::try_from_secs_f64(seconds).ok()?;
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(uptime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_linux_process_finds_itself() {
        let usage = ProcessUsage::read().unwrap();
        assert!(usage.file_descriptors_open >= 3, "{usage:?}");
        assert!(usage.file_descriptors_max >= usage.file_descriptors_open, "{usage:?}");
        assert!(usage.virtual_memory_bytes >= usage.resident_memory_bytes, "{usage:?}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!(usage.start_time_seconds <= now + 1.0 && usage.start_time_seconds > now - 1e7);
    }
}
