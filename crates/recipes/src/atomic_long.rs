//! A number that all can change at the same time.

use crate::again::{Pauses, until_answered};
use crate::error::{Error, may_work_later};
use crate::place::below;
use crate::shared_value::{SharedValue, Versioned};
use std::sync::Arc;
use tokio::sync::Mutex;
use zoarium_client::Client;

/// A number of 64 bits that any number of processes change at the same time: Curator's
/// `DistributedAtomicLong`, with which it can be shared.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::AtomicLong;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let visits = AtomicLong::open(&client, "/visits").await?.exactly_once();
/// let change = visits.add(3).await?;
/// assert_eq!((change.before, change.after), (0, 3));
/// assert_eq!(visits.value().await?, 3);
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Algorithm
///
/// It is read, and written if nobody else has written meanwhile; if somebody has, again. Of all who
/// try at the same time one gets through, so it always goes on.
///
/// # When an answer is lost
///
/// Then nobody knows whether the number was changed. By default the caller is told so
/// ([`Error::may_be_done`]). With [`AtomicLong::exactly_once`] every change marks a znode below the
/// number in the same transaction; the mark tells afterwards, in whatever session, what became of it,
/// and a change is never lost or made twice. That costs a second write, and leaves the znode behind
/// if the process dies.
#[derive(Clone, Debug)]
pub struct AtomicLong {
    value: SharedValue,
    steps: Option<Arc<Mutex<Steps>>>,
}

/// What a change has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The number before it.
    pub before: i64,
    /// The number after it.
    pub after: i64,
}

impl AtomicLong {
    /// The number at a path; made as 0 if there is none.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn open(client: &Client, path: impl Into<String>) -> Result<Self, Error> {
        let value = SharedValue::open(client, path, 0_i64.to_be_bytes()).await?;
        Ok(Self { value, steps: None })
    }

    /// Makes sure of every change that it is made exactly once. Changes of this value and its clones
    /// are then made one after the other.
    #[must_use]
    pub fn exactly_once(self) -> Self {
        let steps = Steps { value: self.value.clone(), marker: None, count: 0 };
        Self { steps: Some(Arc::new(Mutex::new(steps))), ..self }
    }

    /// The number, as the connected server has it.
    ///
    /// # Errors
    /// As [`SharedValue::value`], and if the znode holds something else.
    pub async fn value(&self) -> Result<i64, Error> {
        Ok(read(&self.value).await?.value)
    }

    /// Replaces the number, whatever it is.
    ///
    /// # Errors
    /// As [`SharedValue::set`].
    pub async fn set(&self, value: i64) -> Result<(), Error> {
        self.value.set(value.to_be_bytes()).await
    }

    /// Adds to the number.
    ///
    /// # Errors
    /// As [`AtomicLong::update`].
    pub async fn add(&self, delta: i64) -> Result<Changed, Error> {
        self.update(|value| value.checked_add(delta)).await
    }

    /// Replaces the number if it is `expected`; nothing if it is not.
    ///
    /// # Errors
    /// As [`AtomicLong::update`].
    pub async fn compare_and_set(&self, expected: i64, value: i64) -> Result<bool, Error> {
        let changed = self.update(|now| Some(if now == expected { value } else { now })).await?;
        Ok(changed.before == expected)
    }

    /// Changes the number by a function, which is asked again whenever somebody else was faster. If
    /// it has the result it had before, nothing is written.
    ///
    /// # Errors
    /// As [`SharedValue::try_set`]; and if the function has no result, as [`Error::OutOfRange`].
    pub async fn update(&self, change: impl Fn(i64) -> Option<i64>) -> Result<Changed, Error> {
        let mut pauses = Pauses::default();
        let mut steps = match &self.steps {
            Some(steps) => Some(steps.lock().await),
            None => None,
        };
        loop {
            let read = read(&self.value).await?;
            let before = read.value;
            let out_of_range = || Error::OutOfRange { path: self.value.path().to_owned() };
            let after = change(before).ok_or_else(out_of_range)?;
            let is_done = match &mut steps {
                _ if after == before => true,
                Some(steps) => steps.try_set(&read, after).await?,
                None => self.value.try_set(&read, after.to_be_bytes()).await?,
            };
            if is_done {
                return Ok(Changed { before, after });
            }
            pauses.pause().await;
        }
    }
}

async fn read(value: &SharedValue) -> Result<Versioned<i64>, Error> {
    let Versioned { value: bytes, version, zxid } = value.value().await?;
    match bytes[..].try_into().map(i64::from_be_bytes) {
        Ok(value) => Ok(Versioned { value, version, zxid }),
        Err(_) => {
            let (path, bytes) = (value.path().to_owned(), bytes.len());
            Err(Error::Data { path, wanted: "number of 8 bytes", bytes })
        }
    }
}

/// Changes that are marked: the marker's data is the number of the last change of this handle that
/// was made.
#[derive(Debug)]
struct Steps {
    value: SharedValue,
    marker: Option<String>,
    count: u64,
}

impl Steps {
    /// As [`SharedValue::try_set`], with a definite answer.
    async fn try_set(&mut self, read: &Versioned<i64>, value: i64) -> Result<bool, Error> {
        let marker = self.marker().await?;
        let client = self.value.client().clone();
        // A change that was given up half way may yet be made, under its own number.
        self.count += 1;
        let mark = self.count.to_be_bytes();
        let mut is_undecided = false;
        let mut pauses = Pauses::default();
        loop {
            let turn = client
                .transaction()
                .set_version(self.value.path(), value.to_be_bytes().to_vec(), read.version)
                .set(marker.as_str(), mark.to_vec());
            match turn.await {
                Ok(_) => return Ok(true),
                // From here on no attempt for this version can be done any more.
                Err(error) if error.is_bad_version() && is_undecided => {
                    let found = until_answered(|| client.get(marker.as_str())).await?;
                    return Ok(found.data[..] == mark);
                }
                Err(error) if error.is_bad_version() => return Ok(false),
                // Of two attempts for the same version one at most is done.
                Err(error) if may_work_later(&error) => is_undecided |= error.may_be_done(),
                Err(error) => return Err(error.into()),
            }
            pauses.pause().await;
        }
    }

    async fn marker(&mut self) -> Result<String, Error> {
        if let Some(marker) = &self.marker {
            return Ok(marker.clone());
        }
        let path = below(self.value.path(), "step-");
        let client = self.value.client();
        let made = client.create(path).data(&[0; 8]).sequential().protected().await?;
        Ok(self.marker.insert(made.path).clone())
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(marker) = self.marker.take() {
            drop(self.value.client().delete(marker).guaranteed().send());
        }
    }
}
