//! Names and numbers that nobody else gets.

use crate::atomic_long::AtomicLong;
use crate::error::Error;
use crate::place::{below, last_name};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::Mutex;
use zoarium_client::{Client, protected};

/// Names with a number that nobody else gets.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::Names;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let jobs = Names::new(&client, "/names/build");
/// assert_eq!(jobs.next("job-").await?, "job-0000000000");
/// assert_eq!(jobs.next("job-").await?, "job-0000000001");
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The number is the server's own counter for children of a znode: a sequential znode is made, and
/// deleted in the background, as it is the name that was wanted. A lost answer may cost a number, and
/// never gives one out twice. Nothing is held, so a name outlives the session it was given in. The
/// counter lives as long as the parent, which is persistent, and names grow up to 2³¹ of them.
#[derive(Clone, Debug)]
pub struct Names {
    client: Client,
    path: String,
}

impl Names {
    /// The names counted at a path.
    pub fn new(client: &Client, path: impl Into<String>) -> Self {
        Self { client: client.clone(), path: path.into() }
    }

    /// The next name: the prefix and ten digits.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn next(&self, prefix: &str) -> Result<String, Error> {
        let create = self.client.create(below(&self.path, prefix)).sequential();
        let made = create.protected().parents().await?.path;
        let name = protected::unmarked(last_name(&made)).to_owned();
        drop(self.client.delete(made).guaranteed().send());
        Ok(name)
    }
}

/// Numbers that nobody else gets, taken from an [`AtomicLong`] in blocks. Curator's
/// `CachedAtomicLong`.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::{AtomicLong, Ids};
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let ids = Ids::new(AtomicLong::open(&client, "/ids").await?, 100);
/// assert_eq!(ids.next().await?, 0);
/// assert_eq!(ids.next().await?, 1); // without asking
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The rest of a block is lost with its holder, and so is a block whose answer is lost: there are
/// gaps, and no number twice. The numbers of one holder grow. A block belongs to this value and its
/// clones, whatever becomes of the session.
#[derive(Clone, Debug)]
pub struct Ids {
    counter: AtomicLong,
    block: i64,
    left: Arc<Mutex<Range<i64>>>,
}

impl Ids {
    /// Numbers from a counter, in blocks of so many.
    ///
    /// # Panics
    /// If the blocks are empty.
    pub fn new(counter: AtomicLong, block: u32) -> Self {
        assert!(block > 0, "there is no number in an empty block");
        Self { counter, block: block.into(), left: Arc::default() }
    }

    /// The next number.
    ///
    /// # Errors
    /// As [`AtomicLong::update`], but for lost answers.
    pub async fn next(&self) -> Result<i64, Error> {
        let mut left = self.left.lock().await;
        while left.is_empty() {
            match self.counter.add(self.block).await {
                Ok(changed) => *left = changed.before..changed.after,
                // If it was taken it is a gap.
                Err(error) if error.may_be_done() => {}
                Err(error) => return Err(error),
            }
        }
        let next = left.start;
        left.start += 1;
        Ok(next)
    }
}
