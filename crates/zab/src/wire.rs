//! Messages as the bytes that Apache's servers send each other, and back: what stands between a
//! [`Message`](crate::Message) and the records of [`zoarium_proto::election`] and
//! [`zoarium_proto::quorum`]. A driver with real connections needs it; the state machine does not.
//!
//! What is read here is checked as far as it can be without knowing the past: a transaction that
//! could not be applied is refused before it is logged.
//!
//! On the quorum port packets follow each other without lengths between them, so a driver first
//! asks [`whole_packets`] how far it can read, and then reads [`Packets`]. On the election port
//! [`zoarium_proto::election::next_message`] finds what [`read_notification`] reads.

mod error;
mod notification;
mod packet;
mod stream;

pub use error::WireError;
pub use notification::{put_notification, read_notification};
pub use packet::{put_packet, read_txn};
pub use stream::{Introduction, Packets, Read, whole_packets};

/// Which way packets go. Some look different one way and the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a learner to its leader.
    ToLeader,
    /// From a leader to a learner.
    ToLearner,
}

#[cfg(test)]
mod tests;
