//! How an ensemble is, and what to do about it.

use crate::ensemble::{lag, leader};
use crate::facts::{Facts, State};
use crate::words::srvr::Role;
use serde::Serialize;
use std::collections::BTreeSet;

/// How many transactions a server may be behind the leader. They are not asked at the same instant,
/// so some are no lag at all.
pub const LAG_MAX: u64 = 5000;

/// How many requests may be under way in a server; by default one takes no more than 1000.
pub const OUTSTANDING_MAX: u64 = 900;

/// What part of the files that a process may open it should have open, in percent.
pub const FILES_PERCENT_MAX: u64 = 85;

/// How an ensemble is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// All is well.
    Healthy,
    /// Clients are served, and something is wrong.
    Degraded,
    /// None of the servers asked serves clients that write.
    Down,
}

impl Health {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }

    /// The exit code of a health check.
    pub const fn exit_code(self) -> u8 {
        self as u8
    }
}

/// Something that somebody should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether the ensemble is the worse for it.
    pub is_problem: bool,
    /// What was found.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// How an ensemble is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How it is.
    pub health: Health,
    /// Why; problems come first.
    pub findings: Vec<Finding>,
}

/// Judges servers by what they tell.
pub fn judge(servers: &[Facts]) -> Verdict {
    let mut findings = Vec::new();
    servers.iter().for_each(|server| judge_server(server, &mut findings));
    judge_roles(servers, &mut findings);
    judge_lag(servers, &mut findings);
    judge_versions(servers, &mut findings);
    findings.sort_by_key(|finding| !finding.is_problem);
    let writes = |server: &Facts| server.serves() && server.role() != Some(Role::ReadOnly);
    let health = if !servers.iter().any(writes) {
        Health::Down
    } else if findings.iter().any(|finding| finding.is_problem) {
        Health::Degraded
    } else {
        Health::Healthy
    };
    Verdict { health, findings }
}

fn problem(what: String, remedy: &str) -> Finding {
    Finding { is_problem: true, what, remedy: remedy.to_owned() }
}

fn note(what: String, remedy: &str) -> Finding {
    Finding { is_problem: false, what, remedy: remedy.to_owned() }
}

fn judge_server(server: &Facts, findings: &mut Vec<Finding>) {
    let target = &server.target;
    match &server.state {
        State::Serving => {}
        State::NotServing => findings.push(problem(
            format!("{target} runs and does not serve"),
            "it looks for a leader, or has just started: see whether a majority of the voting \
             servers runs, whether they reach each other's quorum and election ports (2888 and 3888 \
             in most configurations), and what its log says",
        )),
        State::Unreachable(why) => findings.push(problem(
            format!("{target}: {why}"),
            "see whether the process runs on that host, whether this is its client port, and \
             whether a firewall is in between; its log says why it ended",
        )),
    }
    if server.role() == Some(Role::ReadOnly) {
        findings.push(problem(
            format!("{target} is read-only: it is cut off from a majority"),
            "see whether it reaches the other servers' quorum and election ports",
        ));
    }
    if let Some(outstanding) = server.srvr.outstanding.filter(|it| *it >= OUTSTANDING_MAX) {
        findings.push(problem(
            format!("{target} has {outstanding} requests under way"),
            "it no longer keeps up: look at fsync times and at who sends so much, as in zoarium top",
        ));
    }
    if let (Some(open), Some(max)) = (server.gauges.files, server.gauges.files_max)
        && max > 0
        && open.saturating_mul(100) / max >= FILES_PERCENT_MAX
    {
        findings.push(problem(
            format!("{target} has {open} of {max} files and sockets open"),
            "it will refuse clients when they are used up: raise the limit (ulimit -n, LimitNOFILE) \
             or find who opens so many connections, as in zoarium top",
        ));
    }
    if !server.refused.is_empty() {
        let words: Vec<_> = server.refused.iter().map(|word| word.letters()).collect();
        findings.push(note(
            format!("{target} does not tell all: {} refused", words.join(" and ")),
            "4lw.commands.whitelist=srvr,mntr,conf,cons,wchs in zoo.cfg tells more",
        ));
    }
}

fn judge_roles(servers: &[Facts], findings: &mut Vec<Finding>) {
    let names = |role: Role| -> Vec<String> {
        let having = servers.iter().filter(|server| server.role() == Some(role));
        having.map(|server| server.target.to_string()).collect()
    };
    let (leaders, alone) = (names(Role::Leader), names(Role::Standalone));
    if leaders.len() > 1 {
        findings.push(problem(
            format!("{} say that they lead", leaders.join(" and ")),
            "these are servers of different ensembles, or an election has just taken place: ask \
             again",
        ));
    }
    if !alone.is_empty() && servers.len() > 1 {
        findings.push(problem(
            format!("{} is a standalone server, and no part of an ensemble", alone.join(", ")),
            "its zoo.cfg has no server.N lines: clients that are given all these servers see \
             different data",
        ));
    }
    if let Some(leader) = leader(servers) {
        judge_quorum(leader, findings);
    } else if alone.is_empty() && servers.iter().any(Facts::serves) {
        findings.push(note(
            "the leader is none of those asked".to_owned(),
            "name all servers to see lag and quorum",
        ));
    }
}

fn judge_quorum(leader: &Facts, findings: &mut Vec<Finding>) {
    let learners = leader.learners;
    let (Some(voters), Some(synced)) = (learners.voters, learners.synced_followers) else {
        return;
    };
    let (here, needed) = (synced + 1, voters / 2 + 1);
    if here < voters {
        let left = match here.saturating_sub(needed) {
            0 => "one more that fails stops all writes".to_owned(),
            spare => format!("{spare} more may fail"),
        };
        findings.push(problem(
            format!("{here} of {voters} voting servers are in sync with the leader: {left}"),
            "bring the others back; zoarium status with all servers says which they are",
        ));
    }
    if let Some(pending) = learners.pending_syncs.filter(|pending| *pending > 0) {
        findings.push(note(
            format!("{pending} servers are being brought up to date"),
            "nothing: they join when they have caught up",
        ));
    }
}

fn judge_lag(servers: &[Facts], findings: &mut Vec<Finding>) {
    let Some(leader) = leader(servers) else { return };
    for server in servers {
        if let Some(lag) = lag(server, leader).filter(|lag| *lag > LAG_MAX) {
            findings.push(problem(
                format!("{} is {lag} transactions behind the leader", server.target),
                "its disk, network or processor does not keep up: compare its fsync times with the \
                 others'",
            ));
        }
    }
}

fn judge_versions(servers: &[Facts], findings: &mut Vec<Finding>) {
    let versions: BTreeSet<&str> =
        servers.iter().filter_map(|server| server.srvr.version.as_deref()).collect();
    if versions.len() > 1 {
        let versions: Vec<_> = versions.into_iter().collect();
        findings.push(note(
            format!("servers have different versions: {}", versions.join(", ")),
            "fine while an ensemble is being upgraded",
        ));
    }
}

#[cfg(test)]
mod tests;
