//! Which of several instances is next.

use super::ServiceInstance;
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::BuildHasher;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Decides which instance is next.
pub trait Strategy: Debug + Send + 'static {
    /// The index of the next instance. There is at least one; they are sorted by id.
    fn pick(&mut self, instances: &[Arc<ServiceInstance>], usage: &Usage) -> usize;
}

/// How many users each instance has, by id.
#[derive(Debug, Default)]
pub struct Usage(Mutex<HashMap<String, usize>>);

impl Usage {
    /// How many have picked this instance and not dropped it yet.
    pub fn of(&self, instance: &ServiceInstance) -> usize {
        self.with(|users| users.get(&instance.id).copied().unwrap_or(0))
    }

    fn with<R>(&self, act: impl FnOnce(&mut HashMap<String, usize>) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An instance that was picked. It counts as used until this is dropped.
#[derive(Debug)]
pub struct Picked {
    instance: Arc<ServiceInstance>,
    usage: Arc<Usage>,
}

impl Picked {
    pub(super) fn new(instance: Arc<ServiceInstance>, usage: &Arc<Usage>) -> Self {
        usage.with(|users| *users.entry(instance.id.clone()).or_default() += 1);
        Self { instance, usage: Arc::clone(usage) }
    }
}

impl Deref for Picked {
    type Target = ServiceInstance;

    fn deref(&self) -> &ServiceInstance {
        &self.instance
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.usage.with(|users| {
            if let Some(count) = users.get_mut(&self.instance.id) {
                *count -= 1;
                if *count == 0 {
                    users.remove(&self.instance.id);
                }
            }
        });
    }
}

/// One after the other.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    next: usize,
}

impl Strategy for RoundRobin {
    fn pick(&mut self, instances: &[Arc<ServiceInstance>], _: &Usage) -> usize {
        let index = self.next % instances.len();
        self.next = index + 1;
        index
    }
}

/// Any, each as likely as the others.
#[derive(Clone, Debug, Default)]
pub struct Random;

impl Strategy for Random {
    fn pick(&mut self, instances: &[Arc<ServiceInstance>], _: &Usage) -> usize {
        index_below(instances.len())
    }
}

/// Always the same, as long as it is there; then another strategy chooses.
#[derive(Clone, Debug)]
pub struct Sticky<S> {
    chooses: S,
    id: Option<String>,
}

impl<S: Strategy> Sticky<S> {
    /// With a strategy that chooses the one to stay with.
    pub const fn new(chooses: S) -> Self {
        Self { chooses, id: None }
    }
}

impl<S: Strategy> Strategy for Sticky<S> {
    fn pick(&mut self, instances: &[Arc<ServiceInstance>], usage: &Usage) -> usize {
        let same = instances.iter().position(|it| Some(&it.id) == self.id.as_ref());
        same.unwrap_or_else(|| {
            let index = self.chooses.pick(instances, usage) % instances.len();
            self.id = Some(instances[index].id.clone());
            index
        })
    }
}

/// In proportion to weights, evenly mixed: of two with the weights 2 and 1, the first, the second,
/// the first.
#[derive(Clone)]
pub struct Weighted<W> {
    weight: W,
    /// By id: how much each is owed.
    credit: HashMap<String, i64>,
}

impl<W> Debug for Weighted<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weighted").field("credit", &self.credit).finish_non_exhaustive()
    }
}

impl<W: Fn(&ServiceInstance) -> u32 + Send + 'static> Weighted<W> {
    /// With the weight of each instance, for instance from its payload. If all are 0, all are alike.
    pub fn by(weight: W) -> Self {
        Self { weight, credit: HashMap::new() }
    }
}

impl<W: Fn(&ServiceInstance) -> u32 + Send + 'static> Strategy for Weighted<W> {
    fn pick(&mut self, instances: &[Arc<ServiceInstance>], _: &Usage) -> usize {
        let weights: Vec<i64> = instances.iter().map(|it| (self.weight)(it).into()).collect();
        let sum: i64 = weights.iter().sum();
        if sum == 0 {
            return index_below(instances.len());
        }
        let credit = |id: &String| self.credit.get(id).copied().unwrap_or(0);
        // Each is given its weight; the one with most pays for all.
        let mut credits: Vec<i64> =
            instances.iter().zip(&weights).map(|(it, weight)| credit(&it.id) + weight).collect();
        let first_max =
            credits.iter().enumerate().max_by_key(|(index, it)| (**it, usize::MAX - index));
        let index = first_max.map_or(0, |(index, _)| index);
        credits[index] -= sum;
        let ids = instances.iter().map(|it| it.id.clone());
        self.credit = ids.zip(credits).collect();
        index
    }
}

/// The one that fewest use at the moment; among equals, one after the other.
#[derive(Clone, Debug, Default)]
pub struct LeastUsed {
    next: usize,
}

impl Strategy for LeastUsed {
    fn pick(&mut self, instances: &[Arc<ServiceInstance>], usage: &Usage) -> usize {
        let turn = |index: usize| {
            (index + instances.len() - self.next % instances.len()) % instances.len()
        };
        let least =
            (0..instances.len()).min_by_key(|index| (usage.of(&instances[*index]), turn(*index)));
        let index = least.unwrap_or(0);
        self.next = index + 1;
        index
    }
}

/// A random number below a limit: hash maps are keyed with the system's randomness.
fn index_below(limit: usize) -> usize {
    let random = std::collections::hash_map::RandomState::new().hash_one(0);
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    usize::try_from(random % limit).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instances(ids: &[&str]) -> Vec<Arc<ServiceInstance>> {
        ids.iter().map(|id| Arc::new(ServiceInstance::new("s", *id))).collect()
    }

    fn picks(strategy: &mut impl Strategy, ids: &[&str], count: usize) -> String {
        let (instances, usage) = (instances(ids), Usage::default());
        (0..count).map(|_| instances[strategy.pick(&instances, &usage)].id.clone()).collect()
    }

    #[test]
    fn round_robin_goes_round() {
        let mut strategy = RoundRobin::default();
        assert_eq!(picks(&mut strategy, &["a", "b", "c"], 5), "abcab");
        assert_eq!(picks(&mut strategy, &["a"], 2), "aa");
    }

    #[test]
    fn sticky_stays_as_long_as_it_can() {
        let mut strategy = Sticky::new(RoundRobin::default());
        assert_eq!(picks(&mut strategy, &["a", "b"], 3), "aaa");
        assert_eq!(picks(&mut strategy, &["b", "c"], 3), "ccc");
        assert_eq!(picks(&mut strategy, &["a", "b", "c"], 3), "ccc");
    }

    #[test]
    fn weights_are_shares_and_evenly_mixed() {
        let mut strategy = Weighted::by(|it| match it.id.as_str() {
            "a" => 3,
            "b" => 1,
            _ => 0,
        });
        assert_eq!(picks(&mut strategy, &["a", "b", "c"], 8), "aabaaaba");
        let even = picks(&mut Weighted::by(|_| 0), &["a", "b"], 100);
        assert!(even.contains('a') && even.contains('b'));
    }

    #[test]
    fn random_picks_all() {
        let picked = picks(&mut Random, &["a", "b", "c"], 1000);
        for id in ["a", "b", "c"] {
            assert!((200..500).contains(&picked.matches(id).count()), "{picked}");
        }
    }

    #[test]
    fn least_used_is_picked() {
        let (instances, usage) = (instances(&["a", "b", "c"]), Arc::<Usage>::default());
        let mut strategy = LeastUsed::default();
        let mut pick = || {
            let index = strategy.pick(&instances, &usage);
            Picked::new(Arc::clone(&instances[index]), &usage)
        };
        let (one, two, three) = (pick(), pick(), pick());
        assert_eq!([&*one.id, &*two.id, &*three.id], ["a", "b", "c"]);
        drop(two);
        let four = pick();
        assert_eq!(four.id, "b");
        drop((one, three));
        assert_eq!(pick().id, "c");
        assert_eq!(usage.of(&four), 1);
    }
}
