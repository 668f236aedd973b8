//! Scripts: transcripts of one command a line with, indented below it, what everybody is told. To
//! write one, write the commands and run the test with `UPDATE_EXPECT=1`.
//!
//! ```text
//! c1 open 6000                 a new session from connection 1, asking for that timeout
//! c2 renew c1 [6000] [forged]  the session of connection 1 from connection 2
//! c1 drop · c1 hear            the connection breaks · the client is heard of
//! c1 auth digest:u:hash        one more identity
//! c1 create /a eph data=x      a request: operation, path, options (see `request`)
//! c1 multi create /a; delete /b v=3
//! c1 cut create /a · c1 raw create 00ff     a record without its last byte · any bytes
//! hold · persist [n] · durable [n] · deliver [n] · settle
//! at 5000 · wall 1000          let time pass until · set the wall clock, ms after its start
//! disk full · disk ok · restart
//! stat /a · acl /a · log       a znode · the transactions since the last `log`
//! ```
//!
//! Until `hold` every command is followed by `settle`: all is durable and carried out.

use super::ask::{Ask, Create, acl_of};
use super::reply_text::{error_text, stat_text};
use super::world::{WALL_MS, World};
use crate::Connect;
use bytes::Bytes;
use expect_test::Expect;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use zoarium_proto::create::Owner;
use zoarium_proto::txn::{CreateKind, LoggedTxn, Txn};
use zoarium_proto::{Acl, AclList, ConnId, Id, OpCode, Perms, SessionId};

/// Runs a script in a new world and compares what was told.
pub(super) fn check(transcript: Expect) {
    Script::new(World::new()).check(transcript);
}

/// A world under the control of scripts.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) world: World,
    holding: bool,
    logged: usize,
    sessions: Vec<(ConnId, SessionId)>,
}

impl Script {
    pub(super) const fn new(world: World) -> Self {
        Self { world, holding: false, logged: 0, sessions: Vec::new() }
    }

    /// Runs the commands of a transcript and compares the whole.
    pub(super) fn check(&mut self, transcript: Expect) {
        let lines = || transcript.data().lines().filter(|line| !line.trim().is_empty());
        let indent = |line: &str| line.len() - line.trim_start().len();
        let margin = lines().map(indent).min().unwrap_or(0);
        let commands: Vec<_> = lines().filter(|line| indent(line) == margin).collect();
        transcript.assert_eq(&self.run(&commands.join("\n")));
    }

    /// The commands, each followed by what was told and shown.
    pub(super) fn run(&mut self, script: &str) -> String {
        let mut transcript = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let shown = self.command(line);
            if !self.holding {
                self.world.settle();
            }
            self.learn_sessions();
            transcript += &format!("{line}\n");
            for told in self.world.front.told.drain(..).chain(shown) {
                transcript += &format!("    {told}\n");
            }
        }
        transcript
    }

    /// Carries out one command; the result is what it shows besides what is told.
    fn command(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split(' ').collect();
        let world = &mut self.world;
        let count = || words.get(1).map_or(usize::MAX, |count| count.parse().unwrap());
        match words[0] {
            "hold" => self.holding = true,
            "settle" => {
                self.holding = false;
                world.settle();
            }
            "persist" => world.persist(count().min(world.volatile())),
            "durable" => world.persist_only(count().min(world.volatile())),
            "deliver" => world.deliver(count()),
            "at" => {
                let holding = self.holding;
                let settle = |world: &mut World| {
                    if !holding {
                        world.settle();
                    }
                };
                world.advance_to(words[1].parse().unwrap(), settle);
            }
            "wall" => world.wall_ms = WALL_MS + words[1].parse::<i64>().unwrap(),
            "disk" => world.disk_full(words[1] == "full"),
            "restart" => {
                world.restart();
                self.logged = 0;
            }
            "stat" => return [self.stat(&path(words[1]).unwrap())].into(),
            "acl" => return [self.acl(&path(words[1]).unwrap())].into(),
            "log" => return self.log(),
            conn => {
                let conn = conn_id(conn);
                let line = line.split_once(' ').unwrap().1;
                self.client(conn, line);
            }
        }
        Vec::new()
    }

    fn client(&mut self, conn: ConnId, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let world = &mut self.world;
        match words[0] {
            "open" => {
                let timeout_ms = words.get(1).map_or(6000, |ms| ms.parse().unwrap());
                world.connect(handshake(conn, SessionId::NONE, timeout_ms));
            }
            "renew" => {
                let session = self.session_of(conn_id(words[1]));
                let timeout_ms = words.get(2).and_then(|ms| ms.parse().ok()).unwrap_or(6000);
                let mut connect = handshake(conn, session, timeout_ms);
                if words.contains(&"forged") {
                    connect.password = Bytes::from_static(&[0; 16]);
                }
                self.world.connect(connect);
            }
            "drop" => world.disconnect(conn),
            "hear" => world.hear(conn),
            "auth" => {
                let (scheme, id) = words[1].split_once(':').unwrap();
                world.front.add_identity(conn, Id::new(scheme, id));
            }
            _ => world.request(conn, request(line)),
        }
    }

    fn learn_sessions(&mut self) {
        for conn in self.world.front.conns() {
            let session = self.world.front.session(conn);
            if session != SessionId::NONE && self.sessions.iter().all(|(known, _)| *known != conn) {
                self.sessions.push((conn, session));
            }
        }
    }

    /// The session that a connection had, even if it is gone.
    pub(super) fn session_of(&self, conn: ConnId) -> SessionId {
        self.sessions.iter().find(|(known, _)| *known == conn).unwrap().1
    }

    fn session_text(&self, session: SessionId) -> String {
        let opener = self.sessions.iter().find(|(_, known)| *known == session);
        opener.map_or_else(|| session.to_string(), |(conn, _)| format!("c{conn}"))
    }

    fn stat(&self, path: &str) -> String {
        let Some(znode) = self.world.front.tree.find(path) else { return "none".to_string() };
        let stat = znode.stat();
        let owner = match znode.owner() {
            Owner::None => String::new(),
            Owner::Session(session) => format!(" of {}", self.session_text(session)),
            Owner::Container => " container".to_string(),
            Owner::Ttl(ms) => format!(" ttl {ms}"),
        };
        let times = [stat.ctime, stat.mtime].map(|ms| ms - WALL_MS);
        format!("{} created +{} modified +{}{owner}", stat_text(&stat), times[0], times[1])
    }

    fn acl(&self, path: &str) -> String {
        self.world
            .front
            .tree
            .find(path)
            .map_or_else(|| "none".to_string(), |found| acl_text(found.acl()))
    }

    fn log(&mut self) -> Vec<String> {
        let new = &self.world.log[self.logged..];
        let text = |bytes: &Bytes| {
            let logged = LoggedTxn::decode(bytes).unwrap();
            let header = &logged.header;
            let digest = if logged.digest.is_some() { "" } else { ", no digest" };
            let session = self.session_text(header.session);
            let txn = txn_text(&logged.txn);
            format!("{} by {session} #{}: {txn}{digest}", header.zxid, header.cxid)
        };
        let texts = new.iter().map(text).collect();
        self.logged = self.world.log.len();
        texts
    }
}

fn txn_text(txn: &Txn<'_>) -> String {
    match txn {
        Txn::CreateSession { timeout_ms } => format!("open {timeout_ms}"),
        Txn::CloseSession { paths } => format!("close {paths:?}"),
        Txn::Error { code } => error_text(*code),
        Txn::Create(create) => {
            let kind = match create.kind {
                CreateKind::Plain { ephemeral: true, .. } => " ephemeral".to_string(),
                CreateKind::Plain { ephemeral: false, .. } => String::new(),
                CreateKind::Container => " container".to_string(),
                CreateKind::Ttl { ttl_ms } => format!(" ttl {ttl_ms}"),
            };
            format!("create {}{kind}, {} of its parent", create.path, create.parent_cversion)
        }
        Txn::Delete { path, reaped: false } => format!("delete {path}"),
        Txn::Delete { path, reaped: true } => format!("reap {path}"),
        Txn::SetData { path, version, .. } => format!("set {path} v{version}"),
        Txn::Reconfig { version, .. } => format!("reconfig v{version}"),
        Txn::SetAcl { path, version, .. } => format!("set acl {path} v{version}"),
        Txn::Check { path, version } => format!("check {path} v{version}"),
        Txn::Multi(parts) => {
            format!("multi [{}]", parts.iter().map(txn_text).collect::<Vec<_>>().join("; "))
        }
    }
}

fn acl_text(acl: AclList<'_>) -> String {
    let text = |text: Option<zoarium_proto::jute::Text<'_>>| text.map(String::from);
    let entries = acl.iter().map(|entry| {
        let (scheme, id) = (text(entry.scheme), text(entry.id));
        format!("{}:{}:{}", scheme.unwrap_or_default(), id.unwrap_or_default(), entry.perms.0)
    });
    entries.collect::<Vec<_>>().join(",")
}

pub(super) fn handshake(conn: ConnId, session: SessionId, timeout_ms: i32) -> Connect {
    let password = session.password().to_vec().into();
    Connect { conn, last_zxid_seen: 0, timeout_ms, session, password, read_only: None }
}

fn conn_id(word: &str) -> ConnId {
    let number = word.strip_prefix('c').and_then(|number| number.parse().ok());
    ConnId(number.unwrap_or_else(|| panic!("no command: {word}")))
}

/// The request that a line describes.
///
/// Operations: create, create2, container, ttl, delete, setData, setACL, check, getData, exists,
/// getChildren, sync, reconfig, close, multi. Options: `v=` version, `data=` text, `null` or
/// `*count` bytes, `acl=` list of `scheme:id:perms`, `null` or `none`, `mode=` number, `for=`
/// milliseconds, and eph, seq, ephseq, watch.
pub(super) fn request(line: &str) -> Ask {
    let (op, rest) = line.split_once(' ').unwrap_or((line, ""));
    match op {
        "multi" => {
            let parts = rest.split("; ").filter(|part| !part.is_empty());
            return Ask::multi(&parts.map(request).collect::<Vec<_>>());
        }
        "cut" => {
            let mut ask = request(rest);
            ask.body.pop();
            return ask;
        }
        "raw" => {
            let (op, hex) = rest.split_once(' ').unwrap_or((rest, ""));
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let body = (0..hex.len()).step_by(2).map(byte).collect();
            return Ask { op: request(op).op, body };
        }
        _ => {}
    }
    let mut words = rest.split(' ');
    let path = path(words.next().unwrap_or_default());
    let options: Vec<&str> = words.collect();
    let value =
        |key: &str| options.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let version = value("v").map_or(-1, |version| version.parse().unwrap());
    let data = data(value("data").unwrap_or(""));
    let acl = acl(value("acl").unwrap_or("world:anyone:31"));
    let acl = acl.as_deref().map(|acl| AclList::from_encoded(acl).unwrap());
    let path = path.as_deref();
    let watch = options.contains(&"watch");
    let create = |op, mode: i32| {
        let modes = [("eph", 1), ("seq", 2), ("ephseq", 3)];
        let named = modes.iter().find(|(name, _)| options.contains(name)).map(|(_, mode)| *mode);
        let flags = value("mode").map_or(named.unwrap_or(mode), |mode| mode.parse().unwrap());
        let ttl_ms = value("for").map_or(1000, |ms| ms.parse().unwrap());
        Create { op, data: data.as_deref(), acl, flags, ttl_ms, ..Create::of(path) }.ask()
    };
    match op {
        "create" => create(OpCode::Create, 0),
        "create2" => create(OpCode::Create2, 0),
        "container" => create(OpCode::CreateContainer, 4),
        "ttl" => create(OpCode::CreateTtl, 5),
        "delete" => Ask::delete(path, version),
        "setData" => Ask::set_data(path, data.as_deref(), version),
        "setACL" => Ask::set_acl(path, acl, version),
        "check" => Ask::check(path, version),
        "getData" => Ask::read(OpCode::GetData, path, watch),
        "exists" => Ask::read(OpCode::Exists, path, watch),
        "getChildren" => Ask::read(OpCode::GetChildren, path, watch),
        "sync" => Ask::sync(path),
        "reconfig" => reconfig(rest),
        "close" => Ask::close(),
        op => panic!("no operation: {op}"),
    }
}

/// `join=` and `leave=` lists, `members=` lines with a comma between them, `v=` in hexadecimal.
fn reconfig(options: &str) -> Ask {
    let value =
        |key: &str| options.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let version = value("v").map_or(-1, |version| i64::from_str_radix(version, 16).unwrap());
    Ask::reconfig(value("join"), value("leave"), value("members"), version)
}

/// A path: `null`, `''` for the empty one, `%xx` for a byte.
fn path(word: &str) -> Option<String> {
    if word == "null" {
        return None;
    }
    let mut parts = word.split('%');
    let first = parts.next().unwrap_or_default().replace("''", "");
    let mut bytes = first.into_bytes();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    Some(String::from_utf8(bytes).unwrap())
}

fn data(word: &str) -> Option<Vec<u8>> {
    match word.strip_prefix('*') {
        Some(count) => Some([b'x'].repeat(count.parse().unwrap())),
        None => (word != "null").then(|| word.into()),
    }
}

fn acl(word: &str) -> Option<Vec<u8>> {
    if word == "null" {
        return None;
    }
    let entries = word.split(',').filter(|_| word != "none").map(|entry| {
        let (scheme, rest) = entry.split_once(':').unwrap();
        let (id, perms) = rest.rsplit_once(':').unwrap();
        Acl::new(Perms(perms.parse().unwrap()), scheme, id)
    });
    Some(acl_of(&entries.collect::<Vec<_>>()))
}
