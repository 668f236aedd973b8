//! The offline tools on what Apache's servers leave behind: the directories of an ensemble, and the
//! fixtures. Wherever Apache has a tool or a server that answers the same question, both answers are
//! compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::Options;
use crate::dump::{self, Dump};
use crate::ensemble::{Ensemble, Plan, Sid};
use crate::report::{Outcome, Report};
use crate::server::{Kind, Server};
use crate::session::{SUPER_CFG, Session, create_body, open_acl};
use crate::setup;
use crate::tools::{Tools, copy_dir, run as run_command};
use crate::wire::{Jute, op};

/// Small logs and frequent snapshots, so that a start needs both.
const CFG: &[&str] = &[SUPER_CFG, "extendedTypesEnabled=true", "snapCount=40", "preAllocSize=64"];

/// What the doctor must say of Apache's start on a fixture, and what Apache's server then does.
const STARTS: &[(&str, Kind, bool)] = &[
    ("torn/bad_crc_last", Kind::Apache, false),
    ("torn/torn_zero_filled_tail", Kind::Apache, true),
    ("torn/zero_len_file", Kind::Apache, true),
    ("torn/zero_len_file", Kind::Apache38, false),
    ("ensemble/final/s3", Kind::Apache, true),
];

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    if options.server != Kind::Zoarium {
        let why = "Apache has no such tools".to_owned();
        report.line("offline", &Outcome::Skipped(why), "");
        return Ok(());
    }
    setup::jars(tools)?;
    setup::jars_38(tools)?;
    let left = Left::behind(tools).context("the ensemble")?;
    report.result("offline/doctor", doctor(tools, &left));
    report.result("offline/dump", dump_as_apache(tools, &left));
    report.result("offline/blame", blame(tools, &left));
    report.result("offline/at", at(tools, &left));
    report.result("offline/convert", convert(tools, &left));
    for &(fixture, kind, starts) in STARTS {
        let name = format!("offline/verdict/{fixture}/{}", kind.name());
        report.result(&name, verdict(tools, fixture, kind, starts));
    }
    report.result("offline/repair", repair(tools));
    Ok(())
}

/// Runs a tool. Its exit code and what it wrote to standard output.
fn zoarium(tools: &Tools, words: &[&str]) -> Result<(i32, String)> {
    let output = Command::new(tools.zoarium()?).args(words).output()?;
    let code = output.status.code().context("no exit code")?;
    if code == 2 {
        bail!("zoarium {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok((code, String::from_utf8(output.stdout)?))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}

/// What an ensemble has left behind, and what its clients knew of it.
struct Left {
    /// The data directories of the servers 1, 2 and 3.
    data: Vec<PathBuf>,
    /// The tree that clients saw at the end.
    tree: Dump,
    /// The session that deleted `/doomed`.
    culprit: i64,
    /// The zxid after which `/counter` was `20`.
    at_20: u64,
}

impl Left {
    /// Three of Apache's servers, with a change of leader, killed at the end.
    fn behind(tools: &Tools) -> Result<Self> {
        let plan = Plan { lines: CFG, ..Plan::of("offline", &[Kind::Apache; 3]) };
        let mut ensemble = Ensemble::start_led_by(tools, &plan, 3)?;
        ensemble.wait_all()?;
        let mut session = ensemble.session(1)?;
        write_everything(&mut session)?;
        let mut culprit = ensemble.session(2)?;
        culprit.sync()?;
        culprit.delete("/doomed")?;
        let id = culprit.id;
        culprit.close()?;
        let mut at_20 = 0;
        for number in 0..45 {
            let reply = session.set("/counter", number.to_string().as_bytes())?;
            if number == 20 {
                at_20 = reply.zxid.cast_unsigned();
            }
        }
        session.close()?;
        ensemble.kill(3)?;
        let leader = ensemble.wait_leader()?;
        ensemble.wait_serving(leader, None)?;
        let mut session = ensemble.session(leader)?;
        session.create("/second-epoch", b"", 0)?;
        session.sync()?;
        session.close()?;
        ensemble.join(3)?;
        let tree = dump::of(ensemble.member(leader).addresses.client)?;
        ensemble.wait_logged()?;
        let sids: Vec<Sid> = ensemble.sids();
        for &sid in &sids {
            ensemble.kill(sid)?;
        }
        let data = sids.iter().map(|&sid| ensemble.member(sid).data.clone()).collect();
        Ok(Self { data, tree, culprit: id, at_20 })
    }
}

/// Every kind of transaction.
fn write_everything(session: &mut Session) -> Result<()> {
    session.create("/doomed", b"soon gone", 0)?;
    session.create("/counter", b"", 0)?;
    session.create("/ephemeral", b"mine", 1)?;
    session.create("/sequential-", b"", 2)?;
    session.create("/é✓", "ü".as_bytes(), 0)?;
    session.must(op::CREATE_CONTAINER, create_body("/container", b"c", 4))?;
    session.must(op::CREATE_TTL, create_body("/ttl", b"t", 5).long(500_000_000))?;
    session.must(op::CREATE, open_acl(Jute::new().text("/null").int(-1)).int(0))?;
    session.create("/acl", b"", 0)?;
    let acl = Jute::new().text("/acl").int(1).int(31).text("digest").text("bob:hash");
    session.must(op::SET_ACL, acl.int(-1))?;
    let multi = Jute::new().int(op::CREATE).byte(0).int(-1);
    let multi = multi.raw(&create_body("/multi", b"m", 0).bytes());
    let multi = multi.int(op::SET_DATA).byte(0).int(-1).text("/multi").text("n").int(0);
    session.must(op::MULTI, multi.int(-1).byte(1).int(-1))?;
    session.call(op::CREATE, create_body("/counter", b"again", 0))?;
    Ok(())
}

/// All three are sound, would start everywhere, and end with the same transaction.
fn doctor(tools: &Tools, left: &Left) -> Result<String> {
    let mut ends = Vec::new();
    for data in &left.data {
        let (_, report) = zoarium(tools, &["doctor", text(data)?, "--json"])?;
        let report: Value = serde_json::from_str(&report)?;
        let findings = report["findings"].as_array().context("no findings")?;
        let errors: Vec<_> =
            findings.iter().filter(|finding| finding["severity"] == "error").collect();
        ensure!(errors.is_empty(), "{}: {errors:?}", data.display());
        for verdict in report["verdicts"].as_array().context("no verdicts")? {
            ensure!(verdict["starts"] == true, "{}: {verdict}", data.display());
            ends.push(verdict["last_zxid"].to_string());
        }
    }
    ends.dedup();
    ensure!(ends.len() == 1, "the servers end differently: {ends:?}");
    Ok(format!("all end with {}", ends[0]))
}

/// Apache's toolkit has the same entries: their sessions, cxids, zxids, types and paths.
fn dump_as_apache(tools: &Tools, left: &Left) -> Result<String> {
    let fixtures = tools.source.join("../persistence/tests/fixtures");
    let mut logs = vec![fixtures.join("standalone-all/stage2/version-2/log.1")];
    let version = left.data[0].join("version-2");
    let mut names: Vec<_> = fs::read_dir(&version)?.flatten().map(|entry| entry.path()).collect();
    names.retain(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log."))
    });
    names.sort();
    // Each costs a JVM.
    logs.extend(names.into_iter().take(1));
    let mut count = 0;
    for log in &logs {
        let main = "org.apache.zookeeper.server.persistence.TxnLogToolkit";
        let mut toolkit = Command::new("java");
        toolkit.args(["-Dfile.encoding=UTF-8", "-XX:TieredStopAtLevel=1", "-cp"]);
        toolkit.args([&tools.class_path(), main]).arg(log);
        let apaches = run_command(&mut toolkit)?;
        let mut entries = apaches_entries(&apaches).into_iter();
        let (_, ours) = zoarium(tools, &["log", "dump", text(log)?, "--json"])?;
        for line in ours.lines() {
            let ours: Value = serde_json::from_str(line)?;
            let apaches = entries.next().with_context(|| format!("only ours has {line}"))?;
            is_same_entry(&ours, &apaches)
                .with_context(|| format!("{}: {ours}\nis to Apache {apaches}", log.display()))?;
            count += 1;
        }
        if let Some(line) = entries.next() {
            bail!("only Apache's has {line}");
        }
    }
    Ok(format!("{count} entries"))
}

/// The toolkit's entries, each from its session on. It prints ACLs and multis with line feeds in
/// them.
fn apaches_entries(text: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.split_once(" session 0x"), entries.last_mut()) {
            (Some((_time, rest)), _) => entries.push(format!("session 0x{rest}")),
            (None, Some(entry)) => entry.push_str(line),
            (None, None) => {}
        }
    }
    entries
}

fn is_same_entry(ours: &Value, apaches: &str) -> Result<()> {
    let word = |name: &str| ours[name].as_str().with_context(|| format!("no {name}"));
    let cxid = i32::try_from(ours["cxid"].as_i64().context("no cxid")?)?;
    let (session, zxid, kind) = (word("session")?, word("zxid")?, word("type")?);
    let head = format!("session {session} cxid {cxid:#x} zxid {zxid} {kind}");
    let rest = apaches.strip_prefix(&head).with_context(|| format!("not {head}"))?;
    let mut named: Vec<&str> = ours["path"].as_str().into_iter().collect();
    let parts = ours["parts"].as_array().into_iter().flatten();
    named.extend(parts.filter_map(|part| part["path"].as_str()));
    named.extend(ours["deletes"].as_array().into_iter().flatten().filter_map(Value::as_str));
    let mut rest = rest;
    for path in named {
        let at = rest.find(path).with_context(|| format!("no {path}"))?;
        rest = &rest[at + path.len()..];
    }
    if let Some(error) = ours["error"].as_i64() {
        ensure!(rest.trim().starts_with(&error.to_string()), "not error {error}");
    }
    Ok(())
}

/// The session that deleted a znode is the one that the client had.
fn blame(tools: &Tools, left: &Left) -> Result<String> {
    let (code, answer) =
        zoarium(tools, &["log", "blame", text(&left.data[0])?, "/doomed", "--json"])?;
    ensure!(code == 0, "exit code {code}");
    let answer: Value = serde_json::from_str(&answer)?;
    let last = answer["events"].as_array().and_then(|events| events.last()).context("no event")?;
    let culprit = format!("{:#x}", left.culprit);
    ensure!(last["what"] == "deleted" && last["session"] == culprit.as_str(), "{last}");
    let facts = &answer["sessions"][&culprit];
    ensure!(facts["server"] == 2 && facts["closed_by_client"] == true, "{facts}");
    Ok(culprit)
}

/// The tree is shown as clients saw it then.
fn at(tools: &Tools, left: &Left) -> Result<String> {
    let data = text(&left.data[1])?;
    let zxid = format!("{:#x}", left.at_20);
    let (_, counter) = zoarium(tools, &["log", "at", data, &zxid, "/counter", "--json"])?;
    let counter: Value = serde_json::from_str(&counter)?;
    ensure!(counter["znodes"][0]["data"] == "20", "{counter}");
    let (_, paths) = zoarium(tools, &["log", "at", data, "last"])?;
    let shown: Vec<&str> = paths.lines().collect();
    let missing: Vec<_> = left.tree.keys().filter(|path| !shown.contains(&path.as_str())).collect();
    ensure!(missing.is_empty() && shown.len() == left.tree.len(), "missing {missing:?}");
    let (code, _) = zoarium(tools, &["log", "diff", data, &zxid, "last", "--path", "/counter"])?;
    ensure!(code == 1, "no difference since {zxid}");
    Ok(format!("{} znodes", shown.len()))
}

/// Apache's server loads converted snapshots, and serves the same tree.
fn convert(tools: &Tools, left: &Left) -> Result<String> {
    let mut converted = 0;
    for (packing, suffix) in [("gzip", ".gz"), ("snappy", ".snappy")] {
        let mut server = Server::prepare(tools, Kind::Apache, &format!("offline-{packing}"), CFG)?;
        let version = server.data_dir().join("version-2");
        copy_dir(&left.data[0].join("version-2"), &version)?;
        for entry in fs::read_dir(&version)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("snapshot.") {
                zoarium(tools, &["snapshot", "convert", text(&path)?, "--to", packing])?;
                fs::remove_file(&path)?;
                ensure!(version.join(name + suffix).exists(), "not converted to {packing}");
                converted += 1;
            }
        }
        server.restart()?;
        // Each server writes this znode for itself.
        let without_config = |mut tree: Dump| {
            tree.remove("/zookeeper/config");
            tree
        };
        let got = without_config(dump::of(server.port)?);
        dump::compare(&without_config(left.tree.clone()), &got)?;
    }
    Ok(format!("{converted} snapshots"))
}

/// What the doctor says of Apache's start is what Apache's server does.
fn verdict(tools: &Tools, fixture: &str, kind: Kind, starts: bool) -> Result<String> {
    let label = format!("offline-{}", fixture.replace('/', "-"));
    let mut server = Server::prepare(tools, kind, &label, CFG)?;
    let fixtures = tools.source.join("../persistence/tests/fixtures");
    copy_dir(&fixtures.join(fixture), &server.data_dir())?;
    let (_, report) = zoarium(tools, &["doctor", text(&server.data_dir())?, "--json"])?;
    let report: Value = serde_json::from_str(&report)?;
    let release = if kind == Kind::Apache38 { "Apache 3.8" } else { "Apache 3.9" };
    let verdicts = report["verdicts"].as_array().context("no verdicts")?;
    let verdict = verdicts.iter().find(|verdict| verdict["server"] == release);
    ensure!(verdict.context("no verdict")?["starts"] == starts, "{verdict:?}");
    match server.restart() {
        Ok(()) if starts => Ok("starts".to_owned()),
        Err(error) if !starts && format!("{error:#}").contains("server ended") => {
            Ok("refuses".to_owned())
        }
        Ok(()) => bail!("the server started"),
        Err(error) => Err(error),
    }
}

/// What keeps Apache 3.8 from starting is repaired, and it starts.
fn repair(tools: &Tools) -> Result<String> {
    let mut server = Server::prepare(tools, Kind::Apache38, "offline-repair", CFG)?;
    let fixtures = tools.source.join("../persistence/tests/fixtures");
    copy_dir(&fixtures.join("torn/zero_len_file"), &server.data_dir())?;
    let (code, said) = zoarium(tools, &["doctor", text(&server.data_dir())?, "--repair", "--yes"])?;
    ensure!(code == 0, "exit code {code}: {said}");
    server.restart()?;
    // While it runs, nothing is touched.
    fs::write(server.data_dir().join("version-2/snapshot.99.tmp"), "half")?;
    let data = server.data_dir();
    let words = ["doctor", text(&data)?, "--repair", "--yes"];
    let refused = Command::new(tools.zoarium()?).args(words).output()?;
    let why = String::from_utf8_lossy(&refused.stderr);
    ensure!(why.contains("uses this directory"), "repaired under a running server: {why}");
    Ok(String::new())
}
