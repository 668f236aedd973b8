//! An ordered map for the sizes that occur: mostly one entry, sometimes very many.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// A map from a slot number to a small value, in the order of the numbers. One entry takes no
/// allocation; a million cost about a dozen bytes each.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "keeps the map at 16 bytes, and every watch has three")]
pub(super) enum SmallMap<V> {
    #[default]
    Empty,
    One(u32, V),
    Many(Box<BTreeMap<u32, V>>),
}

impl<V: Copy> SmallMap<V> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(..) => 1,
            Self::Many(map) => map.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn find(&self, key: u32) -> Option<V> {
        match self {
            Self::Empty => None,
            Self::One(only, value) => (*only == key).then_some(*value),
            Self::Many(map) => map.get(&key).copied(),
        }
    }

    pub(super) fn insert(&mut self, key: u32, value: V) {
        match self {
            Self::Many(map) => {
                map.insert(key, value);
            }
            Self::One(only, old) if *only != key => {
                *self = Self::Many(Box::new(BTreeMap::from([(*only, *old), (key, value)])));
            }
            Self::Empty | Self::One(..) => *self = Self::One(key, value),
        }
    }

    pub(super) fn remove(&mut self, key: u32) {
        match self {
            Self::Many(map) => {
                map.remove(&key);
                self.shrink();
            }
            Self::One(only, _) if *only == key => *self = Self::Empty,
            Self::Empty | Self::One(..) => {}
        }
    }

    /// Offers every entry in order and drops those that `keep` does not want.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(u32, &mut V) -> bool) {
        match self {
            Self::Empty => {}
            Self::One(key, value) => {
                if !keep(*key, value) {
                    *self = Self::Empty;
                }
            }
            Self::Many(map) => {
                map.retain(|key, value| keep(*key, value));
                self.shrink();
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, V)> + '_ {
        let (one, many) = match self {
            Self::Empty => (None, None),
            Self::One(key, value) => (Some((*key, *value)), None),
            Self::Many(map) => (None, Some(map.iter().map(|(key, value)| (*key, *value)))),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn shrink(&mut self) {
        if let Self::Many(map) = self
            && map.len() <= 1
        {
            *self = match map.first_key_value() {
                Some((key, value)) => Self::One(*key, *value),
                None => Self::Empty,
            };
        }
    }
}
