//! Asks servers again and again.

use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use zoarium_monitor::ensemble::observe;
use zoarium_monitor::facts::{Asking, Facts};
use zoarium_monitor::target::Target;
use zoarium_monitor::word::{Word, ask};
use zoarium_monitor::words::connections::Connection;
use zoarium_monitor::words::watches::{WatchSummary, WatchedPath};

/// What all servers say at a moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// One for each server, always in the same order.
    pub servers: Vec<Facts>,
    /// More of the server that is looked at, if one is.
    pub detail: Option<Detail>,
}

/// What is only asked of the server that is looked at.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Which server.
    pub target: Target,
    /// Its connections, or why they are not known.
    pub connections: Result<Vec<Connection>, String>,
    /// Its watches in numbers.
    pub summary: Option<WatchSummary>,
    /// Its watched paths, or why they are not known; `None` if they were not asked for.
    pub paths: Option<Result<Vec<WatchedPath>, String>>,
}

/// What is wanted of the sampler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The time between two samples.
    pub interval: Duration,
    /// Whether to stop asking for a while.
    pub is_paused: bool,
    /// Of which server more is wanted, and whether its watched paths are: they cost the server more
    /// the more there are.
    pub detail: Option<(Target, bool)>,
}

/// Takes samples as they are wanted, until nobody wants them.
pub async fn sample_all(
    targets: Vec<Target>,
    asking: Asking,
    mut wanted: watch::Receiver<Wanted>,
    samples: mpsc::Sender<Sample>,
) {
    loop {
        let began = Instant::now();
        let now = wanted.borrow_and_update().clone();
        if !now.is_paused {
            let detail = async {
                match &now.detail {
                    Some((target, with_paths)) => Some(look(target, *with_paths, asking).await),
                    None => None,
                }
            };
            let (servers, detail) = tokio::join!(observe(&targets, asking), detail);
            if samples.send(Sample { servers, detail }).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = sleep_until(began + now.interval) => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

async fn look(target: &Target, with_paths: bool, asking: Asking) -> Detail {
    let word = |word| ask(target, word, asking.patience);
    let paths = async {
        match with_paths {
            true => Some(word(Word::Wchp).await),
            false => None,
        }
    };
    let (connections, summary, paths) = tokio::join!(word(Word::Cons), word(Word::Wchs), paths);
    let told = |text: &String| Connection::parse_all(text);
    Detail {
        target: target.clone(),
        connections: connections.as_ref().map(told).map_err(ToString::to_string),
        summary: summary.ok().and_then(|text| WatchSummary::parse(&text)),
        paths: paths.map(|paths| {
            paths.map(|text| WatchedPath::parse_all(&text)).map_err(|error| error.to_string())
        }),
    }
}
