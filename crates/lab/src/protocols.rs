//! The protocols, each in a file that reads like the algorithm.

pub(crate) mod basic_paxos;
pub(crate) mod fast_paxos;
pub(crate) mod multi_paxos;
pub(crate) mod three_phase_commit;
pub(crate) mod two_phase_commit;
pub(crate) mod zab;
