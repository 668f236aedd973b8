//! A world beside something that is no process of it, such as code under test that has a virtual
//! clock of its own: both are moved on in turn.

use super::Sim;
use super::machine::Due;
use crate::checker::Failure;
use crate::time::Time;
use crate::world::{Id, Request, World};

impl<W: World> Sim<W> {
    /// When the next thing happens; none if nothing will.
    pub fn next_time(&self) -> Option<Time> {
        self.schedule.next_time()
    }

    /// Lets all happen that is due by a time, which it is then. False if the run has ended.
    ///
    /// # Errors
    /// As [`Sim::advance`].
    pub fn run_until(&mut self, time: Time) -> Result<bool, Failure> {
        while self.next_time().is_some_and(|next| next <= time) {
            if !self.advance()? {
                return Ok(false);
            }
        }
        self.now = self.now.max(time);
        Ok(!self.ended)
    }

    /// Hands a process a request that is in no plan. Whoever asks has to do so at the same times
    /// in every run of a seed.
    ///
    /// # Errors
    /// As [`Sim::advance`].
    pub fn request(&mut self, process: Id<W>, request: Request<W>) -> Result<(), Failure> {
        let asked = self.happen(Due::Request { process, request });
        self.ended |= asked.is_err();
        asked
    }

    /// Whether the second phase has begun, in which nothing fails.
    pub const fn is_calm(&self) -> bool {
        self.calm
    }
}
