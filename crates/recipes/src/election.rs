//! Leaders: one of many candidates.

use crate::error::{Error, Lost};
use crate::feed::Feed;
use crate::guard::Guard;
use crate::line::{Contender, Line};
use crate::place::event;
use std::sync::Arc;
use std::time::Duration;
use zoarium_client::Client;

/// An election of one leader among those who run for it, in the order in which they came. It is
/// Curator's `LeaderLatch`: who leads does so until it resigns, or its session is lost.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::LeaderLatch;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let latch = LeaderLatch::new(&client, "/leader", "host-7");
///
/// let leading = latch.lead().await?;
/// println!("leading, with token {}", leading.token());
/// assert_eq!(latch.leader().await?.unwrap().data, b"host-7");
///
/// // Work that stops when leadership is lost.
/// leading.run(async { /* … */ }).await?;
/// leading.release().await?;
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Algorithm
///
/// As for a [`Lock`](crate::Lock): candidates stand in line by number, and each watches the one
/// before it. The znodes are those of Curator (`/path/_c_UUID-latch-0000000000`, with the candidate's
/// id as data).
///
/// When the session is lost, leadership is; [`LeaderLatch::lead`] stands for election again. Until
/// the lost session is over for the servers too, nobody else leads: there may be no leader, but
/// never two whose tokens are valid. See [`Guard`] for what that takes on the leader's side.
#[derive(Clone, Debug)]
pub struct LeaderLatch {
    line: Line,
}

const LATCH: &[&str] = &["latch-"];

impl LeaderLatch {
    /// The election at a path, for a candidate who calls itself `id`.
    pub fn new(client: &Client, path: impl Into<String>, id: impl Into<Vec<u8>>) -> Self {
        let (client, base, data) = (client.clone(), path.into(), id.into());
        Self { line: Line { client, base, prefix: LATCH[0], waits_for: LATCH, data } }
    }

    /// Waits to be the leader, for as long as it takes: over lost connections and lost sessions.
    /// Dropped, it withdraws.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn lead(&self) -> Result<Guard, Error> {
        self.line.wait().await.map(Guard::new)
    }

    /// As [`LeaderLatch::lead`], but gives up after a time: then there is no guard.
    ///
    /// # Errors
    /// As [`LeaderLatch::lead`].
    pub async fn lead_within(&self, patience: Duration) -> Result<Option<Guard>, Error> {
        Ok(self.line.wait_for(patience).await?.map(Guard::new))
    }

    /// Who leads. The leader itself may not know it yet, or know already that it does not any more.
    ///
    /// # Errors
    /// As [`LeaderLatch::lead`].
    pub async fn leader(&self) -> Result<Option<Contender>, Error> {
        Ok(self.candidates().await?.into_iter().next())
    }

    /// Who leads, and behind that who runs for it, in order.
    ///
    /// # Errors
    /// As [`LeaderLatch::lead`].
    pub async fn candidates(&self) -> Result<Vec<Contender>, Error> {
        self.line.contenders().await
    }

    /// Who leads from here on, starting with the present leader: a stream. Their tokens increase.
    /// Leaders that came and went unseen are left out. It ends when the client is closed or a server
    /// refuses to be asked.
    pub fn leaders(&self) -> Feed<Contender> {
        let latch = self.clone();
        Feed::new(|feed| async move {
            let mut last = None;
            while let Ok((leader, changed)) = latch.line.next_first(last).await {
                last = Some(leader.token);
                feed.put(leader).await;
                if event(changed).await.is_err() {
                    return;
                }
            }
        })
    }
}

/// Leadership in turns: each leader does some work and steps down, and stands at the end of the line
/// again if it wants to. It is Curator's `LeaderSelector`, which calls the work `takeLeadership`.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::LeaderSelector;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let selector = LeaderSelector::new(&client, "/compaction", "host-7");
/// let done = selector
///     .lead_once(|guard| async move {
///         // One turn; dropped where it stands if leadership is lost.
///         guard.token().number()
///     })
///     .await?;
/// # assert!(done.unwrap() > 0);
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The znodes are those of a [`Lock`](crate::Lock) with the candidate's id as data, as Curator's are;
/// what happens when the session is lost is as there.
#[derive(Clone, Debug)]
pub struct LeaderSelector {
    line: Line,
}

const SELECTOR: &[&str] = &["lock-"];

impl LeaderSelector {
    /// The election at a path, for a candidate who calls itself `id`.
    pub fn new(client: &Client, path: impl Into<String>, id: impl Into<Vec<u8>>) -> Self {
        let (client, base, data) = (client.clone(), path.into(), id.into());
        Self { line: Line { client, base, prefix: SELECTOR[0], waits_for: SELECTOR, data } }
    }

    /// Waits to be the leader, does the work and steps down. The result is the work's, or why it was
    /// stopped: leadership was lost.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn lead_once<W: IntoFuture>(
        &self,
        work: impl FnOnce(Arc<Guard>) -> W,
    ) -> Result<Result<W::Output, Lost>, Error> {
        let guard = Arc::new(Guard::new(self.line.wait().await?));
        let done = guard.run(work(Arc::clone(&guard))).await;
        // If the work has given its guard to somebody else, that one steps down.
        if let Some(guard) = Arc::into_inner(guard) {
            guard.release().await?;
        }
        Ok(done)
    }

    /// As [`LeaderSelector::lead_once`], again and again, also when leadership was lost, as long as
    /// the work says so.
    ///
    /// # Errors
    /// As [`LeaderSelector::lead_once`].
    pub async fn lead_in_turns<W: IntoFuture<Output = NextTurn>>(
        &self,
        mut work: impl FnMut(Arc<Guard>) -> W,
    ) -> Result<(), Error> {
        loop {
            match self.lead_once(&mut work).await? {
                Ok(NextTurn::None) => return Ok(()),
                Ok(NextTurn::Wanted) | Err(_) => {}
            }
        }
    }

    /// Who leads, and behind that who waits for its turn, in order.
    ///
    /// # Errors
    /// As [`LeaderSelector::lead_once`].
    pub async fn candidates(&self) -> Result<Vec<Contender>, Error> {
        self.line.contenders().await
    }
}

/// Whether a leader that has had its turn wants another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTurn {
    /// It stands at the end of the line again.
    Wanted,
    /// It is done.
    None,
}
