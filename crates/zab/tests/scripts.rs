//! Interaction scripts: a story told in verbs, with everything that happens recorded.
//!
//! In a script, lines that start with `#` say what it shows, lines that start with `>` are verbs,
//! and all others are what came of them. `UPDATE_EXPECT=1` writes them anew.

use crate::world::World;
use bytes::Bytes;
use expect_test::expect_file;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use zoarium_process::Input;
use zoarium_proto::{Membership, ServerId};
use zoarium_zab::{Forward, PeerState, Request};

struct Script {
    world: World,
    /// Whether notifications are recorded.
    elections: bool,
}

/// A server's number.
fn id(word: &str) -> ServerId {
    ServerId::parse(word).unwrap()
}

/// Two servers: `1>2`.
fn pair(word: &str) -> (ServerId, ServerId) {
    let (from, to) = word.split_once('>').unwrap();
    (id(from), id(to))
}

/// A time: `200ms`.
fn milliseconds(word: &str) -> Duration {
    Duration::from_millis(word.strip_suffix("ms").unwrap().parse().unwrap())
}

/// Lines of a membership: `1 2 3 o4` for three voters and an observer, `groups=1:2:3/4:5` and
/// `weight.2=0` where they matter.
fn membership(words: &[&str]) -> String {
    let mut lines = String::new();
    for word in words {
        if let Some(groups) = word.strip_prefix("groups=") {
            for (number, members) in groups.split('/').enumerate() {
                lines += &format!("group.{}={members}\n", number + 1);
            }
        } else if word.starts_with("weight.") {
            lines += &format!("{word}\n");
        } else {
            let observer = word.strip_prefix('o');
            let role = if observer.is_some() { "observer" } else { "participant" };
            let id = observer.unwrap_or(word);
            lines += &format!("server.{id}=host{id}:2888:3888:{role}\n");
        }
    }
    lines
}

impl Script {
    fn carry_out(&mut self, verb: &str) {
        let words: Vec<&str> = verb.split_whitespace().collect();
        let (verb, words) = words.split_first().unwrap();
        match *verb {
            "ensemble" => self.world = World::with_membership(&membership(words)),
            "join" => self.join(words),
            "set" => self.set(words[0], words[1]),
            "start" => words.iter().for_each(|word| self.world.start(id(word))),
            "crash" => self.crash(words),
            "propose" => self.propose(words[0], &words[1..]),
            "reconfigure" => self.reconfigure(words),
            "forward" => {
                let bytes = words[1].to_owned().into();
                let forward = Forward { bytes, auth: Bytes::new() };
                self.world.step(id(words[0]), Input::Request(Request::Forward(forward)));
            }
            "answer_sync" => {
                let sync = Request::Sync { to: id(words[1]) };
                self.world.step(id(words[0]), Input::Request(sync));
            }
            "deliver" => self.deliver(words),
            "sync" => self.world.sync(id(words[0]), usize::MAX),
            "stall" => words.iter().for_each(|it| self.world.server(id(it)).disk.stalled = true),
            "unstall" => words.iter().for_each(|it| self.world.server(id(it)).disk.stalled = false),
            "stabilize" => self.world.stabilize(),
            "until" => self.until(&words.join(" ")),
            "quietly" => {
                self.carry_out(&words.join(" "));
                self.world.trace.clear();
            }
            "pass" => {
                self.world.pass(milliseconds(words[0]));
            }
            "cut" => words.iter().for_each(|word| {
                let (a, b) = pair(word);
                self.world.cut(a, b);
            }),
            "block" => words.iter().for_each(|word| {
                self.world.network.blocked.insert(pair(word));
            }),
            "unblock" => words.iter().for_each(|word| {
                self.world.network.blocked.remove(&pair(word));
            }),
            "heal" => self.world.heal(),
            "state" => self.state(),
            _ => panic!("no verb {verb}"),
        }
    }

    /// Servers that the membership does not name yet; they start with one that has them in it.
    fn join(&mut self, words: &[&str]) {
        for word in words {
            self.world.add(id(word));
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        if name == "elections" {
            self.elections = value == "shown";
            return;
        }
        for server in self.world.servers.values_mut() {
            let options = &mut server.options;
            match name {
                "committed_log_max" => options.committed_log_max = value.parse().unwrap(),
                "rollover_at" => options.rollover_at = value.parse().unwrap(),
                "disk_log_sync" => options.disk_log_sync = value == "on",
                "reconfig" => options.reconfig_enabled = value == "on",
                "observer_pause" => options.observer_pause = milliseconds(value),
                "observer_snapshots_max" => {
                    options.observer_snapshots_max = value.parse().unwrap();
                }
                "force_snapshot" => options.force_snapshot_sync = value == "on",
                _ => panic!("no setting {name}"),
            }
        }
    }

    /// `crash 2` loses all that is not synced; `crash 2 keep 1` all but the first record of it.
    fn crash(&mut self, words: &[&str]) {
        let kept = words.iter().position(|word| *word == "keep");
        let survive = kept.map_or(0, |at| words[at + 1].parse().unwrap());
        for word in &words[..kept.unwrap_or(words.len())] {
            self.world.crash(id(word), survive);
        }
    }

    fn propose(&mut self, leader: &str, texts: &[&str]) {
        for text in texts {
            if !self.world.propose(id(leader), text) {
                self.world.trace.push(format!("{leader}: may not propose"));
            }
        }
    }

    /// `reconfigure 1 to 2 3`.
    fn reconfigure(&mut self, words: &[&str]) {
        let members = Membership::parse(&membership(&words[2..])).unwrap();
        self.world.propose_with(id(words[0]), "members", Some(Arc::new(members)));
    }

    /// `deliver 1>2` delivers what is under way now; `deliver 1>2 3` the first three.
    fn deliver(&mut self, words: &[&str]) {
        let (from, to) = pair(words[0]);
        let most = words.get(1).map_or(usize::MAX, |word| word.parse().unwrap());
        let under_way = |world: &World| {
            let places = world.network.deliverable();
            places.into_iter().find(|place| world.network.route(*place) == (from, to))
        };
        let now: usize = self.world.network.count(from, to);
        for _ in 0..now.min(most) {
            if let Some(place) = under_way(&self.world) {
                self.world.deliver(place);
            }
        }
    }

    /// Stabilizes, but stops when something has happened.
    fn until(&mut self, text: &str) {
        while !self.world.trace.iter().any(|line| line.contains(text)) {
            assert!(self.world.turn(), "{text} does not happen");
        }
    }

    fn state(&mut self) {
        let mut lines = Vec::new();
        for (id, server) in &self.world.servers {
            let Some(zab) = &server.zab else {
                lines.push(format!("{id} down"));
                continue;
            };
            let state = match zab.state() {
                PeerState::Looking => "looking",
                PeerState::Following => "following",
                PeerState::Leading => "leading",
                PeerState::Observing => "observing",
            };
            let serves = if server.serving.is_some() { ", serving" } else { "" };
            let (accepted, current) = zab.epochs();
            let texts: Vec<String> = server
                .tree
                .txns
                .iter()
                .map(|txn| String::from_utf8_lossy(&txn.bytes).into_owned())
                .collect();
            let tree = texts.join(" ");
            lines.push(format!(
                "{id} {state}{serves}, epochs {accepted}/{current}, zxid {}, tree: {tree}",
                zab.zxids().0
            ));
        }
        self.world.trace.append(&mut lines);
    }

    fn record(&mut self) -> String {
        let mut recorded = String::new();
        for line in self.world.trace.drain(..) {
            let election = [" looking ", " following ", " leading ", " observing "]
                .iter()
                .any(|state| line.contains(state) && line.contains(">") && line.contains("round"));
            if self.elections || !election {
                recorded += &format!("  {line}\n");
            }
        }
        recorded
    }
}

fn run(text: &str) -> String {
    let mut script = Script { world: World::new(3, 0), elections: false };
    let mut output = String::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            output += &format!("{line}\n");
        } else if let Some(verb) = line.strip_prefix('>') {
            output += &format!("{line}\n");
            script.carry_out(verb);
            output += &script.record();
        }
    }
    output
}

#[test]
fn scripts_are_what_happens() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> =
        scripts.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no scripts");
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        expect_file![path].assert_eq(&run(&text));
    }
}
