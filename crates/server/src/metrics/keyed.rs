//! Metrics that exist once for each key: a namespace, a server id.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How many keys one metric may have. Clients choose namespaces, so without a bound they could
/// fill the memory with them.
pub const KEYS_MAX: usize = 1000;

/// A metric for each key. Looking one up takes a read lock; who records often keeps the `Arc`.
#[derive(Debug)]
pub struct Keyed<M>(RwLock<BTreeMap<String, Arc<M>>>);

impl<M> Default for Keyed<M> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<M: Default> Keyed<M> {
    /// The metric of this key, made on first use. `None` when there are [`KEYS_MAX`] others.
    pub fn key(&self, key: &str) -> Option<Arc<M>> {
        let found = self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        found.or_else(|| self.insert(key))
    }

    fn insert(&self, key: &str) -> Option<Arc<M>> {
        let mut metrics = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if metrics.len() >= KEYS_MAX && !metrics.contains_key(key) {
            return None;
        }
        Some(metrics.entry(key.to_owned()).or_default().clone())
    }

    /// Visits all, sorted by key.
    pub fn for_each(&self, mut visit: impl FnMut(&str, &M)) {
        for (key, metric) in &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            visit(key, metric);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Counter;

    #[test]
    fn keys_beyond_the_bound_are_not_kept() {
        let metric = Keyed::<Counter>::default();
        for key in 0..KEYS_MAX {
            metric.key(&key.to_string()).unwrap().add(1);
        }
        assert!(metric.key("one too many").is_none());
        metric.key("7").unwrap().add(1);
        assert_eq!(metric.key("7").unwrap().get(), 2);
        let mut sum = 0;
        metric.for_each(|_, counter| sum += counter.get());
        assert_eq!(sum, 1001);
    }
}
