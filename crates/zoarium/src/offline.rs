//! The offline tools on the command line: `log`, `snapshot`, `doctor` and `purge`.

mod bar;
mod doctor;
mod log;
mod purge;
mod snapshot;

pub(crate) use doctor::DoctorArguments;
pub(crate) use log::LogArguments;
pub(crate) use purge::PurgeArguments;
pub(crate) use snapshot::SnapshotArguments;

use clap::Args;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use zoarium_forensics::{Error, Place};
use zoarium_persistence::Compression;
use zoarium_proto::{SessionId, Zxid};

/// Where the files are.
#[derive(Args, Debug)]
struct DataArguments {
    /// A server's dataDir, its version-2, its zoo.cfg, or a single log or snapshot. Apache's and
    /// Zoarium's are the same.
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// The dataLogDir, if the logs lie apart from the snapshots. A zoo.cfg tells by itself.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
}

impl DataArguments {
    fn place(&self) -> Result<Place, Error> {
        Place::find(&self.data, self.log_dir.as_deref())
    }
}

/// What a command comes to: its exit code, or why it could not do its work.
type Outcome = Result<ExitCode, Error>;

/// Where commands write. It is large because a log may be.
type Output = BufWriter<StdoutLock<'static>>;

pub(crate) fn log(arguments: &LogArguments) -> ExitCode {
    finish("log", &mut |out| log::run(arguments, out))
}

pub(crate) fn snapshot(arguments: &SnapshotArguments) -> ExitCode {
    finish("snapshot", &mut |out| snapshot::run(arguments, out))
}

pub(crate) fn doctor(arguments: &DoctorArguments) -> ExitCode {
    finish("doctor", &mut |out| doctor::run(arguments, out))
}

pub(crate) fn purge(arguments: &PurgeArguments) -> ExitCode {
    finish("purge", &mut |out| purge::run(arguments, out))
}

/// Exit code of a command that could not do its work.
const FAILED: u8 = 2;

fn finish(command: &str, run: &mut dyn FnMut(&mut Output) -> Outcome) -> ExitCode {
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let outcome = run(&mut out);
    // What was written before an error belongs to the answer.
    let flushed = out.flush();
    match outcome.and_then(|code| Ok(flushed.map(|()| code)?)) {
        Ok(code) => code,
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("zoarium {command}: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Tells the operator something that is no part of the answer.
#[expect(clippy::print_stderr, reason = "the answer alone goes to standard output")]
fn complain(line: &str) {
    eprintln!("{line}");
}

/// Whether the operator agrees. Without a terminal to ask on, no.
#[expect(clippy::print_stderr, reason = "a question is no part of the answer")]
fn agrees(question: &str) -> bool {
    use std::io::IsTerminal;
    if !io::stdin().is_terminal() {
        complain("nothing is changed without --yes, as there is no terminal to ask on");
        return false;
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// A zxid as an operator writes it: hex with `0x`, decimal, or epoch and counter as in `3:17`.
fn parse_zxid(text: &str) -> Result<Zxid, String> {
    let zxid = match (text.strip_prefix("0x"), text.split_once(':')) {
        (Some(hex), _) => u64::from_str_radix(hex, 16).ok().map(Zxid),
        (None, Some((epoch, counter))) => {
            epoch.parse().ok().zip(counter.parse().ok()).map(|(e, c)| Zxid::new(e, c))
        }
        (None, None) => text.parse().ok().map(Zxid),
    };
    zxid.ok_or_else(|| "a zxid is written 0x10000002a, 4294967338 or 1:42".to_owned())
}

/// A znode's path as an operator writes it; slashes at its end do not matter.
fn parse_path(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    match path {
        "" if text.starts_with('/') => Ok("/".to_owned()),
        _ if path.starts_with('/') => Ok(path.to_owned()),
        _ => Err("the path of a znode begins with /".to_owned()),
    }
}

/// A session id as an operator writes it: hex with `0x`, or decimal.
fn parse_session(text: &str) -> Result<SessionId, String> {
    let id = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(u64::cast_signed),
        None => text.parse().ok(),
    };
    id.map(SessionId).ok_or_else(|| "a session is written 0x1000012c1940000".to_owned())
}

/// How a snapshot is packed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Packing {
    /// Not at all.
    None,
    /// gzip, as snapshot.compression.method=gz.
    Gzip,
    /// snappy, as snapshot.compression.method=snappy.
    Snappy,
}

impl From<Packing> for Compression {
    fn from(packing: Packing) -> Self {
        match packing {
            Packing::None => Self::None,
            Packing::Gzip => Self::Gzip,
            Packing::Snappy => Self::Snappy,
        }
    }
}

/// A count of bytes for people.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = "bytes";
    let (mut whole, mut rest) = (count, 0);
    for larger in UNITS {
        if whole < 1024 {
            break;
        }
        (whole, rest, unit) = (whole / 1024, whole % 1024, larger);
    }
    if unit == "bytes" {
        format!("{whole} bytes")
    } else {
        format!("{whole}.{} {unit}", rest * 10 / 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zxids_and_sessions_are_read_as_they_are_shown() {
        let zxid = Zxid::new(1, 42);
        for text in ["0x10000002a", "4294967338", "1:42"] {
            assert_eq!(parse_zxid(text), Ok(zxid), "{text}");
        }
        for text in ["", "0x", "x", "1:", "-1", "1:4294967296"] {
            assert!(parse_zxid(text).is_err(), "{text}");
        }
        for session in [SessionId(0x100_0012_c194_0000), SessionId(-5)] {
            assert_eq!(parse_session(&session.to_string()), Ok(session));
        }
    }

    #[test]
    fn paths_begin_with_a_slash_and_end_without() {
        assert_eq!(parse_path("/").as_deref(), Ok("/"));
        assert_eq!(parse_path("/a/b/").as_deref(), Ok("/a/b"));
        assert!(parse_path("a").is_err() && parse_path("").is_err());
    }

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
    }
}
