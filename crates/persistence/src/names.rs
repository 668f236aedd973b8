//! What files are called, and which zxid a name stands for.
//!
//! Apache splits a name at its dots and takes the second part as hex, whatever follows, so
//! `snapshot.5.tmp` is a snapshot to it. Here a name must be exact, and what we have not finished
//! writing begins with [`TEMPORARY_PREFIX`], which neither side takes for anything.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use zoarium_proto::Zxid;

/// What the names of unfinished snapshots begin with.
pub const TEMPORARY_PREFIX: &str = "tmp.";

/// What the name of a received snapshot begins with from when it is the history until it has its
/// name. Apache's server does not take it for anything.
const RECEIVED_PREFIX: &str = "received.";

const LOG_PREFIX: &str = "log.";
const SNAPSHOT_PREFIX: &str = "snapshot.";

/// The name of the log file whose first entry has this zxid.
pub fn log_name(first: Zxid) -> String {
    format!("{LOG_PREFIX}{:x}", first.0)
}

/// The zxid of the first entry of the log file of this name; `None` if it is no log file.
pub fn parse_log_name(name: &str) -> Option<Zxid> {
    parse_hex(name.strip_prefix(LOG_PREFIX)?)
}

/// How a snapshot's bytes are packed; its name says which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, `.gz`.
    Gzip,
    /// The stream format of snappy-java, `.snappy`.
    Snappy,
}

impl Compression {
    const ALL: [Self; 3] = [Self::None, Self::Gzip, Self::Snappy];

    const fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Snappy => ".snappy",
        }
    }
}

/// What the name of a snapshot says of it. Ordered by zxid first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    /// Every txn up to this one is in the snapshot; later ones may be, in part.
    pub zxid: Zxid,
    /// How it is packed.
    pub compression: Compression,
}

impl SnapshotName {
    /// The file's name.
    pub fn file(self) -> String {
        format!("{SNAPSHOT_PREFIX}{:x}{}", self.zxid.0, self.compression.suffix())
    }

    /// The file's name while it is being written.
    pub fn temporary_file(self) -> String {
        format!("{TEMPORARY_PREFIX}{}", self.file())
    }

    /// The name of a snapshot that has taken the place of all other files, until these are gone.
    pub(crate) fn received_file(self) -> String {
        format!("{RECEIVED_PREFIX}{}", self.file())
    }

    /// The name of a received snapshot that is only kept beside the history.
    pub(crate) fn staged_file(self) -> String {
        format!("{TEMPORARY_PREFIX}{}", self.received_file())
    }

    /// What the name says if it is one of [`SnapshotName::received_file`].
    pub(crate) fn parse_received(name: &str) -> Option<Self> {
        Self::parse(name.strip_prefix(RECEIVED_PREFIX)?)
    }

    /// What the name says if it is one of [`SnapshotName::staged_file`].
    pub(crate) fn parse_staged(name: &str) -> Option<Self> {
        Self::parse_received(name.strip_prefix(TEMPORARY_PREFIX)?)
    }

    /// What the name says; `None` if it is not a snapshot's.
    pub fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix(SNAPSHOT_PREFIX)?;
        Compression::ALL.into_iter().find_map(|compression| {
            let zxid = parse_hex(rest.strip_suffix(compression.suffix())?)?;
            Some(Self { zxid, compression })
        })
    }
}

/// The log files among `names`, oldest first.
pub fn logs_among(names: &[String]) -> Vec<Zxid> {
    let mut logs: Vec<_> = names.iter().filter_map(|name| parse_log_name(name)).collect();
    logs.sort_unstable();
    logs.dedup();
    logs
}

/// The snapshots among `names`, oldest first.
pub fn snapshots_among(names: &[String]) -> Vec<SnapshotName> {
    let mut snapshots: Vec<_> = names.iter().filter_map(|name| SnapshotName::parse(name)).collect();
    snapshots.sort_unstable();
    snapshots
}

/// A zxid is a signed long to Apache, so its highest bit is never set. Only the spelling that
/// [`log_name`] and Apache use is accepted, or the name could not be found from the zxid.
fn parse_hex(text: &str) -> Option<Zxid> {
    let canonical = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && (text == "0" || !text.starts_with('0'));
    let value = u64::from_str_radix(text, 16).ok().filter(|&value| value <= i64::MAX as u64)?;
    canonical.then_some(Zxid(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_apache_gives() {
        assert_eq!(log_name(Zxid(0x1_0000_001a)), "log.10000001a");
        assert_eq!(parse_log_name("log.10000001a"), Some(Zxid(0x1_0000_001a)));
        let name = SnapshotName { zxid: Zxid(0x12), compression: Compression::Gzip };
        assert_eq!(name.file(), "snapshot.12.gz");
        assert_eq!(SnapshotName::parse("snapshot.12.gz"), Some(name));
        assert_eq!(
            SnapshotName::parse("snapshot.0"),
            Some(SnapshotName { zxid: Zxid::ZERO, compression: Compression::None })
        );
    }

    #[test]
    fn other_names_are_ignored() {
        for name in
            ["", "log", "log.", "log.g", "log.1.bak", "log.+1", "LOG.1", "log.8000000000000000"]
        {
            assert_eq!(parse_log_name(name), None, "{name}");
        }
        for name in
            ["snapshot.5.tmp", "tmp.snapshot.5", "snapshot..gz", "snapshot.5.gz.gz", "log.5"]
        {
            assert_eq!(SnapshotName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn received_snapshots_count_for_nothing_by_their_names() {
        let name = SnapshotName { zxid: Zxid(0x5a), compression: Compression::Snappy };
        let (received, staged) = (name.received_file(), name.staged_file());
        assert_eq!(received, "received.snapshot.5a.snappy");
        assert_eq!(staged, "tmp.received.snapshot.5a.snappy");
        assert_eq!(SnapshotName::parse_received(&received), Some(name));
        assert_eq!(SnapshotName::parse_staged(&staged), Some(name));
        for file in [&received, &staged] {
            assert_eq!((SnapshotName::parse(file), parse_log_name(file)), (None, None));
        }
        assert_eq!(SnapshotName::parse_received(&staged), None);
        assert_eq!(SnapshotName::parse_staged(&received), None);
    }
}
