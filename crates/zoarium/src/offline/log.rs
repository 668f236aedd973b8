//! `zoarium log`: what is in the transaction logs.

use clap::{Args, Subcommand};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use zoarium_forensics::Error;
use zoarium_forensics::blame::{Addresses, Blame, blame};
use zoarium_forensics::compare::{Difference, compare};
use zoarium_forensics::document::write_document;
use zoarium_forensics::filter::{Filter, PathFilter};
use zoarium_forensics::moment::Moment;
use zoarium_forensics::past::{Past, tree_at};
use zoarium_forensics::scan::{Scanned, scan};
use zoarium_forensics::txn_show::{Escaped, KINDS, kind_name, op_name, write_json, write_text};
use zoarium_forensics::walk::{Step, nearest_ancestor, walk};
use zoarium_forensics::znode_json::{AclText, Lifetime, ZnodeJson};
use zoarium_proto::{OpCode, SessionId, Zxid};

use super::bar::Bar;
use super::{DataArguments, Outcome, Output, complain, parse_path, parse_session, parse_zxid};

/// Look into the transaction logs of a server, running or not.
#[derive(Args, Debug)]
pub(crate) struct LogArguments {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Show transactions, all or those that match.
    ///
    /// Several filters of one kind widen the choice, filters of different kinds narrow it. Exit code:
    /// 0, or 1 if a log is damaged so that not all of it could be shown.
    Dump(DumpArguments),
    /// Who created, changed and deleted a znode, and when.
    ///
    /// Logs know sessions. Where a session came from is found in server or audit logs, if you name
    /// some with --server-log.
    Blame(BlameArguments),
    /// The tree, or one znode, as it was after a transaction.
    At(AtArguments),
    /// What changed in the tree between two transactions.
    ///
    /// Exit code: 0 if nothing did, 1 if something did.
    Diff(DiffArguments),
}

#[derive(Args, Debug)]
struct DumpArguments {
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    filter: FilterArguments,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Show the data of znodes too.
    #[arg(long)]
    values: bool,
    /// Only count, by type.
    #[arg(long, conflicts_with = "values")]
    count: bool,
}

/// Which transactions.
#[derive(Args, Debug)]
struct FilterArguments {
    /// Name this znode or one below it; with a final * any path that begins so.
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// Are of this session.
    #[arg(long, value_name = "ID", value_parser = parse_session)]
    session: Vec<SessionId>,
    /// Are of this type, as in create, setData, multi, closeSession.
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_kind)]
    kind: Vec<OpCode>,
    /// From this zxid on.
    #[arg(long, value_name = "ZXID", value_parser = parse_zxid, default_value = "0")]
    from: Zxid,
    /// Up to this zxid.
    #[arg(long, value_name = "ZXID", value_parser = parse_zxid, default_value = "0x7fffffffffffffff")]
    to: Zxid,
    /// Not before this time (UTC), as in 2026-11-23 or 2026-11-23T09:40:18, or in ms since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Moment>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Moment>,
}

#[derive(Args, Debug)]
struct BlameArguments {
    #[command(flatten)]
    data: DataArguments,
    /// The znode.
    #[arg(value_parser = parse_path)]
    path: String,
    /// Look for the addresses of clients in this server or audit log, plain text.
    #[arg(long, value_name = "FILE")]
    server_log: Vec<PathBuf>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct AtArguments {
    #[command(flatten)]
    data: DataArguments,
    /// The transaction, or `last`.
    #[arg(value_parser = parse_when)]
    zxid: When,
    /// The znode. Without it, the paths of all.
    #[arg(value_parser = parse_path)]
    path: Option<String>,
    /// The znode and all below it as one JSON document, which the shell's import reads.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct DiffArguments {
    #[command(flatten)]
    data: DataArguments,
    /// The earlier transaction.
    #[arg(value_parser = parse_when)]
    from: When,
    /// The later transaction, or `last`.
    #[arg(value_parser = parse_when)]
    to: When,
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

/// A moment in the history.
#[derive(Clone, Copy, Debug)]
enum When {
    After(Zxid),
    Last,
}

impl When {
    const fn zxid(self) -> Option<Zxid> {
        match self {
            Self::After(zxid) => Some(zxid),
            Self::Last => None,
        }
    }
}

fn parse_when(text: &str) -> Result<When, String> {
    if text == "last" { Ok(When::Last) } else { parse_zxid(text).map(When::After) }
}

fn parse_time(text: &str) -> Result<Moment, String> {
    Moment::parse(text).ok_or_else(|| {
        "a time is written 2026-11-23, 2026-11-23T09:40:18 or in ms since 1970".into()
    })
}

fn parse_kind(text: &str) -> Result<OpCode, String> {
    let known = KINDS.into_iter().find(|&kind| op_name(kind).eq_ignore_ascii_case(text));
    let names = || KINDS.map(op_name).join(", ");
    known.ok_or_else(|| format!("the types are {}", names()))
}

pub(super) fn run(arguments: &LogArguments, out: &mut Output) -> Outcome {
    match &arguments.command {
        LogCommand::Dump(arguments) => dump(arguments, out),
        LogCommand::Blame(arguments) => show_blame(arguments, out),
        LogCommand::At(arguments) => at(arguments, out),
        LogCommand::Diff(arguments) => diff(arguments, out),
    }
}

impl FilterArguments {
    fn filter(&self) -> Filter {
        Filter {
            paths: self.path.iter().map(|path| PathFilter::parse(path)).collect(),
            sessions: self.session.clone(),
            kinds: self.kind.clone(),
            from: self.from,
            to: self.to,
            since: self.since,
            until: self.until,
        }
    }
}

fn dump(arguments: &DumpArguments, out: &mut Output) -> Outcome {
    let filter = arguments.filter.filter();
    let mut counts: BTreeMap<i32, u64> = BTreeMap::new();
    let mut bar = Bar::new(!arguments.count);
    let place = arguments.data.place()?;
    let scanned = scan(&place, (filter.from, filter.to), &mut bar, &mut |record| {
        // What cannot be read may be what is looked for.
        if filter.wants(record).unwrap_or(true) {
            if arguments.count {
                *counts.entry(record.kind).or_default() += 1;
            } else {
                let shown = if arguments.json {
                    write_json(record, out)
                } else {
                    write_text(record, arguments.values, out)
                };
                match shown {
                    Err(Error::Storage(error)) => complain(&format!("zoarium log: {error}")),
                    other => other?,
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    drop(bar);
    if arguments.count {
        write_counts(&counts, &scanned, arguments.json, out)?;
    }
    Ok(tell_troubles(&scanned))
}

fn write_counts(
    counts: &BTreeMap<i32, u64>,
    scanned: &Scanned,
    json: bool,
    out: &mut Output,
) -> Result<(), Error> {
    let matched: u64 = counts.values().sum();
    let mut by_name: BTreeMap<&str, u64> = BTreeMap::new();
    for (&kind, count) in counts {
        *by_name.entry(kind_name(kind)).or_default() += count;
    }
    if json {
        let (read, files, bytes) = (scanned.entries, scanned.files, scanned.bytes);
        let all = json!({"matched": matched, "read": read, "files": files, "bytes": bytes,
                         "types": by_name});
        return Ok(writeln!(out, "{all}")?);
    }
    for (name, count) in by_name {
        writeln!(out, "{count:12}  {name}")?;
    }
    Ok(writeln!(out, "{matched:12}  of {} in {} files", scanned.entries, scanned.files)?)
}

/// Says what is odd about the logs. The exit code tells whether something may be missing.
fn tell_troubles(scanned: &Scanned) -> ExitCode {
    for trouble in &scanned.troubles {
        complain(&format!("zoarium log: {trouble}"));
    }
    ExitCode::from(u8::from(scanned.is_damaged()))
}

fn show_blame(arguments: &BlameArguments, out: &mut Output) -> Outcome {
    let place = arguments.data.place()?;
    let (mut blame, scanned) = blame(&place, &arguments.path, &mut Bar::new(false))?;
    for log in &arguments.server_log {
        let file =
            std::fs::File::open(log).map_err(|source| Error::Path { path: log.clone(), source })?;
        Addresses::add_to(&mut blame, file)?;
    }
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &blame)?;
        writeln!(out)?;
    } else {
        write_blame(&blame, out)?;
    }
    Ok(tell_troubles(&scanned))
}

fn write_blame(blame: &Blame, out: &mut Output) -> Result<(), Error> {
    if let Some(before) = &blame.before {
        writeln!(
            out,
            "{}  {}  created before these logs begin; in {}",
            before.ctime.0, before.czxid.0, before.snapshot
        )?;
    }
    if blame.events.is_empty() && blame.before.is_none() {
        writeln!(out, "{} is in no log and in no snapshot here", Escaped(&blame.path))?;
    }
    for event in &blame.events {
        let (time, zxid, session) = (event.time.0, event.zxid.0, event.session.0);
        write!(out, "{time}  {zxid}  {} by session {session}", event.what.words())?;
        if event.in_multi {
            write!(out, " in a multi")?;
        }
        if !event.details.is_empty() {
            write!(out, ": {}", event.details)?;
        }
        writeln!(out)?;
    }
    if !blame.sessions.is_empty() {
        writeln!(out, "\nsessions:")?;
    }
    for (session, facts) in &blame.sessions {
        write!(out, "  {session}  opened on server {}", facts.server)?;
        match facts.opened {
            Some(opened) => write!(out, " at {}", opened.0)?,
            None => write!(out, " before these logs begin")?,
        }
        if let Some(timeout_ms) = facts.timeout_ms {
            write!(out, ", timeout {timeout_ms} ms")?;
        }
        match (facts.closed, facts.closed_by_client) {
            (Some(closed), Some(true)) => write!(out, ", closed by its client at {}", closed.0)?,
            (Some(closed), _) => write!(out, ", expired at {}", closed.0)?,
            (None, _) => write!(out, ", not closed")?,
        }
        match facts.addresses.join(", ") {
            none if none.is_empty() => writeln!(out)?,
            addresses => writeln!(out, ", from {addresses}")?,
        }
    }
    Ok(())
}

fn at(arguments: &AtArguments, out: &mut Output) -> Outcome {
    let place = arguments.data.place()?;
    let past = tree_at(&place, arguments.zxid.zxid(), &mut Bar::new(false))?;
    tell_caveats(&past);
    if arguments.json {
        write_document(&past.tree, arguments.path.as_deref().unwrap_or("/"), out)?;
    } else if let Some(path) = &arguments.path {
        write_znode(&past, path, out)?;
    } else {
        walk(&past.tree, "/", &mut |step| match step {
            Step::Enter { path, .. } => Ok(writeln!(out, "{}", Escaped(path))?),
            Step::Leave => Ok::<(), Error>(()),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_caveats(past: &Past) {
    for caveat in &past.caveats {
        complain(&format!("zoarium log: {caveat}"));
    }
}

fn write_znode(past: &Past, path: &str, out: &mut Output) -> Result<(), Error> {
    let Some(znode) = past.tree.find(path) else {
        let ancestor = nearest_ancestor(&past.tree, path);
        return Err(Error::NoZnode { path: path.to_owned(), zxid: past.zxid, ancestor });
    };
    let stat = znode.stat();
    writeln!(out, "{} as of zxid {}", Escaped(path), past.zxid)?;
    match znode.data().map(|data| (data, std::str::from_utf8(data))) {
        None => writeln!(out, "data            null")?,
        Some((_, Ok(text))) => writeln!(out, "data            {text:?}")?,
        Some((data, Err(_))) => writeln!(out, "data            b\"{}\"", data.escape_ascii())?,
    }
    writeln!(out, "lifetime        {}", Lifetime::from(znode.owner()))?;
    writeln!(out, "acl             {}", AclText(znode.acl()))?;
    writeln!(out, "created         {}  zxid {}", Moment(stat.ctime), stat.czxid)?;
    writeln!(out, "data set        {}  zxid {}", Moment(stat.mtime), stat.mzxid)?;
    writeln!(out, "children set    zxid {}", stat.pzxid)?;
    writeln!(
        out,
        "versions        data {}, children {}, acl {}",
        stat.version, stat.cversion, stat.aversion
    )?;
    if stat.ephemeral_owner != SessionId::NONE {
        writeln!(out, "owner           session {}", stat.ephemeral_owner)?;
    }
    let mut children: Vec<_> = znode.children().collect();
    children.sort_unstable();
    writeln!(out, "children        {}", children.len())?;
    for child in children {
        writeln!(out, "  {}", Escaped(child))?;
    }
    Ok(())
}

fn diff(arguments: &DiffArguments, out: &mut Output) -> Outcome {
    let place = arguments.data.place()?;
    let mut bar = Bar::new(false);
    let first = tree_at(&place, arguments.from.zxid(), &mut bar)?;
    let second = tree_at(&place.fresh(), arguments.to.zxid(), &mut bar)?;
    drop(bar);
    tell_caveats(&first);
    tell_caveats(&second);
    let mut differ = false;
    let (start, data_only) = (arguments.path.as_str(), !arguments.stat);
    compare(&first.tree, &second.tree, start, data_only, &mut |difference| {
        differ = true;
        let znode = second.tree.find(path_of(&difference));
        write_difference(&difference, znode.as_ref(), arguments.json, out)
    })?;
    Ok(ExitCode::from(u8::from(differ)))
}

fn path_of(difference: &Difference) -> &str {
    match difference {
        Difference::Added { path }
        | Difference::Removed { path }
        | Difference::Changed { path, .. } => path,
    }
}

/// Writes a difference; `znode` is what there is in the second tree.
pub(super) fn write_difference(
    difference: &Difference,
    znode: Option<&zoarium_tree::Znode<'_>>,
    json: bool,
    out: &mut Output,
) -> Result<(), Error> {
    if json {
        let mut object = serde_json::to_value(difference)?;
        if let (Difference::Added { path }, Some(znode)) = (difference, znode) {
            object["znode"] = serde_json::to_value(ZnodeJson::new(path, znode))?;
        }
        return Ok(writeln!(out, "{object}")?);
    }
    match difference {
        Difference::Added { path } => writeln!(out, "+ {}", Escaped(path))?,
        Difference::Removed { path } => writeln!(out, "- {}", Escaped(path))?,
        Difference::Changed { path, fields } => {
            writeln!(out, "~ {}", Escaped(path))?;
            for field in fields {
                writeln!(out, "    {}: {} -> {}", field.name, field.before, field.after)?;
            }
        }
    }
    Ok(())
}
