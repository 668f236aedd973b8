//! Whether all servers hold the same tree.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::Ensemble;
use super::member::Member;
use super::network::{Network, Port};
use super::sniff::{SyncKind, SyncSeen};
use super::status::metric;
use crate::dump::{self, Dump};
use crate::server::Kind;
use crate::wire;

/// Each server makes this znode by itself, with its own clock and configuration.
const CONFIG: &str = "/zookeeper/config";

/// How many transactions a snapshot of ours may be ahead of its zxid: what is written while the small
/// trees of these checks are sent. Every one behind them is judged.
const FUZZY_TXNS_MAX: f64 = 32.0;

impl Ensemble<'_> {
    /// Every running server's tree, after a sync: all are equal, and so are the digests that the
    /// servers keep. Returns the tree.
    pub(crate) fn agree(&self) -> Result<Dump> {
        let mut running: Vec<&Member> =
            self.members.iter().filter(|member| member.is_running()).collect();
        // First those whose digests are beyond doubt.
        running.sort_by_key(|member| self.misjudged_max(member) > 0.0);
        let mut digests = BTreeMap::new();
        let mut first: Option<(String, Dump)> = None;
        for member in running {
            let name = member.name();
            let mut dump = dump::of(member.addresses.client).with_context(|| name.clone())?;
            dump.remove(CONFIG);
            match &first {
                None => first = Some((name.clone(), dump)),
                Some((other, expected)) => dump::compare(expected, &dump)
                    .with_context(|| format!("{name} has another tree than {other}"))?,
            }
            let misjudged_max = self.misjudged_max(member);
            if !self.has_logged_twice(member) {
                same_digests(member, &mut digests, misjudged_max > 0.0)?;
            }
            let mismatches = metric(member.addresses.client, "digest_mismatches_count")?;
            ensure!(mismatches <= misjudged_max, "{name} saw {mismatches} digest mismatches");
        }
        first.map(|(_, dump)| dump).context("no server runs")
    }

    /// How many digests may differ, to this server, from the transactions'. A leader writes on while
    /// it sends a snapshot, and Apache's learner compares digests while it replays the part that the
    /// snapshot already holds: they do not match, and nothing is wrong.
    fn misjudged_max(&self, member: &Member) -> f64 {
        let is_apache = |member: &Member| member.kind != Kind::Zoarium;
        let syncs = self.network.as_ref().map(Network::syncs).unwrap_or_default();
        let is_snap =
            |seen: &&SyncSeen| seen.learner == member.sid() && seen.kind == SyncKind::Snap;
        let snaps = || syncs.iter().skip(member.syncs_before).filter(is_snap);
        if !is_apache(member) {
            0.0
        } else if self.has_logged_twice(member)
            || snaps().any(|seen| is_apache(self.member(seen.leader)))
        {
            f64::INFINITY
        } else {
            snaps().map(|_| FUZZY_TXNS_MAX).sum()
        }
    }

    /// Apache's leader of 3.8 sends a COMMIT between NEWLEADER and UPTODATE, and its follower does
    /// not survive that (ZOOKEEPER-4394): it joins again, and logs the same transactions once more.
    /// When it reads them back, the second time, they do not match, though the tree is the same in
    /// the end. With a leader of ours there is no excuse.
    fn has_logged_twice(&self, member: &Member) -> bool {
        const JOINS: &str = "Successfully connected to leader, using address: /";
        let log = member.log().unwrap_or_default();
        let Some((before, _)) = log.split_once("because \"pif\" is null") else { return false };
        let Some((_, leader)) = before.rsplit_once(JOINS) else { return false };
        let port =
            leader.lines().next().and_then(|address| address.rsplit(':').next()?.parse().ok());
        // Where this server finds the other: there, or at a proxy in between.
        let is_it = |other: &&Member| {
            let proxy =
                self.network.as_ref().map(|it| it.port(member.sid(), other.sid(), Port::Quorum));
            port.is_some() && (port == Some(other.addresses.quorum) || port == proxy)
        };
        let leader = self.members.iter().find(is_it);
        leader.is_some_and(|leader| leader.kind != Kind::Zoarium)
    }
}

/// The digests of `hash`, by zxid, must be those of every other server that has kept one for it. It
/// keeps one of 128, so of those that a server has misjudged at most one.
fn same_digests(
    member: &Member,
    digests: &mut BTreeMap<String, String>,
    may_misjudge: bool,
) -> Result<()> {
    let text = wire::four_letter_word(member.addresses.client, "hash")?;
    let mut misjudged = 0;
    for line in text.lines() {
        let (zxid, digest) = line.split_once(": ").with_context(|| format!("hash: {line}"))?;
        let Some(known) = digests.get(zxid) else {
            if !may_misjudge {
                digests.insert(zxid.to_owned(), digest.to_owned());
            }
            continue;
        };
        misjudged += usize::from(known != digest);
        ensure!(
            misjudged <= usize::from(may_misjudge),
            "{}: digest {digest} at {zxid}, another server has {known}",
            member.name()
        );
    }
    Ok(())
}
