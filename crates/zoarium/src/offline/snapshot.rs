//! `zoarium snapshot`: what is in snapshots.

use clap::{Args, Subcommand};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zoarium_forensics::compare::compare;
use zoarium_forensics::disk::DiskDir;
use zoarium_forensics::document::write_document;
use zoarium_forensics::past::one_snapshot;
use zoarium_forensics::sizes::{Size, sizes};
use zoarium_forensics::txn_show::Escaped;
use zoarium_forensics::{Error, Place};
use zoarium_persistence::snapshot::convert_snapshot;
use zoarium_persistence::{Compression, SnapshotName};
use zoarium_proto::Zxid;
use zoarium_tree::Tree;

use super::bar::Bar;
use super::log::write_difference;
use super::{DataArguments, Outcome, Output, Packing, bytes, parse_path};

/// Look into the snapshots of a server, pack them otherwise.
#[derive(Args, Debug)]
pub(crate) struct SnapshotArguments {
    #[command(subcommand)]
    command: SnapshotCommand,
}

#[derive(Debug, Subcommand)]
enum SnapshotCommand {
    /// What a snapshot holds, in numbers.
    Summary(SummaryArguments),
    /// How much lies below each znode.
    Sizes(SizesArguments),
    /// What differs between two snapshots.
    ///
    /// Exit code: 0 if nothing does, 1 if something does.
    Compare(CompareArguments),
    /// Write a subtree as one JSON document, which the shell's import reads.
    Extract(ExtractArguments),
    /// Write a snapshot packed in another way. The original stays.
    Convert(ConvertArguments),
}

#[derive(Args, Debug)]
struct SummaryArguments {
    #[command(flatten)]
    data: DataArguments,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct SizesArguments {
    #[command(flatten)]
    data: DataArguments,
    /// Where to begin.
    #[arg(default_value = "/", value_parser = parse_path)]
    path: String,
    /// How many levels are shown; all are counted.
    #[arg(long, default_value_t = 2, value_name = "N")]
    depth: usize,
    /// Show only the N with the most data.
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Show znodes without children too.
    #[arg(long)]
    leaves: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct CompareArguments {
    /// A snapshot, or a data directory whose newest one is meant.
    first: PathBuf,
    /// Another.
    second: PathBuf,
    /// Only this znode and all below it.
    #[arg(long, default_value = "/", value_parser = parse_path)]
    path: String,
    /// Compare versions, zxids and owners too, not only data, ACLs and kinds.
    #[arg(long)]
    stat: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct ExtractArguments {
    #[command(flatten)]
    data: DataArguments,
    /// The znode to begin with.
    #[arg(default_value = "/", value_parser = parse_path)]
    path: String,
    /// Where to write; standard output if absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct ConvertArguments {
    #[command(flatten)]
    data: DataArguments,
    /// How to pack it.
    #[arg(long, value_enum, value_name = "PACKING")]
    to: Packing,
    /// The directory to write to; beside the original if absent.
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &SnapshotArguments, out: &mut Output) -> Outcome {
    match &arguments.command {
        SnapshotCommand::Summary(arguments) => summary(arguments, out),
        SnapshotCommand::Sizes(arguments) => show_sizes(arguments, out),
        SnapshotCommand::Compare(arguments) => show_differences(arguments, out),
        SnapshotCommand::Extract(arguments) => extract(arguments, out),
        SnapshotCommand::Convert(arguments) => convert(arguments, out),
    }
}

fn load(place: &Place) -> Result<(SnapshotName, Tree, Zxid), Error> {
    one_snapshot(place, &mut Bar::new(false))
}

fn summary(arguments: &SummaryArguments, out: &mut Output) -> Outcome {
    let place = arguments.data.place()?;
    let (name, tree, seen) = load(&place)?;
    let file = place.dirs.snapshots.real().path().join(name.file());
    let size = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
    let all = sizes(&tree, "/", 0, true)?.into_iter().next();
    let (data, largest) = all.map_or((0, 0), |all| (all.data_bytes, all.largest_bytes));
    let digest = format!("{:#x}", tree.digest());
    let (sessions, ephemerals) = (tree.sessions().len(), tree.ephemerals_count());
    if arguments.json {
        let object = json!({
            "file": file.display().to_string(), "file_bytes": size, "zxid": name.zxid.to_string(),
            "seen": seen.to_string(), "znodes": tree.znode_count(), "data_bytes": data,
            "largest_bytes": largest, "sessions": sessions, "ephemerals": ephemerals,
            "digest": digest,
        });
        writeln!(out, "{object}")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{}, {}", file.display(), bytes(size))?;
    writeln!(out, "zxid            {} (epoch {})", name.zxid, name.zxid.epoch())?;
    if seen > name.zxid {
        writeln!(
            out,
            "seen            {seen}: written while transactions went on, exact only after replay"
        )?;
    }
    writeln!(out, "znodes          {}, as Apache counts them", tree.znode_count())?;
    writeln!(out, "data            {}, the largest {}", bytes(data), bytes(largest))?;
    writeln!(out, "sessions        {sessions}")?;
    writeln!(out, "ephemerals      {ephemerals}")?;
    writeln!(out, "digest          {digest}")?;
    Ok(ExitCode::SUCCESS)
}

fn show_sizes(arguments: &SizesArguments, out: &mut Output) -> Outcome {
    let (_, tree, _) = load(&arguments.data.place()?)?;
    let mut all = sizes(&tree, &arguments.path, arguments.depth, arguments.leaves)?;
    if let Some(top) = arguments.top {
        all.sort_by_key(|size| std::cmp::Reverse(size.data_bytes));
        all.truncate(top);
    }
    if !arguments.json {
        writeln!(
            out,
            "{:>10} {:>10} {:>10} {:>12}  path",
            "znodes", "children", "ephemerals", "data"
        )?;
    }
    for size in &all {
        write_size(size, arguments.json, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_size(size: &Size, json: bool, out: &mut Output) -> Result<(), Error> {
    if json {
        serde_json::to_writer(&mut *out, size)?;
        return Ok(writeln!(out)?);
    }
    let Size { path, znodes, data_bytes, children, ephemerals, .. } = size;
    let (data, path) = (bytes(*data_bytes), Escaped(path));
    Ok(writeln!(out, "{znodes:10} {children:10} {ephemerals:10} {data:>12}  {path}")?)
}

fn show_differences(arguments: &CompareArguments, out: &mut Output) -> Outcome {
    let (_, first, _) = load(&Place::find(&arguments.first, None)?)?;
    let (_, second, _) = load(&Place::find(&arguments.second, None)?)?;
    let mut differ = false;
    compare(&first, &second, &arguments.path, !arguments.stat, &mut |difference| {
        differ = true;
        write_difference(&difference, None, arguments.json, out)
    })?;
    Ok(ExitCode::from(u8::from(differ)))
}

fn extract(arguments: &ExtractArguments, out: &mut Output) -> Outcome {
    let (_, tree, _) = load(&arguments.data.place()?)?;
    match &arguments.output {
        None => write_document(&tree, &arguments.path, out)?,
        Some(path) => {
            let failed = |source| Error::Path { path: path.clone(), source };
            let mut file = BufWriter::new(File::create(path).map_err(failed)?);
            write_document(&tree, &arguments.path, &mut file)?;
            file.flush().map_err(failed)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn convert(arguments: &ConvertArguments, out: &mut Output) -> Outcome {
    let place = arguments.data.place()?;
    let name = match place.snapshot_named()? {
        Some(name) => name,
        None => load(&place)?.0,
    };
    let from = place.dirs.snapshots.real().path();
    let to = arguments.output.as_deref().unwrap_or(from);
    let compression: Compression = arguments.to.into();
    let target = to.join(SnapshotName { zxid: name.zxid, compression }.file());
    if target.exists() {
        return Err(already_there(&target));
    }
    let mut bar = Bar::new(false);
    let mut on_progress = |done, total| zoarium_forensics::Progress::at(&mut bar, done, total);
    let (source, directory) = (&place.dirs.snapshots, DiskDir::new(to));
    convert_snapshot(source, name, directory, compression, &mut on_progress)?.publish()?;
    drop(bar);
    let size = std::fs::metadata(&target).map_or(0, |metadata| metadata.len());
    writeln!(out, "{}, {}", target.display(), bytes(size))?;
    Ok(ExitCode::SUCCESS)
}

fn already_there(path: &Path) -> Error {
    Error::Path { path: path.to_owned(), source: std::io::ErrorKind::AlreadyExists.into() }
}
