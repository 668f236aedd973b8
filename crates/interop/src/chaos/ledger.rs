//! What everybody has done, written down as it happens, and whether it may be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use zoarium_recipes::{Delivery, Error, Token};

#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// Who is inside, by what they hold, and how many ever were together.
    inside: BTreeMap<&'static str, (usize, usize)>,
    /// Writes that were done only because the lock was held: by their zxids, with the tokens.
    writes: BTreeMap<&'static str, BTreeMap<i64, Token>>,
    /// Items that were put, and those of which that is not known.
    put: BTreeSet<String>,
    put_perhaps: BTreeSet<String>,
    handed_out: BTreeMap<String, Vec<Token>>,
    done: BTreeSet<String>,
    done_perhaps: BTreeSet<String>,
    /// Steps made by those who were told so.
    steps: i64,
    end: Option<i64>,
    deaths: usize,
    lost: usize,
}

/// Somebody inside. Leaves when it is dropped.
pub(crate) struct Visit<'a>(&'a Ledger, &'static str);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.0.book().inside.entry(self.1).or_default().0 -= 1;
    }
}

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, what: &'static str) -> Visit<'_> {
        let mut book = self.book();
        let (now, most) = book.inside.entry(what).or_default();
        *now += 1;
        *most = (*most).max(*now);
        Visit(self, what)
    }

    /// A write of a holder was done.
    pub(crate) fn write(&self, what: &'static str, zxid: i64, token: Token) {
        self.book().writes.entry(what).or_default().insert(zxid, token);
    }

    pub(crate) fn put(&self, item: String, is_sure: bool) {
        let mut book = self.book();
        if is_sure {
            book.put.insert(item)
        } else {
            book.put_perhaps.insert(item)
        };
    }

    /// An item was handed out.
    pub(crate) fn take(&self, item: &Delivery) -> Result<()> {
        let name = String::from_utf8(item.data().to_vec()).context("the name of an item")?;
        self.book().handed_out.entry(name).or_default().push(item.token());
        Ok(())
    }

    /// Gets an item done.
    pub(crate) async fn finish(&self, item: Delivery) -> Result<()> {
        let name = String::from_utf8(item.data().to_vec()).context("the name of an item")?;
        match item.done().await {
            Ok(()) => ensure!(self.book().done.insert(name.clone()), "{name} is done twice"),
            Err(error) if error.may_be_done() => drop(self.book().done_perhaps.insert(name)),
            Err(Error::Lost(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    pub(crate) fn step(&self) {
        self.book().steps += 1;
    }

    pub(crate) fn ends_with(&self, value: i64) {
        self.book().end = Some(value);
    }

    /// Somebody has died on purpose.
    pub(crate) fn death(&self) {
        self.book().deaths += 1;
    }

    /// Somebody has lost what it held.
    pub(crate) fn lost(&self) {
        self.book().lost += 1;
    }

    pub(crate) fn judge(&self) -> Result<()> {
        let book = self.book();
        for (what, (now, most)) in &book.inside {
            let allowed = if *what == "semaphore" { super::workers::PERMITS } else { 1 };
            ensure!(*now == 0, "somebody is inside {what} yet");
            ensure!(*most <= allowed, "{most} were inside {what} together");
        }
        for (what, writes) in &book.writes {
            let tokens: Vec<_> = writes.iter().collect();
            let back = tokens.windows(2).find(|pair| pair[0].1 > pair[1].1);
            ensure!(back.is_none(), "{what}: a write with an older token came later: {back:?}");
        }
        for item in &book.put {
            if !book.done.contains(item) && !book.done_perhaps.contains(item) {
                bail!("{item} is lost; it was handed out {:?}", book.handed_out.get(item));
            }
        }
        for item in &book.done {
            let is_known = book.put.contains(item) || book.put_perhaps.contains(item);
            ensure!(is_known, "{item} was never put");
        }
        for (item, tokens) in &book.handed_out {
            ensure!(tokens.is_sorted(), "{item} was handed out with {tokens:?}");
        }
        ensure!(book.end == Some(book.steps), "{:?} after {} steps", book.end, book.steps);
        Ok(())
    }

    pub(crate) fn figures(&self) -> String {
        let book = self.book();
        let writes: usize = book.writes.values().map(BTreeMap::len).sum();
        let handed_out: usize = book.handed_out.values().map(Vec::len).sum();
        format!(
            "{} clients died, {writes} fenced writes, {} holdings lost, {} items put and {} handed \
             out, {} steps",
            book.deaths,
            book.lost,
            book.put.len(),
            handed_out,
            book.steps
        )
    }
}
