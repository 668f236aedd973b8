//! Scripts for an ensemble: transcripts of one command a line with, indented below it, what
//! everybody is told.
//!
//! ```text
//! c1 open 2 [6000] [ro]            a new session from connection 1 to server 2, with that timeout
//! c2 renew c1 3 [6000] [ro] [forged] [seen=1000000ff]   the session of connection 1, to server 3
//! c1 drop · c1 hear · c1 lively    breaks · a sign of life now · signs of life from now on
//! c1 create /a eph data=x          a request, as in the scripts for one server
//! c1 late create /a                one that the closed connection had sent before
//! add 4                            a server that is no member starts
//! crash 1 · start 1                loses what is not durable · comes back
//! stall 1 · unstall 1              its disk takes nothing · takes it all
//! disk full 1 · disk ok 1
//! slow 1 · quick 1                 it carries out what it is told only when it must · at once
//! hold 1 2 · free 1 2              nothing moves between them · moves again
//! cut 1 2 · heal                   their links break and cannot come up · can
//! pass 500                         milliseconds pass
//! sessions 1 · local 1             when which session expires, ms from now
//! ```
//!
//! Every command is followed by all that needs no time.

use super::super::script::{handshake, request};
use super::links::pair;
use super::world::{Setup, World};
use crate::{Connect, Request};
use bytes::Bytes;
use core::time::Duration;
use expect_test::Expect;
use std::collections::BTreeSet;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use zoarium_process::{Input, Instant};
use zoarium_proto::{ConnId, Id, ServerId, SessionId};

/// Runs a script with three voters, of which server 3 leads.
pub(super) fn check(transcript: Expect) {
    check_with(Setup::default(), transcript);
}

/// Runs a script in an ensemble that is set up like this.
pub(super) fn check_with(setup: Setup, transcript: Expect) {
    Script::new(setup).check(transcript);
}

#[derive(Debug)]
pub(super) struct Script {
    pub(super) world: World,
    sessions: Vec<(ConnId, SessionId)>,
}

impl Script {
    pub(super) fn new(setup: Setup) -> Self {
        let mut world = World::new(setup);
        world.told.clear();
        Self { world, sessions: Vec::new() }
    }

    /// Runs the commands of a transcript and compares the whole.
    pub(super) fn check(&mut self, transcript: Expect) {
        let lines = || transcript.data().lines().filter(|line| !line.trim().is_empty());
        let indent = |line: &str| line.len() - line.trim_start().len();
        let margin = lines().map(indent).min().unwrap_or(0);
        let commands: Vec<_> = lines().filter(|line| indent(line) == margin).collect();
        transcript.assert_eq(&self.run(&commands.join("\n")));
        if self.world.is_calm() {
            assert_eq!(self.world.under_way(), 0, "requests without an answer");
        }
    }

    /// The commands, each followed by what was told and shown.
    pub(super) fn run(&mut self, script: &str) -> String {
        let mut transcript = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let shown = self.command(line);
            self.world.stabilize();
            self.learn_sessions();
            transcript += &format!("{line}\n");
            for told in self.world.told.drain(..).chain(shown) {
                transcript += &format!("    {told}\n");
            }
        }
        transcript
    }

    /// Carries out one command; the result is what it shows besides what is told.
    fn command(&mut self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split(' ').collect();
        let server = |at: usize| ServerId(words[at].parse().unwrap());
        let world = &mut self.world;
        match words[0] {
            "add" => world.add_stranger(server(1)),
            "crash" => world.crash(server(1)),
            "start" => world.start(server(1)),
            "stall" => world.server(server(1)).disk.stalled = true,
            "unstall" => world.server(server(1)).disk.stalled = false,
            "slow" => world.server(server(1)).slow = true,
            "quick" => {
                world.server(server(1)).slow = false;
                world.carry_out(server(1));
            }
            "hold" => drop(world.links.held.insert(pair(server(1), server(2)))),
            "free" => drop(world.links.held.remove(&pair(server(1), server(2)))),
            "cut" => world.cut(server(1), server(2)),
            "heal" => world.links.cut.clear(),
            "disk" => {
                let full = words[1] == "full";
                world.step(server(2), Input::Request(Request::DiskFull(full)));
            }
            "pass" => world.pass(Duration::from_millis(words[1].parse().unwrap())),
            "sessions" => {
                let peer = self.world.server_ref(server(1)).peer();
                return Some(self.buckets_text(peer.session_buckets()));
            }
            "local" => {
                let peer = self.world.server_ref(server(1)).peer();
                return Some(self.buckets_text(peer.local_session_buckets()));
            }
            conn => {
                let conn = conn_id(conn);
                let line = line.split_once(' ').unwrap().1;
                self.client(conn, line);
            }
        }
        None
    }

    fn client(&mut self, conn: ConnId, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "open" | "renew" => self.connect(conn, &words),
            "drop" => self.world.drop_connection(conn),
            "hear" => self.world.hear(conn),
            "lively" => {
                let id = self.world.home(conn);
                self.world.server(id).lively.insert(conn);
            }
            "auth" => {
                let (scheme, id) = words[1].split_once(':').unwrap();
                let home = self.world.home(conn);
                self.world.server(home).front.add_identity(conn, Id::new(scheme, id));
            }
            "late" => {
                let session = self.session_of(conn);
                self.world.late_request(conn, session, request(line.split_once(' ').unwrap().1));
            }
            _ => self.world.request(conn, request(line)),
        }
    }

    /// `open SERVER [TIMEOUT]` or `renew CONN SERVER [TIMEOUT]`, with options behind.
    fn connect(&mut self, conn: ConnId, words: &[&str]) {
        let (session, rest) = match words[0] {
            "open" => (SessionId::NONE, &words[1..]),
            _ => (self.session_of(conn_id(words[1])), &words[2..]),
        };
        let id = ServerId(rest[0].parse().unwrap());
        let timeout_ms = rest.get(1).and_then(|ms| ms.parse().ok()).unwrap_or(6000);
        let mut connect = handshake(conn, session, timeout_ms);
        for option in rest {
            if let Some(zxid) = option.strip_prefix("seen=") {
                connect.last_zxid_seen = i64::from_str_radix(zxid, 16).unwrap();
            }
        }
        if rest.contains(&"ro") {
            connect.read_only = Some(true);
        }
        if rest.contains(&"forged") {
            connect = Connect { password: Bytes::from_static(&[0; 16]), ..connect };
        }
        self.world.connect(id, connect);
    }

    fn learn_sessions(&mut self) {
        for id in self.world.running() {
            for conn in self.world.server(id).front.conns() {
                let session = self.world.server(id).front.session(conn);
                let known = self.sessions.iter().any(|(known, _)| *known == conn);
                if session != SessionId::NONE && !known {
                    self.sessions.push((conn, session));
                }
            }
        }
    }

    /// The session that a connection has or had.
    pub(super) fn session_of(&self, conn: ConnId) -> SessionId {
        self.sessions.iter().find(|(known, _)| *known == conn).unwrap().1
    }

    fn buckets_text<'s>(
        &self,
        buckets: impl Iterator<Item = (Instant, &'s BTreeSet<SessionId>)>,
    ) -> String {
        let now = self.world.now_ms();
        let name = |session: &SessionId| {
            let opener = self.sessions.iter().find(|(_, known)| known == session);
            opener.map_or_else(|| session.to_string(), |(conn, _)| format!("c{conn}"))
        };
        let texts: Vec<String> = buckets
            .map(|(at, sessions)| {
                let names: Vec<String> = sessions.iter().map(name).collect();
                format!("{} in {}", names.join(" "), at.since_origin().as_millis() - now)
            })
            .collect();
        if texts.is_empty() { "none".to_string() } else { texts.join(", ") }
    }
}

fn conn_id(word: &str) -> ConnId {
    let number = word.strip_prefix('c').and_then(|number| number.parse().ok());
    ConnId(number.unwrap_or_else(|| panic!("no command: {word}")))
}
