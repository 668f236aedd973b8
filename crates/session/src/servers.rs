//! Which server is tried next.

use crate::backoff::Backoff;
use crate::random::Random;
use alloc::vec::Vec;
use core::time::Duration;
use zoarium_proto::membership::HostPort;

/// The servers in random order, tried in turn.
#[derive(Debug)]
pub(crate) struct Servers {
    order: Vec<HostPort>,
    /// Index of the one to try next.
    next: usize,
    /// Attempts since a connection last held.
    failures: usize,
}

/// What a client does when the list of servers has changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Stay,
    /// Leave the present server; the next one is set.
    Away,
}

impl Servers {
    /// # Panics
    /// If there are none.
    pub(crate) fn new(mut list: Vec<HostPort>, random: &mut Random) -> Self {
        assert!(!list.is_empty(), "a session needs a server to be with");
        random.shuffle(&mut list);
        Self { order: list, next: 0, failures: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The server whose turn it is.
    pub(crate) fn take_turn(&mut self) -> HostPort {
        let server = self.order[self.next].clone();
        self.next = (self.next + 1) % self.order.len();
        server
    }

    /// A connection was not made, or did not hold.
    pub(crate) fn failed(&mut self) {
        self.failures += 1;
    }

    /// A connection has held.
    pub(crate) fn held(&mut self) {
        self.failures = 0;
    }

    /// How long to wait before the next turn: not at all while there are servers that have not
    /// failed since a connection last held.
    pub(crate) fn delay(&self, backoff: &Backoff, random: &mut Random) -> Duration {
        let (rounds, within) = (self.failures / self.order.len(), self.failures % self.order.len());
        match within {
            0 => backoff.delay(u32::try_from(rounds).unwrap_or(u32::MAX), random),
            _ => Duration::ZERO,
        }
    }

    /// Makes it `server`'s turn, if it is one of these.
    pub(crate) fn prefer(&mut self, server: &HostPort) {
        if let Some(index) = self.order.iter().position(|known| known == server) {
            self.next = index;
        }
    }

    /// Replaces the list. Each client decides by itself, with probabilities that leave every
    /// server with an equal share when all clients have decided (`StaticHostProvider`,
    /// ZOOKEEPER-1355): clients leave servers that have more than their new share, and go to those
    /// that have less.
    ///
    /// # Panics
    /// If the list is empty.
    pub(crate) fn replace(
        &mut self,
        list: Vec<HostPort>,
        current: Option<&HostPort>,
        random: &mut Random,
    ) -> Move {
        let fresh = Self::new(list, random);
        let old = core::mem::replace(self, fresh);
        let Some(current) = current else { return Move::Stay };
        let is_old = |server: &&HostPort| old.order.contains(server);
        let (kept, added): (Vec<_>, Vec<_>) = self.order.iter().partition(is_old);
        let (before, after) = (old.len(), self.len());
        let target = if self.order.contains(current) {
            if after <= before || !random.chance(after - before, after) {
                return Move::Stay;
            }
            added[random.below(added.len())].clone()
        } else {
            // Those who must move fill up the kept servers from 1/before to 1/after of the load,
            // and the added ones from nothing.
            let removed = before - kept.len();
            let lacking = kept.len() * before.saturating_sub(after);
            let group = match random.chance(lacking, after * removed) {
                true => kept,
                false if added.is_empty() => kept,
                false => added,
            };
            group[random.below(group.len())].clone()
        };
        self.prefer(&target);
        Move::Away
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn list(names: core::ops::Range<usize>) -> Vec<HostPort> {
        names.map(|name| HostPort { host: format!("s{name}"), port: 1 }).collect()
    }

    #[test]
    fn every_server_gets_its_turn_before_there_is_a_wait() {
        let mut random = Random::new(5);
        let mut servers = Servers::new(list(0..3), &mut random);
        let backoff = Backoff::default();
        let mut tried: Vec<String> = Vec::new();
        for round in 1..=3 {
            for turn in 0..3 {
                let waits = servers.delay(&backoff, &mut random) > Duration::ZERO;
                assert_eq!(waits, round > 1 && turn == 0, "round {round} turn {turn}");
                tried.push(servers.take_turn().host);
                servers.failed();
            }
        }
        assert_eq!(tried[..3], tried[3..6]);
        tried.truncate(3);
        tried.sort();
        assert_eq!(tried, ["s0", "s1", "s2"]);
        servers.held();
        assert_eq!(servers.delay(&backoff, &mut random), Duration::ZERO);
    }

    #[test]
    fn clients_do_not_all_start_with_the_same_server() {
        let mut first = [0; 3];
        for seed in 0..300 {
            let mut servers = Servers::new(list(0..3), &mut Random::new(seed));
            let host = servers.take_turn().host;
            first[host[1..].parse::<usize>().unwrap()] += 1;
        }
        assert!(first.iter().all(|count| (70..130).contains(count)), "{first:?}");
    }

    /// Load of each server of `after` when clients were spread evenly over `before`.
    fn load(before: core::ops::Range<usize>, after: core::ops::Range<usize>) -> Vec<usize> {
        let (clients, mut random) = (12_000, Random::new(9));
        let mut load = alloc::vec![0; after.end];
        for client in 0..clients {
            let current = list(before.clone())[client % before.len()].clone();
            let mut servers = Servers::new(list(before.clone()), &mut random);
            let moved = servers.replace(list(after.clone()), Some(&current), &mut random);
            let server = if moved == Move::Stay { current } else { servers.take_turn() };
            load[server.host[1..].parse::<usize>().unwrap()] += 1;
        }
        load.drain(..after.start);
        load
    }

    #[test]
    fn load_is_even_after_every_change_of_the_list() {
        for (before, after) in
            [(0..3, 0..5), (0..5, 0..3), (0..3, 1..4), (0..3, 3..6), (0..4, 2..5), (0..2, 1..6)]
        {
            let load = load(before.clone(), after.clone());
            let share = 12_000 / after.len();
            let even = load.iter().all(|clients| clients.abs_diff(share) < share / 10);
            assert!(even, "{before:?} to {after:?}: {load:?}, expected {share} each");
        }
    }

    #[test]
    fn nobody_moves_when_nothing_has_changed() {
        let mut random = Random::new(1);
        for client in 0..100 {
            let current = &list(0..3)[client % 3];
            let mut servers = Servers::new(list(0..3), &mut random);
            assert_eq!(servers.replace(list(0..3), Some(current), &mut random), Move::Stay);
        }
    }
}
