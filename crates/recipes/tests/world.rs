//! A world in virtual time: the state machine of a real server, and clients whose connections to it
//! are pipes in memory that break, delay and lose what a seed says.
//!
//! Everything runs on one thread with tokio's clock paused, so a seed always does the same.

mod dice;
mod server;
mod wire;

pub(crate) use dice::Dice;
pub(crate) use wire::Wire;

use server::Server;
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use zoarium_client::{Backoff, Client};

/// Sessions live for so long.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(1000);

/// Longer than anything takes, in virtual time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Clone)]
pub(crate) struct World {
    server: Arc<Mutex<Server>>,
    dice: Dice,
    clients: Rc<Cell<u32>>,
}

impl World {
    fn new(seed: u64) -> Self {
        let server = Arc::new(Mutex::new(Server::new(Instant::now())));
        tokio::spawn(server::tick(Arc::downgrade(&server)));
        Self { server, dice: Dice::new(seed), clients: Rc::default() }
    }

    /// A client with a wire that does as it is told.
    pub(crate) async fn wired(&self) -> (Client, Wire) {
        self.clients.set(self.clients.get() + 1);
        let wire = Wire::new(Arc::clone(&self.server), self.dice.fork());
        let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
        let builder = Client::builder("server")
            .connector(wire.clone())
            .session_timeout(TIMEOUT)
            .backoff(Backoff { first, longest })
            .seed(self.dice.fork().seed().into());
        (builder.connect().await.unwrap(), wire)
    }

    pub(crate) async fn client(&self) -> Client {
        self.wired().await.0
    }

    pub(crate) fn dice(&self) -> Dice {
        self.dice.fork()
    }

    /// The names of a znode's children on the server; none if there is no such znode.
    pub(crate) fn children(&self, path: &str) -> Vec<String> {
        self.server.lock().unwrap().children(path)
    }

    /// How many watches the server keeps.
    pub(crate) fn watches(&self) -> usize {
        self.server.lock().unwrap().watches()
    }

    /// Looks every now and then until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "{what} does not come true");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Runs something in a world of its own.
pub(crate) fn in_world<F: Future>(seed: u64, run: impl FnOnce(World) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async { soon(run(World::new(seed))).await })
}

/// Runs something once for each of some seeds. `RECIPES_SEED=7` runs that seed, `RECIPES_SEEDS=1000`
/// so many.
pub(crate) fn for_seeds<F: Future<Output = ()>>(name: &str, count: u64, run: impl Fn(World) -> F) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match (number("RECIPES_SEED"), number("RECIPES_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count_wanted) => 0..count_wanted.unwrap_or(count),
    };
    for seed in seeds {
        let replay = Replay { name: name.to_owned(), seed };
        in_world(seed, &run);
        drop(replay);
    }
}

/// Says how to run a seed again if it ends in a panic.
struct Replay {
    name: String,
    seed: u64,
}

impl Drop for Replay {
    #[expect(clippy::print_stderr, reason = "what a failed test has to say")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { name, seed } = self;
            eprintln!("replay: RECIPES_SEED={seed} cargo test -p zoarium-recipes {name}");
        }
    }
}

/// Waits for something that has to come.
pub(crate) async fn soon<F: IntoFuture>(wait: F) -> F::Output {
    tokio::time::timeout(PATIENCE, wait).await.expect("it did not come")
}
