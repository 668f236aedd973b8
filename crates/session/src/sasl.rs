//! Proving an identity at the beginning of every connection (SASL, RFC 4422).
//!
//! A server asks, the client answers, until both know enough. Which questions there are is the
//! mechanism's affair; a session only carries the tokens, before anything else is sent.

use crate::random::Random;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::Debug;
use zoarium_proto::membership::HostPort;

/// A way to prove an identity.
pub trait Mechanism: Debug + Send + Sync {
    /// Begins an exchange with a server, on a new connection.
    fn begin(&self, server: &HostPort, random: &mut Random) -> Box<dyn Exchange>;
}

/// One exchange of tokens with a server.
pub trait Exchange: Debug + Send + Sync {
    /// The client's first token; empty where the server speaks first.
    fn first(&mut self) -> Vec<u8>;

    /// What follows from a token of the server.
    ///
    /// # Errors
    /// If it cannot be answered, or does not prove that the server knows what it should. That ends
    /// the connection.
    fn next(&mut self, token: &[u8]) -> Result<Step, SaslError>;
}

/// What follows from a server's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This has to be sent.
    Answer(Vec<u8>),
    /// Each side has proved what it had to.
    Done,
}

/// What is wrong with a server's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SASL: {0}")]
pub struct SaslError(
    /// In words.
    pub &'static str,
);
