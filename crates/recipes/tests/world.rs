//! A world in virtual time: the state machine of a real server, or three real servers in the
//! simulator that crash, pause and are parted; and clients whose connections to them are pipes in
//! memory that break, delay and lose what a seed says.
//!
//! Everything runs on one thread with tokio's clock paused, so a seed always does the same.

mod dice;
mod ensemble;
mod journal;
mod server;
mod servers;
mod wire;

pub(crate) use dice::Dice;
pub(crate) use wire::Wire;

use servers::Owned;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;
use zoarium_client::{Backoff, Client};

/// Sessions live for so long.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(1000);

/// Longer than anything takes, in virtual time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Clone)]
pub(crate) struct World {
    servers: Owned,
    dice: Dice,
    clients: Rc<Cell<u32>>,
}

impl World {
    fn new(seed: u64, which: Which) -> Self {
        let dice = Dice::new(seed);
        let servers = match which {
            Which::One => Owned::one(),
            Which::Three => Owned::three(&dice),
        };
        Self { servers, dice, clients: Rc::default() }
    }

    /// A client with a wire that does as it is told.
    pub(crate) async fn wired(&self) -> (Client, Wire) {
        self.wired_for(TIMEOUT).await
    }

    /// The same, with another session timeout.
    pub(crate) async fn wired_for(&self, timeout: Duration) -> (Client, Wire) {
        self.clients.set(self.clients.get() + 1);
        let servers = self.servers.servers();
        let wire = Wire::new(servers.clone(), self.clients.get(), self.dice.fork());
        let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
        let builder = Client::builder(servers.hosts())
            .connector(wire.clone())
            .connect_timeout(PATIENCE)
            .session_timeout(timeout)
            .backoff(Backoff { first, longest })
            .seed(self.dice.fork().seed().into());
        (builder.connect().await.unwrap(), wire)
    }

    pub(crate) async fn client(&self) -> Client {
        self.wired().await.0
    }

    /// Whether there are three servers, which fail themselves.
    pub(crate) const fn is_ensemble(&self) -> bool {
        matches!(self.servers, Owned::Three(_))
    }

    pub(crate) fn dice(&self) -> Dice {
        self.dice.fork()
    }

    /// The names of a znode's children on the server; none if there is no such znode.
    pub(crate) fn children(&self, path: &str) -> Vec<String> {
        self.servers.children(path)
    }

    /// How many watches the server keeps.
    pub(crate) fn watches(&self) -> usize {
        self.servers.watches()
    }

    /// Looks every now and then until something is so, and no server fails any more.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !(self.servers.is_calm() && is_so(self)) {
            assert!(Instant::now() < deadline, "{what} does not come true");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Which servers there are.
#[derive(Clone, Copy)]
enum Which {
    One,
    Three,
}

impl Which {
    const fn of(seed: u64) -> Self {
        if seed.is_multiple_of(2) { Self::One } else { Self::Three }
    }
}

/// Runs something in a world of its own, with one server.
pub(crate) fn in_world<F: Future>(seed: u64, run: impl FnOnce(World) -> F) -> F::Output {
    in_world_of(seed, Which::One, run)
}

fn in_world_of<F: Future>(seed: u64, which: Which, run: impl FnOnce(World) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new(seed, which);
        let driving = world.servers.drive();
        tokio::select! {
            biased;
            output = soon(run(world)) => output,
            never = driving => match never {},
        }
    })
}

/// Runs something once for each of some seeds: even ones have one server, odd ones an ensemble of
/// three. `RECIPES_SEED=7` runs that seed, `RECIPES_SEEDS=1000` so many, from `RECIPES_START` on.
/// `cargo xtask sim --recipes` sets them.
pub(crate) fn for_seeds<F: Future<Output = ()>>(name: &str, count: u64, run: impl Fn(World) -> F) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match (number("RECIPES_SEED"), number("RECIPES_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, wanted) => {
            let start = number("RECIPES_START").unwrap_or(0);
            start..start + wanted.unwrap_or(count)
        }
    };
    for seed in seeds {
        let replay = Replay { name: name.to_owned(), seed };
        in_world_of(seed, Which::of(seed), async |world| {
            let is_single = number("RECIPES_SEED").is_some();
            let _shown = is_single.then(|| tracing::subscriber::set_default(journal::printed()));
            run(world).await;
        });
        drop(replay);
    }
}

/// Runs something with a bug planted in it until a seed shows that, and fails if none of so many
/// does. What is said then has to contain `finding`: it is found by what is to find it.
pub(crate) fn found<F: Future<Output = ()>>(finding: &str, seeds: u64, run: impl Fn(World) -> F) {
    for seed in 0..seeds {
        let run = AssertUnwindSafe(|| in_world_of(seed, Which::of(seed), &run));
        let Err(panic) = catch_unwind(run) else { continue };
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let text = text.unwrap_or_default();
        assert!(text.contains(finding), "seed {seed} finds something else: {text}");
        return;
    }
    panic!("{seeds} seeds do not find: {finding}");
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
            eprintln!("replay: cargo xtask sim --recipes {name} --seed {seed}");
        }
    }
}

/// Waits for something that has to come.
pub(crate) async fn soon<F: IntoFuture>(wait: F) -> F::Output {
    tokio::time::timeout(PATIENCE, wait).await.expect("it did not come")
}
