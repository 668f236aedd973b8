//! Whether all servers hold the same tree.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::Ensemble;
use super::member::Member;
use super::network::Network;
use super::sniff::{SyncKind, SyncSeen};
use super::status::metric;
use crate::dump::{self, Dump};
use crate::server::Kind;
use crate::wire;

/// Each server makes this znode by itself, with its own clock and configuration.
const CONFIG: &str = "/zookeeper/config";

impl Ensemble<'_> {
    /// Every running server's tree, after a sync: all are equal, and so are the digests that the
    /// servers keep. Returns the tree.
    pub(crate) fn agree(&self) -> Result<Dump> {
        let running: Vec<&Member> =
            self.members.iter().filter(|member| member.is_running()).collect();
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
            if !self.has_logged_twice(member) {
                same_digests(member, &mut digests)?;
            }
            if !self.may_misjudge(member) {
                let mismatches = metric(member.addresses.client, "digest_mismatches_count")?;
                ensure!(mismatches == 0.0, "{name} saw {mismatches} digest mismatches");
            }
        }
        first.map(|(_, dump)| dump).context("no server runs")
    }

    /// Apache's leader sends a snapshot while it writes, and Apache's learner compares digests
    /// while it replays the part that the snapshot already holds: they do not match, and nothing is
    /// wrong.
    fn may_misjudge(&self, member: &Member) -> bool {
        let is_apache = |member: &Member| member.kind != Kind::Zoarium;
        let syncs = self.network.as_ref().map(Network::syncs).unwrap_or_default();
        let was_snap = |seen: &SyncSeen| {
            let is_own = seen.learner == member.sid() && is_apache(self.member(seen.leader));
            is_own && seen.kind == SyncKind::Snap
        };
        is_apache(member)
            && (syncs.iter().skip(member.syncs_before).any(was_snap)
                || self.has_logged_twice(member))
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
        let is_it = |other: &&Member| Some(other.addresses.quorum) == port;
        let leader = self.members.iter().find(is_it);
        leader.is_some_and(|leader| leader.kind != Kind::Zoarium)
    }
}

/// The digests of `hash`, by zxid, must be those of every other server that has kept one for it.
fn same_digests(member: &Member, digests: &mut BTreeMap<String, String>) -> Result<()> {
    let text = wire::four_letter_word(member.addresses.client, "hash")?;
    for line in text.lines() {
        let (zxid, digest) = line.split_once(": ").with_context(|| format!("hash: {line}"))?;
        let known = digests.entry(zxid.to_owned()).or_insert_with(|| digest.to_owned());
        let name = member.name();
        ensure!(known == digest, "{name}: digest {digest} at {zxid}, another server has {known}");
    }
    Ok(())
}
