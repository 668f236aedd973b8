//! What the answers to words say.

pub mod conf;
pub mod connections;
pub mod metrics;
pub mod srvr;
pub mod watches;
