//! Our recipes against Curator's and kazoo's, on Apache's server and ours: processes in three languages
//! contend for the same locks, leaderships, permits and numbers, and see each other's registrations.
//! And all of ours, one after the other, on all servers.
//!
//! Whether two held something at the same time is judged by what the server says: each holder writes
//! when it begins and before it ends, and the zxids of these writes are intervals of one order.

mod alone;
mod contenders;
mod holdings;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::Options;
use crate::clients::java_program;
use crate::mixed::took;
use crate::report::Report;
use crate::server::{Kind, Server};
use crate::setup;
use crate::tools::{Tools, bound, last_lines};
use contenders::Contenders;
use holdings::{Holding, Holdings};

/// How often each contender holds each thing, on the server under test and on the other one.
const ROUNDS: usize = 15;
const ROUNDS_ELSEWHERE: usize = 5;

/// How long the other side's program may take.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    setup::jars_38(tools)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut kinds = vec![options.server];
    kinds.extend([Kind::Apache, Kind::Apache38].iter().filter(|kind| **kind != options.server));
    for kind in kinds {
        let name = |what: &str| format!("recipes/{what}-{}", kind.name());
        let rounds = if kind == options.server { ROUNDS } else { ROUNDS_ELSEWHERE };
        let check = |name: String, check: &dyn Fn(&Server) -> Result<String>| {
            if name.contains(&options.filter) {
                let server = Server::start(tools, kind, &name.replace('/', "-"), &[]);
                report.result(&name, server.and_then(|server| check(&server)));
            }
        };
        check(name("all"), &|server| {
            let began = Instant::now();
            let count = runtime.block_on(alone::all(&server.address()))?;
            Ok(format!("{count} recipes; {}", took(began)))
        });
        if kind == Kind::Apache38 {
            continue;
        }
        check(name("curator"), &|server| {
            let curator = java_program(tools, "RecipesProgram.java")?;
            contend(&runtime, server, curator, contenders::CURATOR, rounds)
        });
        check(name("kazoo"), &|server| {
            setup::python(tools)?;
            let mut kazoo = bound(tools.python());
            kazoo.arg(tools.source.join("clients/python/recipes.py"));
            contend(&runtime, server, kazoo, contenders::KAZOO, rounds)
        });
    }
    Ok(())
}

/// Lets a program and our contenders go for the same things, and judges what they had.
fn contend(
    runtime: &tokio::runtime::Runtime,
    server: &Server,
    program: Command,
    recipes: &'static [&'static str],
    rounds: usize,
) -> Result<String> {
    let began = Instant::now();
    let contenders = runtime.block_on(Contenders::connect(&server.address()))?;
    let theirs = Theirs::start(program, server, rounds)?;
    let mut holdings = Holdings::default();
    for recipe in recipes {
        let ours = contenders.contend(recipe, rounds);
        let ours = runtime.block_on(async { tokio::time::timeout(LIMIT, ours).await });
        match ours.with_context(|| format!("{recipe} in {LIMIT:?}")).and_then(|ours| ours) {
            Ok(ours) => holdings.extend(ours),
            Err(error) => return Err(theirs.explain(error)),
        }
    }
    let lines = theirs.finish()?;
    let passed = lines.iter().filter_map(|line| line.strip_prefix("ok "));
    ensure!(passed.eq(recipes.iter().copied()), "it ended after {lines:?}");
    for line in &lines {
        if let Some(held) = line.strip_prefix("hold ") {
            holdings.extend([Holding::parse(held)?]);
        }
    }
    let count = holdings.judge()?;
    runtime.block_on(contenders.check_numbers(recipes, rounds))?;
    runtime.block_on(contenders.close());
    Ok(format!("{} recipes, {count} holdings; {}", recipes.len(), took(began)))
}

/// The other side's program.
struct Theirs {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: std::path::PathBuf,
}

impl Theirs {
    fn start(mut program: Command, server: &Server, rounds: usize) -> Result<Self> {
        let log = server.dir.join("recipes.log");
        program.arg(server.address()).arg(rounds.to_string()).current_dir(&server.dir);
        program.stdout(Stdio::piped()).stderr(std::fs::File::create(&log)?);
        let mut child = program.spawn().with_context(|| format!("start {program:?}"))?;
        let output = child.stdout.take().context("stdout of the program")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody reads any more when the check has failed already.
                let _failed = sender.send(line);
            }
        });
        Ok(Self { child, lines, log })
    }

    /// Waits for the end; what it has printed.
    fn finish(mut self) -> Result<Vec<String>> {
        let deadline = Instant::now() + LIMIT;
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => bail!("not done in {LIMIT:?}"),
            }
        }
        let status = self.child.wait()?;
        ensure!(status.success(), "{status} after {lines:?}\n{}", self.log_tail());
        Ok(lines)
    }

    fn explain(mut self, error: anyhow::Error) -> anyhow::Error {
        // It may have ended already, which is then what is wrong.
        drop(self.child.kill());
        drop(self.child.wait());
        let said: Vec<String> = self.lines.try_iter().collect();
        error.context(format!("the other side said {said:?}\n{}", self.log_tail()))
    }

    fn log_tail(&self) -> String {
        std::fs::read_to_string(&self.log).map(|log| last_lines(&log, 20)).unwrap_or_default()
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
