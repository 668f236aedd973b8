//! Bad input on the peer ports of a running ensemble, and servers that are set up wrongly: each is
//! refused or isolated, and clients notice nothing that the history's judge would mind.

mod future;
mod setup_errors;
mod wire_errors;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::Options;
use crate::ensemble::{Ensemble, Plan, Sid};
use crate::history::load::Load;
use crate::mixed::took;
use crate::report::Report;
use crate::server::Kind;
use crate::setup;
use crate::tools::{Tools, wait_for};

/// How long a server may take to say what came.
const TOLD_LIMIT: Duration = Duration::from_secs(20);

/// Does something that should do no harm. The answer is the log of a server that is none of the
/// ensemble's, if there was one.
type Attack = fn(&mut Ensemble<'_>) -> Result<String>;

/// Attacks under which nobody may lose the lead, and a word that our server's log must have about
/// each.
const ATTACKS: &[(&str, Attack, &str)] = &[
    ("garbage", wire_errors::garbage, "refused"),
    ("unknown-version", wire_errors::unknown_version, "version"),
    ("huge-lengths", wire_errors::huge_lengths, "refused"),
    ("silent-connections", wire_errors::silent_connections, "refused"),
    ("impostor", wire_errors::impostor, "elsewhere"),
    ("own-id", wire_errors::own_id, "own id"),
    ("epoch-from-the-future", wire_errors::epoch_from_the_future, "epoch"),
    ("duplicate-id", setup_errors::duplicate_id, "elsewhere"),
    ("duplicate-of-the-leader", setup_errors::duplicate_of_the_leader, "elsewhere"),
    ("wrong-cluster", setup_errors::wrong_cluster, "no member"),
    ("wrong-myid", setup_errors::wrong_myid, "cannot be opened"),
    ("directory-of-another", setup_errors::directory_of_another, "another server uses it"),
    ("not-in-config", setup_errors::not_in_config, "server.1"),
];

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    let wanted = |name: &str| format!("bad-peers/{name}").contains(&options.filter);
    let kinds = [options.server; 3];
    let mut ensemble = None;
    for (name, attack, word) in ATTACKS.iter().filter(|(name, ..)| wanted(name)) {
        let fresh = match ensemble.take() {
            Some(ensemble) => Ok(ensemble),
            None => Ensemble::start_led_by(tools, &Plan::patient("bad-peers", &kinds), 3),
        };
        let check = format!("bad-peers/{name}");
        match fresh {
            Err(error) => report.result(&check, Err(error)),
            Ok(mut fresh) => match judged(&mut fresh, name, *attack, word) {
                Ok(detail) => {
                    report.result(&check, Ok(detail));
                    ensemble = Some(fresh);
                }
                Err(error) => report.result(&check, Err(fresh.explain(error))),
            },
        }
    }
    drop(ensemble);
    future::run(tools, report, options);
    Ok(())
}

/// The ensemble goes on under the same leader, and our servers say in a line or two what came.
fn judged(ensemble: &mut Ensemble<'_>, name: &str, attack: Attack, word: &str) -> Result<String> {
    let began = Instant::now();
    let leader = ensemble.wait_leader()?;
    let load = Load::start(ensemble, &format!("/{name}"))?;
    let epoch = epoch(ensemble, leader)?;
    let logs: Vec<usize> = log_lengths(ensemble)?;
    let stranger = attack(ensemble)?;
    load.wait_progress().context("after the attack")?;
    ensemble.wait_all()?;
    let summary = load.finish(ensemble)?.summary();
    let after = ensemble.wait_leader()?;
    ensure!(after == leader, "server {leader} led before, {after} after");
    ensure!(self::epoch(ensemble, leader)? == epoch, "there was an election");
    // What came may still be in a socket or on its way to the log.
    let told = wait_for("a word about it", TOLD_LIMIT, || told(ensemble, &logs, &stranger, word))?;
    Ok(format!("{summary}; {}{told}", took(began)))
}

fn epoch(ensemble: &Ensemble<'_>, sid: Sid) -> Result<i64> {
    Ok(ensemble.member(sid).status()?.zxid >> 32)
}

fn log_lengths(ensemble: &Ensemble<'_>) -> Result<Vec<usize>> {
    ensemble.members.iter().map(|member| Ok(member.log()?.len())).collect()
}

/// The first line with the word in it, new in the log of one of our servers or in the stranger's.
fn told(ensemble: &Ensemble<'_>, before: &[usize], stranger: &str, word: &str) -> Result<String> {
    if ensemble.members.iter().any(|member| member.kind != Kind::Zoarium) {
        return Ok(String::new());
    }
    let mut logs = vec![("the stranger".to_owned(), stranger.to_owned())];
    for (member, before) in ensemble.members.iter().zip(before) {
        logs.push((member.name(), member.log()?.get(*before..).unwrap_or_default().to_owned()));
    }
    for (name, log) in logs {
        if let Some(line) = log.lines().find(|line| line.contains(word)) {
            return Ok(format!("\n{name}: {line}"));
        }
    }
    bail!("no server says anything with {word:?} in it")
}
