//! Kill -9 under load, again and again: nothing acknowledged is lost, no multi is half there,
//! sessions go on.
//!
//! Each round, some writers work until their connection breaks, and remember what was
//! acknowledged and what was only asked for. After the restart everything acknowledged must be
//! there; what was asked for may be there, but a multi only as a whole.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::Options;
use crate::report::Report;
use crate::server::{Kind, Server};
use crate::session::{SUPER_CFG, Session, create_body};
use crate::setup;
use crate::tools::{Tools, copy_dir};
use crate::wire::{self, Jute, op};
use crate::{disk, dump};

/// Frequent snapshots and small logs, so that kills hit those too.
const CFG: &[&str] = &["maxSessionTimeout=900000", "snapCount=300", "preAllocSize=64", SUPER_CFG];
/// The round after whose kill Apache's server reads a copy of the directory: late enough for
/// several snapshots and logs, early enough for a tree that is quickly compared.
const HAND_OVER_ROUND: u64 = 3;
const WRITERS: usize = 4;
/// Znodes of one multi.
const MULTI_LEN: usize = 5;
/// How long the load lasts before the kill: spread over this range, a different time each round.
const LOAD_MS: (u64, u64) = (40, 240);

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    report.result("crash", rounds(tools, options));
    Ok(())
}

fn rounds(tools: &Tools, options: &Options) -> Result<String> {
    let mut server = Server::start(tools, options.server, "crash", CFG)?;
    let mut keeper = Keeper::open(server.port)?;
    let mut written = 0;
    let started = Instant::now();
    for round in 0..options.rounds {
        written += self::round(tools, &mut server, &mut keeper, round)
            .with_context(|| format!("round {round}, directory {}", server.dir.display()))?;
    }
    // Whatever the rounds acknowledged is still there at the end.
    keeper.all_still_there(server.port)?;
    let seconds = started.elapsed().as_secs();
    Ok(format!("{} kills, {written} acknowledged writes, {seconds} s", options.rounds))
}

/// Load, kill, restart, verify. Returns how many writes were acknowledged.
fn round(tools: &Tools, server: &mut Server, keeper: &mut Keeper, round: u64) -> Result<usize> {
    let port = server.port;
    let root = format!("/round-{round}");
    keeper.session(port)?.create(&root, b"", 0)?;
    let writers: Vec<Writer> =
        (0..WRITERS).map(|index| Writer::open(port, &root, index)).collect::<Result<_>>()?;
    let threads: Vec<_> =
        writers.into_iter().map(|writer| std::thread::spawn(move || writer.work())).collect();
    // Multiples of a number prime to the range visit all of it.
    std::thread::sleep(Duration::from_millis(LOAD_MS.0 + round * 73 % (LOAD_MS.1 - LOAD_MS.0)));
    server.kill()?;
    let mut ledgers = Vec::new();
    for thread in threads {
        ledgers.push(thread.join().map_err(|_| anyhow::anyhow!("a writer panicked"))?);
    }
    let mut apache = None;
    if round == HAND_OVER_ROUND {
        let other = Server::prepare(tools, Kind::Apache, "crash-second", CFG)?;
        copy_dir(&server.data_dir(), &other.data_dir())?;
        apache = Some(other);
    }
    server.restart().context("restart after the kill")?;
    if let Some(apache) = apache {
        apache_agrees(apache, port).context("Apache's server on a copy of the directory")?;
    }
    let seen = ledgers.iter().map(|ledger| ledger.last_zxid).max().unwrap_or_default();
    ensure!(last_zxid(port)? >= seen, "the server is behind an acknowledged zxid {seen:#x}");
    for ledger in &ledgers {
        ledger.verify(port)?;
    }
    keeper.verify(port)?;
    keeper.rounds.push((root, ledgers.iter().map(|ledger| ledger.singles_acknowledged).collect()));
    Ok(ledgers.iter().map(Ledger::acknowledged).sum())
}

/// Apache's server reads the same tree from the same bytes, every digest matching.
fn apache_agrees(mut apache: Server, port: u16) -> Result<()> {
    apache.restart()?;
    dump::compare(&dump::of(port)?, &dump::of(apache.port)?)?;
    disk::no_digest_mismatch(&apache)
}

/// The server's last zxid, as srvr tells it.
fn last_zxid(port: u16) -> Result<i64> {
    let text = wire::four_letter_word(port, "srvr")?;
    let zxid = text.lines().find_map(|line| line.strip_prefix("Zxid: 0x"));
    Ok(i64::from_str_radix(zxid.context("no Zxid in srvr")?, 16)?)
}

/// What one writer asked for and what was acknowledged. Names count up, so numbers suffice.
#[derive(Debug)]
struct Ledger {
    /// The writer's own znode; its data is the number of the last set.
    path: String,
    session_id: i64,
    password: Vec<u8>,
    singles_asked: usize,
    singles_acknowledged: usize,
    multis_asked: usize,
    multis_acknowledged: usize,
    sets_asked: usize,
    sets_acknowledged: usize,
    last_zxid: i64,
}

struct Writer {
    session: Session,
    ledger: Ledger,
}

impl Writer {
    fn open(port: u16, root: &str, index: usize) -> Result<Self> {
        let mut session = Session::open(port)?;
        let path = format!("{root}/w{index}");
        session.create(&path, b"0", 0)?;
        session.create(&format!("{path}-ephemeral"), b"", 1)?;
        let ledger = Ledger {
            path,
            session_id: session.id,
            password: session.password.clone(),
            singles_asked: 0,
            singles_acknowledged: 0,
            multis_asked: 0,
            multis_acknowledged: 0,
            sets_asked: 0,
            sets_acknowledged: 0,
            last_zxid: 0,
        };
        Ok(Self { session, ledger })
    }

    /// Writes until the server is gone.
    fn work(mut self) -> Ledger {
        while self.step().is_ok() {}
        self.ledger
    }

    fn step(&mut self) -> Result<()> {
        let Self { session, ledger } = self;
        ledger.singles_asked += 1;
        let path = format!("{}/s{}", ledger.path, ledger.singles_asked);
        session.create(&path, b"single", 0)?;
        ledger.singles_acknowledged += 1;

        ledger.multis_asked += 1;
        let multi = multi_of_creates(&format!("{}/m{}-", ledger.path, ledger.multis_asked));
        session.must(op::MULTI, multi)?;
        ledger.multis_acknowledged += 1;

        ledger.sets_asked += 1;
        let reply = session.set(&ledger.path, ledger.sets_asked.to_string().as_bytes())?;
        ledger.sets_acknowledged += 1;
        ledger.last_zxid = reply.zxid;
        Ok(())
    }
}

fn multi_of_creates(prefix: &str) -> Jute {
    let creates = (0..MULTI_LEN).fold(Jute::new(), |jute, part| {
        let create = create_body(&format!("{prefix}{part}"), b"multi", 0);
        jute.int(op::CREATE).byte(0).int(-1).raw(&create.bytes())
    });
    creates.int(-1).byte(1).int(-1)
}

impl Ledger {
    fn acknowledged(&self) -> usize {
        self.singles_acknowledged + self.multis_acknowledged + self.sets_acknowledged
    }

    fn verify(&self, port: u16) -> Result<()> {
        let mut session = Session::resume(port, self.session_id, &self.password)
            .context("resume the session of a writer")?;
        let names = session.children(&self.path)?.context("the writer's znode is gone")?;
        self.verify_singles(&names)?;
        self.verify_multis(&names)?;
        let set: usize = String::from_utf8_lossy(&session.data(&self.path)?).parse()?;
        ensure!(
            (self.sets_acknowledged..=self.sets_asked).contains(&set),
            "{} holds set {set}, acknowledged up to {}, asked up to {}",
            self.path,
            self.sets_acknowledged,
            self.sets_asked
        );
        let ephemeral = format!("{}-ephemeral", self.path);
        session.data(&ephemeral).context("the ephemeral of a resumed session")?;
        session.must(op::CLOSE_SESSION, Jute::new())?;
        Ok(())
    }

    /// `names` are sorted.
    fn verify_singles(&self, names: &[String]) -> Result<()> {
        let is_there = |number: usize| names.binary_search(&format!("s{number}")).is_ok();
        for number in 1..=self.singles_acknowledged {
            ensure!(is_there(number), "acknowledged {}/s{number} is missing", self.path);
        }
        let found = names.iter().filter(|name| name.starts_with('s')).count();
        ensure!(found <= self.singles_asked, "{}: {found} creates, not asked for", self.path);
        Ok(())
    }

    fn verify_multis(&self, names: &[String]) -> Result<()> {
        for number in 1..=self.multis_asked {
            let parts = (0..MULTI_LEN)
                .filter(|part| names.binary_search(&format!("m{number}-{part}")).is_ok())
                .count();
            let acknowledged = number <= self.multis_acknowledged;
            if parts != MULTI_LEN && (acknowledged || parts != 0) {
                bail!(
                    "{}/m{number}: {parts} of {MULTI_LEN} creates of {} multi",
                    self.path,
                    if acknowledged { "an acknowledged" } else { "a" }
                );
            }
        }
        Ok(())
    }
}

/// One session, with one ephemeral, that lives through all rounds.
struct Keeper {
    id: i64,
    password: Vec<u8>,
    session: Option<Session>,
    /// Each round's root, and how many single creates each writer had acknowledged.
    rounds: Vec<(String, Vec<usize>)>,
}

impl Keeper {
    fn open(port: u16) -> Result<Self> {
        let mut session = Session::open(port)?;
        session.create("/keeper", b"kept", 1)?;
        let (id, password) = (session.id, session.password.clone());
        Ok(Self { id, password, session: Some(session), rounds: Vec::new() })
    }

    /// The session on a connection to the server as it runs at the moment.
    fn session(&mut self, port: u16) -> Result<&mut Session> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::resume(port, self.id, &self.password)?,
        };
        Ok(self.session.insert(session))
    }

    /// After a restart: the old connection is dead, the session and its ephemeral are not.
    fn verify(&mut self, port: u16) -> Result<()> {
        self.session = None;
        let session = self.session(port).context("resume the oldest session")?;
        ensure!(session.data("/keeper")? == b"kept", "the oldest ephemeral has other data");
        Ok(())
    }

    fn all_still_there(&mut self, port: u16) -> Result<()> {
        let rounds = std::mem::take(&mut self.rounds);
        let session = self.session(port)?;
        for (root, writers) in rounds {
            for (index, count) in writers.into_iter().enumerate() {
                let path = format!("{root}/w{index}");
                let names = session.children(&path)?.with_context(|| format!("{path} is gone"))?;
                let found = names.iter().filter(|name| name.starts_with('s')).count();
                ensure!(found >= count, "{path} holds {found} creates, {count} acknowledged");
            }
        }
        Ok(())
    }
}
