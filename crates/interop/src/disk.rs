//! Directories written by one server and read by the other.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::Options;
use crate::dump::{self, Dump};
use crate::report::Report;
use crate::server::{Kind, Server};
use crate::session::{SUPER_CFG, Session, create_body, open_acl};
use crate::setup;
use crate::tools::{Tools, copy_dir, run as run_command};
use crate::wire::{self, Jute, op};

/// How often two servers may be asked for the tree of one fixture.
const ATTEMPTS: usize = 3;

/// Small logs and frequent snapshots, so that there is something of everything on disk.
const CFG: &[&str] = &[
    SUPER_CFG,
    "extendedTypesEnabled=true",
    "maxSessionTimeout=900000",
    "snapCount=40",
    "preAllocSize=64",
];

/// What a fixture must give.
enum Tree {
    /// The tree in this JSON file.
    Is(&'static str),
    /// The tree that Apache's server gives on a copy of the same directory.
    AsApache,
    /// The server must not start: the directory is damaged where no crash could have done it.
    Refused,
}

/// Directories that Apache's server wrote, or that were damaged afterwards; the paths are those of
/// the persistence crate's fixtures.
const FIXTURES: &[(&str, Tree)] = &[
    ("standalone-all/stage1", Tree::Is("standalone-all/expected-stage1.json")),
    ("standalone-all/stage2", Tree::Is("standalone-all/expected-stage2.json")),
    ("compressed/gz", Tree::Is("compressed/expected-gz.json")),
    ("compressed/snappy", Tree::Is("compressed/expected-snappy.json")),
    ("fuzzy", Tree::Is("fuzzy/expected.json.gz")),
    ("torn/original", Tree::Is("torn/expected-full.json")),
    ("torn/no_padding", Tree::Is("torn/expected-full.json")),
    ("torn/missing_eor_last", Tree::Is("torn/expected-without-last.json")),
    ("torn/torn_truncated_in_crc", Tree::Is("torn/expected-without-last.json")),
    ("torn/torn_truncated_midbody", Tree::Is("torn/expected-without-last.json")),
    ("torn/torn_zero_filled_tail", Tree::Is("torn/expected-without-last.json")),
    ("torn/header_only", Tree::AsApache),
    ("torn/zero_len_file", Tree::AsApache),
    ("torn/bad_crc_last", Tree::Refused),
    ("torn/bad_crc_middle", Tree::Refused),
    ("ensemble/final/s1", Tree::AsApache),
    ("ensemble/final/s2", Tree::AsApache),
    ("ensemble/final/s3", Tree::AsApache),
    ("ensemble/trunc-after/s2", Tree::AsApache),
];

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    let ours = options.server;
    report.result("disk/killed", hand_over(tools, ours, Kind::Apache, End::Killed));
    report.result("disk/stopped", hand_over(tools, ours, Kind::Apache, End::Stopped));
    report.result("disk/from-apache-killed", hand_over(tools, Kind::Apache, ours, End::Killed));
    report.result("disk/from-apache-stopped", hand_over(tools, Kind::Apache, ours, End::Stopped));
    let fixtures = tools.source.join("../persistence/tests/fixtures");
    for (name, tree) in FIXTURES {
        let result = fixture(tools, ours, &fixtures, name, tree);
        report.result(&format!("disk/fixture/{name}"), result);
    }
    Ok(())
}

/// How the first server ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Killed,
    Stopped,
}

/// One server writes and ends, the other reads the same tree, writes on and ends, and the first
/// reads again.
fn hand_over(tools: &Tools, first: Kind, second: Kind, end: End) -> Result<String> {
    let name = if end == End::Killed { "disk-killed" } else { "disk-stopped" };
    let mut writer = Server::start(tools, first, &format!("{name}-first-{}", first.name()), CFG)?;
    let mut session = Session::open(writer.port)?;
    write_everything(&mut session, "/first").context("write to the first server")?;
    let written = dump::of(writer.port)?;
    finish(&mut writer, end)?;

    let prefix = format!("{name}-second-{}", second.name());
    let mut reader = Server::prepare(tools, second, &prefix, CFG)?;
    copy_dir(&writer.data_dir(), &reader.data_dir())?;
    reader.restart().context("the second server on the first one's directory")?;
    dump::compare(&written, &dump::of(reader.port)?).context("the second server's tree")?;
    no_digest_mismatch(&reader)?;
    let mut resumed = Session::resume(reader.port, session.id, &session.password)?;
    resumed.must(op::EXISTS, Jute::new().text("/first/ephemeral").bool(false))?;
    write_everything(&mut resumed, "/second").context("write to the second server")?;
    let written = dump::of(reader.port)?;
    finish(&mut reader, end)?;

    fs::remove_dir_all(writer.data_dir())?;
    copy_dir(&reader.data_dir(), &writer.data_dir())?;
    writer.restart().context("the first server on the second one's directory")?;
    dump::compare(&written, &dump::of(writer.port)?)
        .context("the tree back at the first server")?;
    no_digest_mismatch(&writer)?;
    Ok(format!("{} znodes", written.len()))
}

fn finish(server: &mut Server, end: End) -> Result<()> {
    match end {
        End::Killed => server.kill(),
        End::Stopped => server.stop(),
    }
}

/// Every kind of transaction, under `root`. The session stays open.
fn write_everything(session: &mut Session, root: &str) -> Result<()> {
    let path = |name: &str| format!("{root}/{name}");
    session.create(root, b"root", 0)?;
    session.create(&path("ephemeral"), b"mine", 1)?;
    session.create(&path("sequential-"), b"", 2)?;
    session.create(&path("ephemeral-sequential-"), b"x", 3)?;
    session.create(&path("é✓"), "ü".as_bytes(), 0)?;
    session.must(op::CREATE_CONTAINER, create_body(&path("container"), b"c", 4))?;
    session.must(op::CREATE_TTL, create_body(&path("ttl"), b"t", 5).long(500_000_000))?;
    session.must(op::CREATE, open_acl(Jute::new().text(&path("null")).int(-1)).int(0))?;
    let digest = Jute::new().text(&path("digest")).text("secret");
    session.must(op::CREATE, digest.int(1).int(31).text("digest").text("u:hash").int(0))?;
    session.create(&path("acl"), b"", 0)?;
    let acl = Jute::new().text(&path("acl")).int(2).int(31).text("world").text("anyone");
    session.must(op::SET_ACL, acl.int(1).text("ip").text("10.0.0.0/8").int(-1))?;
    let multi = Jute::new().int(op::CREATE).byte(0).int(-1);
    let multi = multi.raw(&create_body(&path("multi"), b"m", 0).bytes());
    let multi = multi.int(op::SET_DATA).byte(0).int(-1).text(&path("multi")).text("n").int(0);
    session.must(op::MULTI, multi.int(-1).byte(1).int(-1))?;
    let failing = Jute::new().int(op::CREATE).byte(0).int(-1);
    let failing = failing.raw(&create_body(&path("never"), b"", 0).bytes());
    let failing = failing.int(op::CHECK).byte(0).int(-1).text(root).int(99);
    session.must(op::MULTI, failing.int(-1).byte(1).int(-1))?;
    session.call(op::CREATE, create_body(root, b"again", 0))?;
    let quota = format!("/zookeeper/quota{root}");
    session.create(&quota, b"", 0)?;
    session.create(&format!("{quota}/zookeeper_limits"), b"count=500,bytes=100000", 0)?;
    session.create(&format!("{quota}/zookeeper_stats"), b"count=0,bytes=0", 0)?;
    // Enough for several snapshots and logs, with deletes in between.
    for number in 0..60 {
        let counter = path(&format!("n{number}"));
        session.create(&counter, b"0", 0)?;
        session.set(&counter, number.to_string().as_bytes())?;
        if number % 3 == 0 {
            session.delete(&counter)?;
        }
    }
    Ok(())
}

/// The digest of the tree must equal what each transaction and snapshot says.
pub(crate) fn no_digest_mismatch(server: &Server) -> Result<()> {
    let log = server.log()?;
    if let Some(line) = log.lines().find(|line| line.contains("Digests are not matching")) {
        bail!("{} server: {line}", server.kind.name());
    }
    let text = wire::four_letter_word(server.port, "mntr")?;
    let count = text.lines().find_map(|line| line.strip_prefix("zk_digest_mismatches_count\t"));
    match count {
        Some("0") => Ok(()),
        other => bail!("{} server: zk_digest_mismatches_count is {other:?}", server.kind.name()),
    }
}

fn fixture(tools: &Tools, kind: Kind, root: &Path, name: &str, tree: &Tree) -> Result<String> {
    let label = format!("fixture-{}", name.replace('/', "-"));
    let start = |kind: Kind, label: &str| -> Result<Dump> {
        let mut server = Server::prepare(tools, kind, label, CFG)?;
        copy_dir(&root.join(name), &server.data_dir())?;
        server.restart()?;
        let dump = dump::of(server.port)?;
        no_digest_mismatch(&server)?;
        Ok(dump)
    };
    let got = start(kind, &label);
    let expected = match tree {
        Tree::Refused => {
            return match got {
                Ok(_) => bail!("the server started"),
                Err(error) if format!("{error:#}").contains("server ended") => Ok(String::new()),
                Err(error) => Err(error),
            };
        }
        Tree::Is(file) => dump::parse(&read_text(&root.join(file))?)?,
        Tree::AsApache => {
            // Sessions of the fixture live on for their timeout. On a busy machine one may end
            // before one of the two has shown its tree, so that counts only if it is so each time.
            let reference = || start(Kind::Apache, &format!("{label}-reference"));
            let mut pair = (got?, reference()?);
            for _ in 1..ATTEMPTS {
                if dump::compare(&pair.1, &pair.0).is_ok() {
                    break;
                }
                pair = (start(kind, &label)?, reference()?);
            }
            dump::compare(&pair.1, &pair.0)?;
            return Ok(format!("{} znodes", pair.1.len()));
        }
    };
    dump::compare(&expected, &got?)?;
    Ok(format!("{} znodes", expected.len()))
}

/// A text file, unpacked when its name ends in `.gz`.
fn read_text(path: &Path) -> Result<String> {
    if path.extension().is_some_and(|extension| extension == "gz") {
        return run_command(Command::new("gzip").arg("-dc").arg(path));
    }
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
