//! The znodes that something other than a client's delete will take away.

use alloc::collections::{BTreeMap, BTreeSet};

use zoarium_proto::SessionId;
use zoarium_proto::create::Owner;

use crate::store::arena::Slot;

/// Ephemerals by session, containers, TTL znodes.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    ephemerals: BTreeMap<SessionId, BTreeSet<Slot>>,
    ephemerals_count: usize,
    containers: BTreeSet<Slot>,
    ttls: BTreeSet<Slot>,
}

impl Owners {
    pub(crate) fn insert(&mut self, slot: Slot, owner: Owner) {
        match owner {
            Owner::None => {}
            Owner::Session(session) => {
                self.ephemerals.entry(session).or_default().insert(slot);
                self.ephemerals_count += 1;
            }
            Owner::Container => {
                self.containers.insert(slot);
            }
            Owner::Ttl(_) => {
                self.ttls.insert(slot);
            }
        }
    }

    pub(crate) fn remove(&mut self, slot: Slot, owner: Owner) {
        match owner {
            Owner::None => {}
            Owner::Session(session) => {
                let Some(slots) = self.ephemerals.get_mut(&session) else { return };
                slots.remove(&slot);
                self.ephemerals_count -= 1;
                if slots.is_empty() {
                    self.ephemerals.remove(&session);
                }
            }
            Owner::Container => {
                self.containers.remove(&slot);
            }
            Owner::Ttl(_) => {
                self.ttls.remove(&slot);
            }
        }
    }

    /// The ephemerals of one session.
    pub(crate) fn ephemerals(&self, session: SessionId) -> impl Iterator<Item = Slot> + '_ {
        self.ephemerals.get(&session).into_iter().flatten().copied()
    }

    /// How many ephemerals there are.
    pub(crate) const fn ephemerals_count(&self) -> usize {
        self.ephemerals_count
    }

    /// The sessions that own any, in order.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.ephemerals.keys().copied()
    }

    /// Containers and TTL znodes.
    pub(crate) fn reapable(&self) -> impl Iterator<Item = Slot> + '_ {
        self.containers.iter().chain(&self.ttls).copied()
    }
}
