//! Quotas: limits on a subtree's count of znodes and bytes of data.
//!
//! Limits and usage are znodes below `/zookeeper/quota` that clients make. Their text is the only
//! truth, as in Apache: clients may write both. The usage is rewritten in place after each change,
//! without a transaction, a new version or a watch event; and it is counted anew when a snapshot
//! is loaded.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use core::fmt;

use zoarium_proto::path::QUOTA;

use crate::Tree;
use crate::store::arena::Slot;

/// The name of the znode that sets limits.
pub const LIMITS_NAME: &str = "zookeeper_limits";

/// The name of the znode that shows the usage.
pub const STATS_NAME: &str = "zookeeper_stats";

/// The quota that covers a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota<'a> {
    /// The path whose subtree is limited.
    pub prefix: &'a str,
    /// The limits.
    pub limits: Limits,
    /// The usage.
    pub usage: Usage,
}

/// What a quota allows; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Soft limit on the count of znodes: exceeding it is logged only.
    pub count: Option<i64>,
    /// Soft limit on bytes of data.
    pub bytes: Option<i64>,
    /// Hard limit on the count of znodes; the soft one is not looked at if this is set.
    pub count_hard: Option<i64>,
    /// Hard limit on bytes of data; the soft one is not looked at if this is set.
    pub bytes_hard: Option<i64>,
}

/// What a subtree has, as its usage znode says; −1 where it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Znodes, with the subtree's root.
    pub count: i64,
    /// Bytes of data.
    pub bytes: i64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Znodes.
    Count,
    /// Bytes of data.
    Bytes,
}

/// A limit that a change would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// What there would be too much of.
    pub measure: Measure,
    /// Whether the change is to be refused.
    pub is_hard: bool,
    /// What there would be.
    pub value: i64,
    /// What is allowed.
    pub limit: i64,
}

impl Quota<'_> {
    /// The limits that adding so much would exceed: the count's, then that of bytes. What does
    /// not change is not checked.
    pub fn excess(&self, count: i64, bytes: i64) -> impl Iterator<Item = Excess> + use<> {
        let check = |measure, added: i64, used: i64, soft: Option<i64>, hard: Option<i64>| {
            let limit = hard.or(soft)?;
            let value = used.saturating_add(added);
            let exceeds = added != 0 && value > limit;
            exceeds.then_some(Excess { measure, is_hard: hard.is_some(), value, limit })
        };
        let Self { limits, usage, .. } = self;
        [
            check(Measure::Count, count, usage.count, limits.count, limits.count_hard),
            check(Measure::Bytes, bytes, usage.bytes, limits.bytes, limits.bytes_hard),
        ]
        .into_iter()
        .flatten()
    }
}

impl Limits {
    /// Reads the data of a limits znode. What cannot be read is no limit.
    pub fn parse(data: &[u8]) -> Self {
        let limit = |key| value_of(data, key).filter(|value| *value >= 0);
        Self {
            count: limit("count"),
            bytes: limit("bytes"),
            count_hard: limit("countHardLimit"),
            bytes_hard: limit("byteHardLimit"),
        }
    }
}

impl fmt::Display for Limits {
    /// The text of a limits znode. With hard limits, the equals sign before the first semicolon
    /// keeps releases before 3.7 from reading past it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [count, bytes] = [self.count, self.bytes].map(|limit| limit.unwrap_or(-1));
        write!(f, "count={count},bytes={bytes}")?;
        let hard = [("byteHardLimit", self.bytes_hard), ("countHardLimit", self.count_hard)];
        let mut before = "=;";
        for (key, limit) in hard {
            if let Some(limit) = limit {
                write!(f, "{before}{key}={limit}")?;
                before = ";";
            }
        }
        Ok(())
    }
}

impl Usage {
    /// Reads the data of a usage znode.
    pub fn parse(data: &[u8]) -> Self {
        let value = |key| value_of(data, key).unwrap_or(-1);
        Self { count: value("count"), bytes: value("bytes") }
    }
}

impl fmt::Display for Usage {
    /// The text of a usage znode.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "count={},bytes={}", self.count, self.bytes)
    }
}

/// The value of `key` in a text of `key=value` separated by commas and semicolons.
fn value_of(text: &[u8], key: &str) -> Option<i64> {
    let text = str::from_utf8(text).ok()?;
    let mut pairs = text.split([',', ';']).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.rfind(|(found, _)| *found == key)?;
    value.trim_end_matches('=').parse().ok()
}

/// The paths that have limits.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    paths: BTreeSet<String>,
}

impl Quotas {
    /// The nearest of `path` and its ancestors that has limits.
    #[inline]
    fn nearest(&self, path: &str) -> Option<&str> {
        let mut prefix = path;
        while !self.paths.is_empty() && !prefix.is_empty() {
            if let Some(found) = self.paths.get(prefix) {
                return Some(found);
            }
            prefix = prefix.rsplit_once('/')?.0;
        }
        None
    }
}

/// The path that a znode below `/zookeeper/quota` is about, if its name is `name`. The root has
/// no quota (Apache's `getMaxPrefixWithQuota`).
fn subject<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let subject = path.strip_prefix(QUOTA)?.strip_suffix(name)?.strip_suffix('/')?;
    subject.starts_with('/').then_some(subject)
}

fn stats_path(prefix: &str) -> String {
    format!("{QUOTA}{prefix}/{STATS_NAME}")
}

impl Tree {
    /// The quota that covers `path`, if it has both its znodes.
    pub fn quota(&self, path: &str) -> Option<Quota<'_>> {
        let prefix = self.quotas.nearest(path)?;
        let limits = self.find(&format!("{QUOTA}{prefix}/{LIMITS_NAME}"))?;
        let stats = self.find(&stats_path(prefix))?;
        Some(Quota {
            prefix,
            limits: Limits::parse(limits.data().unwrap_or_default()),
            usage: Usage::parse(stats.data().unwrap_or_default()),
        })
    }

    /// Takes note that the znode at `path` was created with so many bytes of data.
    pub(crate) fn quota_after_create(&mut self, path: &str, bytes: usize) {
        if let Some(prefix) = subject(path, LIMITS_NAME) {
            self.quotas.paths.insert(prefix.into());
        }
        if let Some(prefix) = subject(path, STATS_NAME) {
            self.count_usage(prefix);
        }
        self.add_usage(path, 1, signed(bytes));
    }

    /// Takes note that the znode at `path` with so many bytes of data was deleted.
    pub(crate) fn quota_after_delete(&mut self, path: &str, bytes: usize) {
        if let Some(prefix) = subject(path, LIMITS_NAME) {
            self.quotas.paths.remove(prefix);
        }
        self.add_usage(path, -1, -signed(bytes));
    }

    /// Takes note that the data of the znode at `path` changed in length.
    pub(crate) fn quota_after_set_data(&mut self, path: &str, old: usize, new: usize) {
        self.add_usage(path, 0, signed(new) - signed(old));
    }

    /// Finds all limits and counts the usage of each.
    pub(crate) fn setup_quotas(&mut self) {
        let Some(root) = self.store.find(QUOTA) else { return };
        let arena = &self.store.arena;
        let named = |slot: &Slot| arena.name(arena.get(*slot)) == LIMITS_NAME.as_bytes();
        let limits = self.store.descendants(root).filter(named);
        let paths = limits.map(|slot| self.store.path(slot));
        let prefixes = paths.filter_map(|path| subject(&path, LIMITS_NAME).map(String::from));
        self.quotas.paths = prefixes.collect();
        for prefix in self.quotas.paths.clone() {
            self.count_usage(&prefix);
        }
    }

    #[inline]
    fn add_usage(&mut self, path: &str, count: i64, bytes: i64) {
        if !self.quotas.paths.is_empty() {
            self.add_usage_to_nearest(path, count, bytes);
        }
    }

    fn add_usage_to_nearest(&mut self, path: &str, count: i64, bytes: i64) {
        let Some(prefix) = self.quotas.nearest(path) else { return };
        let stats_path = stats_path(prefix);
        let Some(slot) = self.store.find(&stats_path) else { return };
        let arena = &self.store.arena;
        let mut usage = Usage::parse(arena.data(arena.get(slot)).unwrap_or_default());
        usage.count = usage.count.saturating_add(count);
        usage.bytes = usage.bytes.saturating_add(bytes);
        self.put_data(slot, &stats_path, Some(format!("{usage}").as_bytes()), None);
    }

    fn count_usage(&mut self, prefix: &str) {
        let stats_path = stats_path(prefix);
        let Some(slot) = self.store.find(&stats_path) else { return };
        let mut usage = Usage { count: 0, bytes: 0 };
        if let Some(top) = self.store.find(prefix) {
            for slot in core::iter::once(top).chain(self.store.descendants(top)) {
                usage.count += 1;
                usage.bytes += signed(self.store.arena.get(slot).data_length());
            }
        }
        self.put_data(slot, &stats_path, Some(format!("{usage}").as_bytes()), None);
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn limits_text_is_that_of_the_original() {
        let soft = Limits { count: Some(5), ..Limits::default() };
        let hard = Limits { bytes_hard: Some(9), count_hard: Some(7), ..soft };
        for (limits, text) in [
            (soft, "count=5,bytes=-1"),
            (hard, "count=5,bytes=-1=;byteHardLimit=9;countHardLimit=7"),
        ] {
            assert_eq!(limits.to_string(), text);
            assert_eq!(Limits::parse(text.as_bytes()), limits);
        }
        assert_eq!(Limits::parse(b"count=,bytes=x;;"), Limits::default());
        assert_eq!(Limits::parse(&[0xFF]), Limits::default());
    }

    #[test]
    fn hard_limit_hides_the_soft_one() {
        let limits =
            Limits { count: Some(1), count_hard: Some(3), bytes: Some(10), ..Limits::default() };
        let quota = Quota { prefix: "/q", limits, usage: Usage { count: 2, bytes: 10 } };
        assert_eq!(quota.excess(1, 0).count(), 0);
        let excess: std::vec::Vec<_> = quota.excess(2, 1).collect();
        let expected = [(Measure::Count, true, 4, 3), (Measure::Bytes, false, 11, 10)];
        let expected = expected.map(|(measure, is_hard, value, limit)| Excess {
            measure,
            is_hard,
            value,
            limit,
        });
        assert_eq!(excess, expected);
    }

    #[test]
    fn only_the_right_znodes_are_about_a_quota() {
        assert_eq!(subject("/zookeeper/quota/a/b/zookeeper_limits", LIMITS_NAME), Some("/a/b"));
        for path in [
            "/zookeeper/quota/zookeeper_limits",
            "/zookeeper/quotas/a/zookeeper_limits",
            "/zookeeper/quota/a/not_zookeeper_limits",
            "/a/zookeeper_limits",
        ] {
            assert_eq!(subject(path, LIMITS_NAME), None, "{path}");
        }
    }
}
