//! How far a tool is, for whoever shows it.

/// Told now and then how much is done. Units are the caller's, mostly bytes.
pub trait Progress {
    /// So much of so much is done.
    fn at(&mut self, done: u64, total: u64);
}

/// Nobody wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn at(&mut self, _done: u64, _total: u64) {}
}
