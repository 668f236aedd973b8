//! Reading logs from end to end at the speed of the disk.
//!
//! Each entry is checked (its checksum, its end mark) and lent to a visitor as bytes with the header
//! decoded. Whether more of it is decoded is the visitor's choice, so what a filter drops costs no
//! allocation. Memory is bounded by the read buffer and one entry. Damage ends a file, not the scan.

use std::ops::ControlFlow;

use zoarium_persistence::log::follows;
use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_persistence::names::{log_name, logs_among};
use zoarium_persistence::{Dir, DirFile, LogEntry, LogFileReader, StorageError, StorageWarning};
use zoarium_proto::txn::{LoggedTxn, TxnHeader};
use zoarium_proto::{DecodeError, Reader, Zxid};

use crate::error::Error;
use crate::place::Place;
use crate::progress::Progress;

/// The largest txn that a scan accepts, in bytes: more than any server does, because how large one
/// was is something to find out and not a reason to stop.
pub const SCAN_TXN_SIZE_MAX: u32 = 64 << 20;

/// One entry of a log.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The entry as it stands in its file.
    pub entry: LogEntry<'a>,
    /// Its header.
    pub header: TxnHeader,
    /// The type in its header, as it stands there; not every value is an operation.
    pub kind: i32,
    /// What stands behind the header.
    pub body: &'a [u8],
}

impl<'a> Record<'a> {
    fn new(entry: LogEntry<'a>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(entry.txn);
        let (header, kind) = TxnHeader::decode(&mut reader)?;
        Ok(Self { entry, header, kind, body: reader.rest() })
    }

    /// All of it.
    ///
    /// # Errors
    /// If it is no txn.
    pub fn decode(&self) -> Result<LoggedTxn<'a>, StorageError> {
        self.entry.decode()
    }
}

/// Something about the logs that whoever reads them should know.
#[derive(Debug)]
pub enum Trouble {
    /// A file is damaged; nothing behind that place was read.
    Damage(StorageError),
    /// Something odd that every server lives with.
    Oddity(StorageWarning),
    /// Two entries that stand next to each other are not consecutive.
    Hole {
        /// The first one.
        previous: Zxid,
        /// The second one.
        found: Zxid,
        /// Its file.
        file: String,
        /// Where it begins there.
        offset: u64,
    },
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damage(error) => write!(f, "{error}"),
            Self::Oddity(warning) => write!(f, "{warning}"),
            Self::Hole { previous, found, file, offset } if found <= previous => write!(
                f,
                "history goes back: {file} has zxid {found} at byte {offset}, after {previous}; one \
                 of the two was never committed or a file is a copy"
            ),
            Self::Hole { previous, found, file, offset } => write!(
                f,
                "transactions are missing: {file} has zxid {found} at byte {offset}, after {previous}"
            ),
        }
    }
}

/// What a scan has come across.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Entries read.
    pub entries: u64,
    /// Bytes of the files that were read, reserved space included.
    pub bytes: u64,
    /// Files read.
    pub files: u64,
    /// What is odd, in the order of the files.
    pub troubles: Vec<Trouble>,
}

impl Scanned {
    /// Whether something is damaged, so that entries may be missing from what was shown.
    pub fn is_damaged(&self) -> bool {
        self.troubles.iter().any(|trouble| matches!(trouble, Trouble::Damage(_)))
    }
}

/// What a visitor answers: go on, or enough.
pub type Visited = Result<ControlFlow<()>, Error>;

/// Shows all entries with zxids from `from` to `to` to a visitor, file by file. Files that can hold
/// none of these by their names are not opened.
///
/// # Errors
/// If a file cannot be read at all, or as the visitor says.
pub fn scan(
    place: &Place,
    (from, to): (Zxid, Zxid),
    progress: &mut dyn Progress,
    visit: &mut dyn FnMut(&Record<'_>) -> Visited,
) -> Result<Scanned, Error> {
    let logs = &place.dirs.logs;
    let names = match &place.file {
        Some(name) => vec![name.clone()],
        None => names_within(logs, from, to)?,
    };
    let mut total = 0;
    for name in &names {
        total += LogFileReader::open(logs, name, false, MAX_TXN_SIZE)?.size();
    }
    let scanned = Scanned::default();
    let mut run = Run { from, to, last: None, scanned, total, progress, visit };
    for (index, name) in names.iter().enumerate() {
        let newest = index + 1 == names.len();
        let file = LogFileReader::open(logs, name, newest, SCAN_TXN_SIZE_MAX)?;
        if run.file(file)?.is_break() {
            break;
        }
    }
    Ok(run.scanned)
}

/// How many bytes are read between two reports of progress.
const PROGRESS_STEP: u64 = 8 << 20;

/// A scan under way.
struct Run<'v> {
    from: Zxid,
    to: Zxid,
    /// The entry before, in whatever file.
    last: Option<Zxid>,
    scanned: Scanned,
    /// Bytes of all files.
    total: u64,
    progress: &'v mut dyn Progress,
    visit: &'v mut dyn FnMut(&Record<'_>) -> Visited,
}

impl Run<'_> {
    fn file<F: DirFile>(&mut self, mut file: LogFileReader<F>) -> Visited {
        let before = self.scanned.bytes;
        let mut shown = 0;
        loop {
            if file.position() - shown >= PROGRESS_STEP {
                shown = file.position();
                self.progress.at(before + shown, self.total);
            }
            match file.next() {
                Ok(Some(entry)) if entry.zxid <= self.to => {
                    if self.entry(entry)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Ok(Some(_) | None) => break,
                Err(error) => {
                    self.scanned.troubles.push(Trouble::Damage(error));
                    break;
                }
            }
        }
        self.scanned.troubles.extend(file.take_warning().map(Trouble::Oddity));
        self.scanned.files += 1;
        self.scanned.bytes += file.size();
        self.progress.at(self.scanned.bytes, self.total);
        Ok(ControlFlow::Continue(()))
    }

    fn entry(&mut self, entry: LogEntry<'_>) -> Visited {
        let (zxid, offset) = (entry.zxid, entry.offset);
        if let Some(previous) = self.last.replace(zxid)
            && !follows(previous, zxid)
        {
            let file = entry.file.to_owned();
            self.scanned.troubles.push(Trouble::Hole { previous, found: zxid, file, offset });
        }
        self.scanned.entries += 1;
        if zxid < self.from {
            return Ok(ControlFlow::Continue(()));
        }
        match Record::new(entry) {
            Ok(record) => (self.visit)(&record),
            Err(source) => {
                let error = StorageError::Txn { file: entry.file.into(), offset, zxid, source };
                self.scanned.troubles.push(Trouble::Damage(error));
                Ok(ControlFlow::Continue(()))
            }
        }
    }
}

/// The logs that can hold entries from `from` to `to`, oldest first.
fn names_within<D: Dir>(logs: &D, from: Zxid, to: Zxid) -> Result<Vec<String>, Error> {
    let names = logs.names().map_err(|error| Error::Path {
        path: logs.path_of("").into(),
        source: std::io::Error::other(error),
    })?;
    let all = logs_among(&names);
    if all.is_empty() {
        return Err(Error::NoLog { directory: logs.path_of("") });
    }
    let start = all.partition_point(|&first| first <= from).saturating_sub(1);
    let within = all[start..].iter().filter(|&&first| first <= to);
    Ok(within.map(|&first| log_name(first)).collect())
}
