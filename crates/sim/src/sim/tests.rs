//! Each rule of the world, shown with processes that do what they are told.

use super::*;
use crate::disk::{Disk, RecordDisk};
use crate::options::{Delay, LinkPolicy};
use crate::trace::TraceLevel;
use crate::world::{Output, Outside, Request, Start, StartError};
use std::time::Duration;
use zoarium_process::{Input, Now, PersistSeq, Process, Protocol};

mod choices;
mod clocks;
mod disks;
mod links;
mod live;
mod processes;

/// Does what requests say, one word at a time, and nothing else.
#[derive(Debug)]
struct Probe {
    asked: PersistSeq,
}

impl Protocol for Probe {
    type Id = u8;
    type Message = String;
    type Timer = char;
    type Record = u32;
    type Request = String;
    type Output = String;
}

impl Process for Probe {
    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        let Input::Request(words) = input else { return };
        for word in words.split_whitespace() {
            let (verb, rest) = word.split_at(1);
            match verb {
                // `2hello`: says hello to process 2.
                "1" | "2" | "3" => effects.send(verb.parse().unwrap(), rest.to_owned()),
                // `=7`: makes 7 durable.
                "=" => {
                    self.asked = self.asked.next();
                    effects.persist(self.asked, rest.parse().unwrap());
                }
                // `t50`: sets the timer 't' to 50 ms from here.
                "t" => {
                    let delay = Duration::from_millis(rest.parse().unwrap());
                    effects.set_timer('t', now.mono + delay);
                }
                // Leaves a number out, against the contract.
                "s" => self.asked = self.asked.next(),
                "c" => effects.cancel_timer('t'),
                "w" => effects.output(format!("wall {}", now.wall_ms)),
                "o" => effects.output(rest.to_owned()),
                _ => panic!("{word}"),
            }
        }
    }
}

#[derive(Debug, Default)]
struct Probes {
    /// The processes that cannot recover.
    broken: Vec<u8>,
    /// Whether recovery writes the number of restarts.
    writes: bool,
    recovered: Vec<(u8, Vec<u32>)>,
}

impl World for Probes {
    type Process = Probe;
    type Disk = RecordDisk<u32>;

    fn names(&self) -> Names<u8> {
        (1..=3).collect()
    }

    fn disk(&mut self, _: u8) -> RecordDisk<u32> {
        RecordDisk::new()
    }

    fn start(&mut self, start: Start<'_, Self>) -> Result<Probe, StartError> {
        if self.broken.contains(&start.process) {
            return Err(StartError::Unrecoverable(Violation::new("recovery", "broken")));
        }
        if self.writes {
            start.disk.append(PersistSeq(1), &u32::try_from(start.restarts).unwrap())?;
            start.disk.sync()?;
        }
        self.recovered.push((start.process, start.disk.records().to_vec()));
        Ok(Probe { asked: PersistSeq(0) })
    }

    fn request(&mut self, _: u8, words: &str) -> Result<Request<Self>, String> {
        Ok(words.to_owned())
    }

    fn on_output(&mut self, output: &Output<Self>, outside: &mut Outside<'_, Self>) {
        match output.as_str() {
            "exit" => outside.exit(Some(Duration::from_millis(5))),
            "cut" => outside.cut(1, 2),
            "again" => outside.request(outside.process(), Duration::from_millis(3), "w".into()),
            _ => {}
        }
    }

    fn on_disk_full(&mut self, _: u8, full: bool) -> Option<String> {
        Some(if full { "ofull".into() } else { "oroom".into() })
    }

    fn copy(&self, message: &String) -> Option<String> {
        Some(message.clone())
    }
}

/// Delays that make times easy to follow.
fn plain() -> Options {
    let fixed = |millis| Delay::fixed(Duration::from_millis(millis));
    Options {
        message: fixed(1),
        connect: fixed(2),
        notice: fixed(5),
        detect: fixed(100),
        sync: fixed(10),
        timer_late: fixed(0),
        wall_ms: 1_000_000,
        trace: TraceLevel::Lines(usize::MAX),
        ..Options::default()
    }
}

/// A run of a script of one second.
fn played(options: Options, script: &str) -> Sim<Probes> {
    let names = (1..=3).collect();
    let mut plan = Plan::parse(script, &names).unwrap();
    if plan.lasts.is_zero() {
        plan.lasts = Duration::from_secs(1);
    }
    let mut sim = Sim::new(Probes::default(), options, plan, Vec::new());
    sim.run().unwrap();
    sim
}

/// Plays a script and compares the lines of the trace that have one of these parts.
#[track_caller]
fn check(script: &str, parts: &[&str], expected: &expect_test::Expect) {
    let sim = played(plain(), script);
    let lines = sim.trace().lines().filter(|line| !line.contains('!'));
    let lines = lines.filter(|line| parts.iter().any(|part| line.contains(part)));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    expected.assert_eq(&text);
}
