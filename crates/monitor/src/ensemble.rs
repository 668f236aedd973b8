//! Several servers at the same moment, and what happens between two moments.

use crate::facts::{Asking, Facts};
use crate::target::Target;
use crate::word::{Word, ask};
use crate::words::conf::Conf;
use crate::words::srvr::Role;
use serde::Serialize;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

/// Asks all servers at the same time; the answers are in the order of `targets`.
pub async fn observe(targets: &[Target], asking: Asking) -> Vec<Facts> {
    let mut asked = JoinSet::new();
    for (index, target) in targets.iter().cloned().enumerate() {
        asked.spawn(async move { (index, Facts::ask(&target, asking).await) });
    }
    let mut found = Vec::new();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok(answer) => found.push(answer),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, facts)| facts).collect()
}

/// The members of the ensemble that these servers belong to, as far as their configurations say
/// where clients find them; with `targets` in front, in their order.
pub async fn discover(targets: &[Target], asking: Asking) -> Vec<Target> {
    let mut found = targets.to_vec();
    for target in targets {
        let Ok(text) = ask(target, Word::Conf, asking.patience).await else { continue };
        let conf = Conf::parse(&text);
        let own = conf.id;
        let others = conf.members.into_iter().filter(|member| Some(member.id) != own);
        // The server that was asked may be known by another name.
        let clients: BTreeSet<Target> = others.filter_map(|member| member.client).collect();
        found.extend(clients);
        let mut seen = BTreeSet::new();
        found.retain(|target| seen.insert(target.clone()));
        break;
    }
    found
}

/// The server that leads, if one of these does.
pub fn leader(servers: &[Facts]) -> Option<&Facts> {
    servers.iter().find(|server| server.role() == Some(Role::Leader))
}

/// How many transactions a server is behind another; `None` where their epochs differ, because
/// counters of different epochs say nothing about each other.
pub fn lag(server: &Facts, leader: &Facts) -> Option<u64> {
    let (ours, theirs) = (server.srvr.zxid?, leader.srvr.zxid?);
    (ours >> 32 == theirs >> 32).then(|| theirs.saturating_sub(ours))
}

/// What a server does in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Requests received.
    pub received: Option<f64>,
    /// Replies and events sent.
    pub sent: Option<f64>,
    /// Transactions, by the zxid.
    pub transactions: Option<f64>,
}

impl Rates {
    /// What happened from `earlier` to `later`. What went backwards was reset in between, and says
    /// nothing.
    pub fn between(earlier: &Facts, later: &Facts) -> Self {
        let seconds = later.at.saturating_duration_since(earlier.at).as_secs_f64();
        let rate = |before: Option<u64>, after: Option<u64>| {
            let more = after?.checked_sub(before?)?;
            (seconds > 0.0).then(|| more as f64 / seconds)
        };
        let same_epoch = earlier.epoch() == later.epoch();
        Self {
            received: rate(earlier.srvr.received, later.srvr.received),
            sent: rate(earlier.srvr.sent, later.srvr.sent),
            transactions: rate(earlier.srvr.zxid, later.srvr.zxid).filter(|_| same_epoch),
        }
    }
}

/// What happens below a top-level znode in a second, over several servers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Heat {
    /// The path of the top-level znode.
    pub path: String,
    /// Reads, of all servers.
    pub reads: f64,
    /// Writes: each server tells of all of them, so this is the most that one has told.
    pub writes: f64,
    /// Bytes read and written.
    pub bytes: f64,
}

/// What happened below top-level znodes from `earlier` to `later`, the hottest first. Servers that
/// do not tell are left out.
pub fn heat(earlier: &[Facts], later: &[Facts]) -> Vec<Heat> {
    let mut all: Vec<Heat> = Vec::new();
    for (before, after) in earlier.iter().zip(later) {
        let seconds = after.at.saturating_duration_since(before.at).as_secs_f64();
        if before.target != after.target || seconds <= 0.0 {
            continue;
        }
        let old = before.metrics.namespaces();
        for namespace in after.metrics.namespaces() {
            let was = old.iter().find(|it| it.name == namespace.name);
            let per_second = |now: f64, then: Option<f64>| {
                // Less than before: the statistics were reset.
                ((now - then.unwrap_or(0.0)) / seconds).max(0.0)
            };
            let reads = per_second(namespace.reads, was.map(|it| it.reads));
            let writes = per_second(namespace.writes, was.map(|it| it.writes));
            let read_bytes = per_second(namespace.read_bytes, was.map(|it| it.read_bytes));
            let written = per_second(namespace.written_bytes, was.map(|it| it.written_bytes));
            let path = format!("/{}", namespace.name);
            match all.iter_mut().find(|heat| heat.path == path) {
                Some(heat) => {
                    heat.reads += reads;
                    heat.writes = heat.writes.max(writes);
                    heat.bytes += read_bytes + written;
                }
                None => all.push(Heat { path, reads, writes, bytes: read_bytes + written }),
            }
        }
    }
    all.retain(|heat| heat.reads + heat.writes > 0.0);
    let total = |heat: &Heat| heat.reads + heat.writes;
    all.sort_by(|a, b| total(b).total_cmp(&total(a)).then_with(|| a.path.cmp(&b.path)));
    all
}

#[cfg(test)]
mod tests;
