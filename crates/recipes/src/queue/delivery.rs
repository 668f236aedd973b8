//! An item that was taken.

use crate::again::{Pauses, until_answered};
use crate::error::{Error, Lost, may_work_later};
use crate::guard::{Guard, Token};
use bytes::Bytes;

/// An item of a queue that was taken and is not done yet. Until [`Delivery::done`] it stays in the
/// queue; dropped, or when the session is lost, it can be taken again.
#[must_use = "the item goes back into the queue when this is dropped"]
#[derive(Debug)]
pub struct Delivery {
    claim: Guard,
    entry: String,
    data: Bytes,
    times: u32,
}

impl Delivery {
    pub(super) const fn new(claim: Guard, entry: String, data: Bytes, times: u32) -> Self {
        Self { claim, entry, data, times }
    }

    /// What is in it.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The item's path: the same each time it is handed out.
    pub fn path(&self) -> &str {
        &self.entry
    }

    /// How often it was handed out or updated, this time included: an item that nobody gets done
    /// shows by a large number.
    pub const fn times(&self) -> u32 {
        self.times
    }

    /// The fencing token of this handing out.
    pub const fn token(&self) -> Token {
        self.claim.token()
    }

    /// What it is held by: to stop work when it is lost.
    pub const fn claim(&self) -> &Guard {
        &self.claim
    }

    /// Removes the item from the queue, if it is still held.
    ///
    /// # Errors
    /// If it is lost: then somebody else has it or will have it. If the session is lost before there
    /// is an answer nobody knows, and it says so ([`Error::may_be_done`]).
    pub async fn done(self) -> Result<(), Error> {
        let mut pauses = Pauses::default();
        let mut undecided = None;
        loop {
            let done =
                self.claim.transaction().delete(&*self.entry).delete(self.claim.path()).await;
            match done {
                Ok(_) => break,
                Err(error) if error.is_no_node() => {
                    // Gone with this claim, which nobody else removes while the session lives.
                    match undecided.take() {
                        Some(_) if self.is_claimed_by_this_session() => break,
                        Some(unknown) => return Err(unknown),
                        None => return Err(Lost::Deleted.into()),
                    }
                }
                Err(error) if may_work_later(&error) => {
                    if error.may_be_done() {
                        undecided = Some(Error::Client(error));
                    }
                    if !self.is_claimed_by_this_session() {
                        return Err(undecided.take().unwrap_or(Lost::Session.into()));
                    }
                }
                Err(error) => return Err(error.into()),
            }
            pauses.pause().await;
        }
        self.claim.forget();
        Ok(())
    }

    fn is_claimed_by_this_session(&self) -> bool {
        self.claim.holding() != crate::Holding::Lost
    }

    /// Puts the item back, to be taken again: before those that came later.
    ///
    /// # Errors
    /// As [`Guard::release`].
    pub async fn put_back(self) -> Result<(), Error> {
        self.claim.release().await
    }

    /// Replaces what is in the item, for whoever takes it next, if it is still held.
    ///
    /// # Errors
    /// If it is lost, or the client's.
    pub async fn update(&mut self, data: impl Into<Bytes>) -> Result<(), Error> {
        let data = data.into();
        let update = || self.claim.transaction().set(&*self.entry, data.to_vec());
        match until_answered(update).await {
            Err(error) if error.is_no_node() => return Err(Lost::Deleted.into()),
            updated => drop(updated?),
        }
        self.data = data;
        Ok(())
    }
}
