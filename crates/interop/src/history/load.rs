//! Clients that write, read and hold ephemerals until they are told to stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::roamer::{Answer, Roamer};
use super::{Event, History, Op, check};
use crate::dump::Dump;
use crate::ensemble::Ensemble;
use crate::session::{Reply, Session, create_body};
use crate::tools::wait_for;
use crate::wire::{Jute, Reader, op};

const WRITERS: usize = 3;
const READERS: usize = 3;
const HOLDERS: usize = 2;
/// Counters that all writers share.
const KEYS: usize = 4;
/// Every so many writes, one is a sequential create.
const CREATE_EVERY: u64 = 4;
/// Pause between two operations of a client; holders look at their ephemeral less often.
const PAUSE: Duration = Duration::from_millis(4);
const HOLDER_PAUSE: Duration = Duration::from_millis(100);
/// How many deletes are sent at once when all is over.
const DELETES: usize = 100;
/// Operations that each client must get through for the ensemble to count as serving.
const PROGRESS: u64 = 5;
/// How long that may take: a client may first have to find out that its server is gone.
const PROGRESS_LIMIT: Duration = Duration::from_secs(60);

/// Running clients.
pub(crate) struct Load {
    root: String,
    workers: Vec<JoinHandle<Seen>>,
    holders: Vec<JoinHandle<Seen>>,
    stop_workers: Arc<AtomicBool>,
    stop_holders: Arc<AtomicBool>,
    /// Replies by client.
    replies: Vec<Arc<AtomicU64>>,
}

/// What one client brings home.
struct Seen {
    ops: Vec<Op>,
    broken: Vec<String>,
    moves: usize,
    session: i64,
}

impl Load {
    /// Makes the znodes under `root` and starts the clients.
    pub(crate) fn start(ensemble: &Ensemble<'_>, root: &str) -> Result<Self> {
        let leader = ensemble.wait_leader()?;
        prepare(&mut ensemble.session(leader)?, root)?;
        let ports = ensemble.client_ports();
        let mut load = Self {
            root: root.to_owned(),
            workers: Vec::new(),
            holders: Vec::new(),
            stop_workers: Arc::new(AtomicBool::new(false)),
            stop_holders: Arc::new(AtomicBool::new(false)),
            replies: Vec::new(),
        };
        let base = Instant::now();
        for number in 0..WRITERS + READERS + HOLDERS {
            let is_holder = number >= WRITERS + READERS;
            let stop = if is_holder { &load.stop_holders } else { &load.stop_workers };
            let replies = Arc::new(AtomicU64::new(0));
            load.replies.push(Arc::clone(&replies));
            let mut client = Client {
                number,
                root: root.to_owned(),
                roamer: Roamer::new(&ports, number, Arc::clone(stop)),
                stop: Arc::clone(stop),
                base,
                replies,
                seen: Seen { ops: Vec::new(), broken: Vec::new(), moves: 0, session: 0 },
                versions: BTreeMap::new(),
            };
            let handle = std::thread::spawn(move || {
                match number {
                    0..WRITERS => client.write(),
                    _ if !is_holder => client.read(),
                    _ => client.hold(),
                }
                client.seen.moves = client.roamer.moves;
                client.seen.session = client.roamer.id();
                client.seen
            });
            if is_holder { load.holders.push(handle) } else { load.workers.push(handle) }
        }
        load.wait_progress().context("before any fault")?;
        Ok(load)
    }

    /// Waits until every client has got some more replies: the ensemble serves everybody.
    pub(crate) fn wait_progress(&self) -> Result<()> {
        let before: Vec<u64> = self.replies.iter().map(|it| it.load(Ordering::Relaxed)).collect();
        wait_for("replies to every client", PROGRESS_LIMIT, || {
            for (number, (replies, before)) in self.replies.iter().zip(&before).enumerate() {
                let fresh = replies.load(Ordering::Relaxed) - before;
                ensure!(fresh >= PROGRESS, "client {number} has got {fresh} replies");
            }
            Ok(())
        })
    }

    /// Ends the load and judges it against the trees of all running servers.
    pub(crate) fn finish(mut self, ensemble: &Ensemble<'_>) -> Result<History> {
        self.stop_workers.store(true, Ordering::Relaxed);
        let mut history = History::default();
        for worker in self.workers.drain(..) {
            history.add(worker.join().map_err(|_| anyhow!("a client panicked"))?);
        }
        let tree = ensemble.agree().context("after the load")?;
        check::history(&history, &self.root, &tree)?;
        self.stop_holders.store(true, Ordering::Relaxed);
        let mut sessions = Vec::new();
        for holder in self.holders.drain(..) {
            let seen = holder.join().map_err(|_| anyhow!("a client panicked"))?;
            sessions.push(seen.session);
            history.add(seen);
        }
        ensure!(history.broken.is_empty(), "{}", history.broken.join("\n"));
        check::sessions(&history)?;
        check::ephemerals(&tree, &self.root, &sessions)?;
        // The holders have closed their sessions.
        check::ephemerals(&ensemble.agree()?, &self.root, &[])?;
        clear(&mut ensemble.session(ensemble.wait_leader()?)?, &self.root, &tree)?;
        Ok(history)
    }
}

impl Drop for Load {
    /// After a failure the clients must not go on.
    fn drop(&mut self) {
        self.stop_workers.store(true, Ordering::Relaxed);
        self.stop_holders.store(true, Ordering::Relaxed);
    }
}

impl History {
    fn add(&mut self, seen: Seen) {
        self.ops.extend(seen.ops);
        self.broken.extend(seen.broken);
        self.moves += seen.moves;
    }

    /// For a report.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} writes, {} reads, {} session moves, longest write gap {} ms",
            self.acknowledged(),
            self.reads(),
            self.moves,
            self.longest_gap() / 1000
        )
    }
}

fn prepare(session: &mut Session, root: &str) -> Result<()> {
    session.create(root, b"", 0)?;
    session.create(&format!("{root}/created"), b"", 0)?;
    session.create(&format!("{root}/held"), b"", 0)?;
    (0..KEYS).try_for_each(|key| session.create(&format!("{root}/k{key}"), b"", 0).map(drop))?;
    Ok(())
}

/// Deletes what the load has left, so that the next comparison of trees is quick.
fn clear(session: &mut Session, root: &str, tree: &Dump) -> Result<()> {
    let prefix = format!("{root}/created/");
    let names: Vec<&String> = tree.keys().filter(|path| path.starts_with(&prefix)).collect();
    for window in names.chunks(DELETES) {
        let delete = |path: &&String| (op::DELETE, Jute::new().text(*path).int(-1));
        for reply in session.call_all(window.iter().map(delete).collect())? {
            ensure!(reply.err == 0, "a delete answered {}", reply.err);
        }
    }
    Ok(())
}

struct Client {
    number: usize,
    root: String,
    roamer: Roamer,
    stop: Arc<AtomicBool>,
    base: Instant,
    replies: Arc<AtomicU64>,
    seen: Seen,
    /// The last version of each key that this client knows of, for conditional writes.
    versions: BTreeMap<String, i32>,
}

/// Why a client ends: the load is over, or its session is.
struct Over;

impl Client {
    fn write(&mut self) {
        for count in 1.. {
            let value = format!("c{}-{count}", self.number);
            let done = if count % CREATE_EVERY == 0 {
                self.create(&value)
            } else {
                let key = count.wrapping_add(self.number as u64) % KEYS as u64;
                self.set(&format!("k{key}"), &value, count % 2 == 0)
            };
            if done.is_err() {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn read(&mut self) {
        for count in self.number.. {
            let key = format!("k{}", count % KEYS);
            let body = Jute::new().text(&format!("{}/{key}", self.root)).bool(false);
            let Ok(()) = self.operate(op::GET_DATA, body, None, |reply| read_event(&key, reply))
            else {
                return;
            };
            std::thread::sleep(PAUSE);
        }
    }

    /// Makes an ephemeral, looks at it again and again, and closes the session.
    fn hold(&mut self) {
        let path = format!("{}/held/e{}", self.root, self.number);
        let mut is_made = false;
        while let Ok(err) = self.ask(op::EXISTS, Jute::new().text(&path).bool(false)) {
            match err {
                0 => is_made = true,
                -101 if is_made => {
                    self.seen.broken.push(format!("{path} of a live session is gone"));
                    break;
                }
                -101 => match self.ask(op::CREATE, create_body(&path, b"held", 1)) {
                    Ok(err) => is_made = err == 0,
                    Err(Over) => break,
                },
                // The session has moved under the request's feet: the next one tells.
                _ => {}
            }
            std::thread::sleep(HOLDER_PAUSE);
        }
        if let Err(error) = self.roamer.close() {
            self.seen.broken.push(format!("the session of {path} cannot be closed: {error:#}"));
        }
    }

    /// One operation of which only the error code matters; -4 stands for a lost reply.
    fn ask(&mut self, op: i32, body: Jute) -> Result<i32, Over> {
        let mut err = -4;
        self.operate(op, body, None, |reply| {
            err = reply.err;
            Ok(Event::Replied)
        })?;
        Ok(err)
    }

    fn set(&mut self, key: &str, value: &str, is_conditional: bool) -> Result<(), Over> {
        let known = self.versions.get(key).copied();
        let expected = known.filter(|_| is_conditional);
        let path = format!("{}/{key}", self.root);
        let body = Jute::new().text(&path).text(value).int(expected.unwrap_or(-1));
        let (key, value) = (key.to_owned(), value.to_owned());
        let lost = Event::MaybeWrote { key: key.clone(), value: value.clone() };
        let mut version = None;
        let done = self.operate(op::SET_DATA, body, Some(lost), |reply| {
            if reply.err != 0 {
                return Ok(Event::Replied);
            }
            let (new, mzxid) = version_of(&mut Reader::new(&reply.body))?;
            version = Some(new);
            let key = key.clone();
            Ok(Event::Wrote { key, value, expected, version: new, mzxid })
        });
        match version {
            Some(version) => drop(self.versions.insert(key, version)),
            // Somebody else has written: the next write is unconditional and tells the version.
            None => drop(self.versions.remove(&key)),
        }
        done
    }

    fn create(&mut self, value: &str) -> Result<(), Over> {
        let path = format!("{}/created/n-", self.root);
        let lost = Event::MaybeCreated { value: value.to_owned() };
        let body = create_body(&path, value.as_bytes(), 2);
        self.operate(op::CREATE2, body, Some(lost), |reply| {
            if reply.err != 0 {
                return Ok(Event::Replied);
            }
            let mut reader = Reader::new(&reply.body);
            let path = String::from_utf8_lossy(reader.text()?.unwrap_or_default()).into_owned();
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            Ok(Event::Created { name, value: value.to_owned(), czxid: reader.long()? })
        })
    }

    /// One operation, recorded. `lost` is what to record when the reply is lost; nothing if it
    /// does not matter.
    fn operate(
        &mut self,
        op: i32,
        body: Jute,
        lost: Option<Event>,
        event: impl FnOnce(&Reply) -> Result<Event>,
    ) -> Result<(), Over> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Over);
        }
        let began = self.now();
        let answer = self.roamer.call(op, body);
        let (ended, client) = (self.now(), self.number);
        match answer {
            Answer::Reply(reply) => {
                self.replies.fetch_add(1, Ordering::Relaxed);
                let event = event(&reply).unwrap_or_else(|error| {
                    self.seen.broken.push(format!("client {client}: {error:#}"));
                    Event::Replied
                });
                self.seen.ops.push(Op { client, began, ended, zxid: reply.zxid, event });
                Ok(())
            }
            Answer::Lost => {
                let lost = lost.map(|event| Op { client, began, ended, zxid: 0, event });
                self.seen.ops.extend(lost);
                Ok(())
            }
            Answer::Stopped => Err(Over),
            Answer::Expired => {
                let id = self.roamer.id();
                self.seen.broken.push(format!("session {id:#x} of client {client} expired"));
                Err(Over)
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn read_event(key: &str, reply: &Reply) -> Result<Event> {
    ensure!(reply.err != -101, "{key} is not there");
    if reply.err != 0 {
        return Ok(Event::Replied);
    }
    let mut reader = Reader::new(&reply.body);
    let value = String::from_utf8_lossy(reader.text()?.unwrap_or_default()).into_owned();
    let (version, mzxid) = version_of(&mut reader)?;
    Ok(Event::Read { key: key.to_owned(), value, version, mzxid })
}

/// The version and mzxid of a Stat.
fn version_of(reader: &mut Reader<'_>) -> Result<(i32, i64)> {
    let (_czxid, mzxid) = (reader.long()?, reader.long()?);
    let (_ctime, _mtime) = (reader.long()?, reader.long()?);
    Ok((reader.int()?, mzxid))
}
