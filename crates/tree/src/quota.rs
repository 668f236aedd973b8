//! Quotas: limits on a subtree's count of znodes and bytes.
//!
//! Limits and usage are znodes below `/zookeeper/quota` that clients make. Their text is the only
//! truth, as in Apache: clients may write both. Usage is rewritten in place after each change,
//! without a transaction, a new version or a watch event.

use alloc::collections::BTreeSet;
use alloc::string::String;

/// The paths that have a quota.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    paths: BTreeSet<String>,
}
