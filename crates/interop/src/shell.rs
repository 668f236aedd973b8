//! `zoarium shell` beside Apache's `zkCli`: the same scripts and single commands on servers alike,
//! outputs and exit codes compared; then somebody types at it.

mod single;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::Options;
use crate::report::Report;
use crate::server::{Kind, Server};
use crate::setup;
use crate::tools::{Tools, bound, run_within};
use crate::zkcli::{Client, compare, script, session};

/// How long the typing may take.
const LIMIT: Duration = Duration::from_secs(120);

/// How many times faster than Apache's client ours must be, at the least: on a loaded machine, with
/// a server that is also there.
const FASTER: f64 = 10.0;

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    for name in ["zkcli.script", "shell.script"] {
        report.result(&format!("shell {name}"), compare_script(tools, options.server, name));
    }
    report.result("shell single commands", single_commands(tools, options.server));
    report.result("shell typed at", typed_at(tools, options.server));
    Ok(())
}

/// Both clients with one script, each with its own server, so that zxids are the same.
fn compare_script(tools: &Tools, server: Kind, name: &str) -> Result<String> {
    let text = script(tools, name)?;
    let commands: Vec<&str> = text.lines().collect();
    let [theirs, ours] = ["zkcli", "ours"].map(|client| format!("shell-{client}-{name}"));
    std::thread::scope(|scope| {
        let expected = scope.spawn(|| session(tools, server, Client::Apache, &theirs, &commands));
        let got = session(tools, server, Client::Zoarium, &ours, &commands);
        let expected = expected.join().map_err(|_| anyhow::anyhow!("the reference failed"))??;
        compare(&commands, &expected, &got?)
    })
}

fn single_commands(tools: &Tools, server: Kind) -> Result<String> {
    let servers = [Client::Apache, Client::Zoarium]
        .map(|client| Server::start(tools, server, &format!("shell-single-{client:?}"), &[]));
    let [apache, ours] = servers;
    let (apache, ours) = (apache?, ours?);
    let (expected, got) = std::thread::scope(|scope| {
        let expected = scope.spawn(|| single::run_all(tools, Client::Apache, &apache));
        let got = single::run_all(tools, Client::Zoarium, &ours);
        (expected.join(), got)
    });
    let expected = expected.map_err(|_| anyhow::anyhow!("the reference failed"))??;
    single::compare(&expected, &got?)?;
    let (theirs, ours) = single::start_times(tools, &ours)?;
    let faster = theirs.as_secs_f64() / ours.as_secs_f64();
    anyhow::ensure!(faster >= FASTER, "{ours:?} against {theirs:?}: only {faster:.0} times faster");
    Ok(format!("{} commands; `ls /` in {ours:.1?}, zkCli in {theirs:.1?}", expected.len()))
}

/// Completion, history, questions and watches, in a pseudo-terminal.
fn typed_at(tools: &Tools, server: Kind) -> Result<String> {
    let server = Server::start(tools, server, "shell-typed", &[])?;
    let mut command: Command = bound("python3");
    command.arg(tools.source.join("clients/python/shell_pty.py"));
    command.arg(tools.zoarium()?).arg(server.address()).arg(server.dir.join("history"));
    let text = run_within(&mut command, LIMIT, &server.dir.join("typed.log"));
    Ok(text.context("somebody types")?.trim().to_owned())
}
