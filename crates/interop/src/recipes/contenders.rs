//! Our side: two clients that go for everything the other side goes for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use zoarium_client::Client;
use zoarium_recipes::discovery::{Discovery, RoundRobin, ServiceInstance};
use zoarium_recipes::{
    AtomicLong, Barrier, DoubleBarrier, Guard, LeaderLatch, LeaderSelector, Lock, ReadWriteLock,
    Semaphore, SharedCount,
};

use super::holdings::Holding;

/// What we and Curator go for, in this order.
pub(crate) const CURATOR: &[&str] = &[
    "lock",
    "read-write-lock",
    "semaphore",
    "limited-semaphore",
    "revocation",
    "latch",
    "selector",
    "count",
    "long",
    "barrier",
    "double-barrier",
    "discovery",
];

/// What we and kazoo go for.
pub(crate) const KAZOO: &[&str] = &["kazoo"];

/// Permits of the semaphore.
pub(crate) const PERMITS: usize = 3;

/// What the number says that limits the other one.
pub(crate) const LIMIT: usize = 2;

/// Clients on our side, and threads on Curator's.
const CLIENTS: usize = 2;

/// Members of the double barrier, both sides together.
pub(crate) const MEMBERS: usize = 2 * CLIENTS;

/// How long something is held.
const HOLD: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(crate) struct Contenders {
    clients: Vec<Client>,
}

impl Contenders {
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(Client::connect(address).await?);
        }
        for path in ["/register", "/ready"] {
            clients[0].create(path).await?;
        }
        Ok(Self { clients })
    }

    pub(crate) async fn close(self) {
        for client in self.clients {
            // The server is about to be stopped anyway.
            let _unconfirmed = client.close().await;
        }
    }

    /// Waits until the other side is ready for a recipe, and goes for it.
    pub(crate) async fn contend(
        &self,
        recipe: &'static str,
        rounds: usize,
    ) -> Result<Vec<Holding>> {
        let ready = match recipe {
            "kazoo" => "/ready/python".to_owned(),
            recipe => format!("/ready/java-{recipe}"),
        };
        if let (None, ready) = self.clients[0].exists(ready).watch().await? {
            ready.await?;
        }
        let once = matches!(recipe, "barrier" | "discovery" | "revocation");
        let rounds = if once { 1 } else { rounds };
        if recipe == "barrier" {
            Barrier::new(&self.clients[0], "/barrier").set().await?;
        }
        self.clients[0].create(format!("/ready/go-{recipe}")).await?;
        let turns = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for client in &self.clients {
            let (client, turns) = (client.clone(), Arc::clone(&turns));
            tasks.push(tokio::spawn(async move {
                let mut holdings = Vec::new();
                for round in 0..rounds {
                    let turn = Turn { count: turns.fetch_add(1, Relaxed), round };
                    holdings.extend(play(&client, recipe, turn).await.context(recipe)?);
                }
                anyhow::Ok(holdings)
            }));
        }
        let mut holdings = Vec::new();
        for task in tasks {
            holdings.extend(task.await??);
        }
        Ok(holdings)
    }

    /// Whether no step of a number is missing.
    pub(crate) async fn check_numbers(&self, recipes: &[&str], rounds: usize) -> Result<()> {
        let client = &self.clients[0];
        let each = 2 * CLIENTS * rounds;
        if recipes.contains(&"count") {
            let count = SharedCount::open(client, "/count", 0).await?.value().await?.value;
            ensure!(usize::try_from(count)? == each, "{count} steps of {each}");
        }
        if recipes.contains(&"long") {
            let value = AtomicLong::open(client, "/long").await?.value().await?;
            ensure!(usize::try_from(value)? == 5 * each, "{value} instead of 5 × {each}");
        }
        Ok(())
    }
}

/// Which turn it is.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Of all on our side.
    count: usize,
    /// Of this client.
    round: usize,
}

/// One turn of a recipe.
async fn play(client: &Client, recipe: &str, turn: Turn) -> Result<Vec<Holding>> {
    let guard = match recipe {
        "lock" => Lock::new(client, "/lock").acquire().await?,
        "kazoo" => Lock::new(client, "/kazoo").like_kazoo().acquire().await?,
        "semaphore" => Semaphore::new(client, "/semaphore", PERMITS).acquire().await?,
        "limited-semaphore" => {
            let limit = SharedCount::open(client, "/limit", i32::try_from(LIMIT)?).await?;
            Semaphore::limited_by(client, "/limited", &limit).acquire().await?
        }
        "latch" => LeaderLatch::new(client, "/latch", "ours").lead().await?,
        "read-write-lock" => return read_or_write(client, turn.count).await,
        "revocation" => return revoke_each_other(client, turn.count).await,
        "barrier" => return lift_or_pass(client, turn.count).await,
        "double-barrier" => return enter_and_leave(client, turn.round).await,
        "discovery" => return find_and_be_found(client, turn.count).await.map(|()| Vec::new()),
        "selector" => {
            let selector = LeaderSelector::new(client, "/selector", "ours");
            let hold = |guard: Arc<Guard>| async move { hold(client, "selector", &guard).await };
            return Ok(vec![selector.lead_once(hold).await???]);
        }
        "count" => return step_count(client).await.map(|()| Vec::new()),
        "long" => {
            AtomicLong::open(client, "/long").await?.add(5).await?;
            return Ok(Vec::new());
        }
        other => bail!("no recipe {other}"),
    };
    let holding = hold(client, recipe, &guard).await?;
    guard.release().await?;
    Ok(vec![holding])
}

async fn read_or_write(client: &Client, turn: usize) -> Result<Vec<Holding>> {
    let lock = ReadWriteLock::new(client, "/shared");
    if turn.is_multiple_of(3) {
        let guard = lock.write().await?;
        let holding = hold(client, "write", &guard).await?;
        // Goes on as a reader, without letting a writer of the other side in between.
        let reader = guard.downgrade().await?;
        let read = hold(client, "read", &reader).await?;
        ensure!(holding.to < read.from, "{holding:?}, then {read:?}");
        reader.release().await?;
        return Ok(vec![holding, read]);
    }
    let guard = lock.read().await?;
    let holding = hold(client, "read", &guard).await?;
    guard.release().await?;
    Ok(vec![holding])
}

async fn step_count(client: &Client) -> Result<()> {
    let count = SharedCount::open(client, "/count", 0).await?;
    loop {
        let read = count.value().await?;
        if count.try_set(&read, read.value + 1).await? {
            return Ok(());
        }
    }
}

/// The other side asks us for the lock, and we ask it to give it back.
async fn revoke_each_other(client: &Client, turn: usize) -> Result<Vec<Holding>> {
    if turn > 0 {
        return Ok(Vec::new());
    }
    let lock = Lock::new(client, "/revocable");
    let guard = lock.acquire().await?;
    let first = hold(client, "revocation", &guard).await?;
    client.create("/ready/held-ours").await?;
    guard.revoked().await?;
    guard.release().await?;
    if let (None, held) = client.exists("/ready/held-java").watch().await? {
        held.await?;
    }
    let holder = lock.contenders().await?.into_iter().next().context("nobody has the lock")?;
    holder.revoke(client).await?;
    let guard = lock.acquire().await?;
    ensure!(guard.token() > holder.token, "{holder:?}, then {:?}", guard.token());
    let second = hold(client, "revocation", &guard).await?;
    guard.release().await?;
    Ok(vec![first, second])
}

async fn lift_or_pass(client: &Client, turn: usize) -> Result<Vec<Holding>> {
    let barrier = Barrier::new(client, "/barrier");
    if turn > 0 {
        barrier.pass().await?;
    }
    let from = now(client).await?;
    // Long enough for the other side to pass, if it is let through.
    tokio::time::sleep(HOLD * 50).await;
    let to = now(client).await?;
    let recipe = if turn == 0 { "set-barrier" } else { "pass-barrier" };
    barrier.lift().await?;
    Ok(vec![Holding { recipe: recipe.to_owned(), token: 0, from, to }])
}

async fn enter_and_leave(client: &Client, round: usize) -> Result<Vec<Holding>> {
    let barrier = DoubleBarrier::new(client, format!("/double-{round}"), MEMBERS);
    let from = now(client).await?;
    let inside = barrier.enter().await?;
    let recipe = format!("enter-{round}");
    let entered = Holding { recipe, token: 0, from, to: now(client).await? };
    let from = now(client).await?;
    inside.leave().await?;
    let recipe = format!("leave-{round}");
    let left = Holding { recipe, token: 0, from, to: now(client).await? };
    Ok(vec![entered, left])
}

async fn find_and_be_found(client: &Client, turn: usize) -> Result<()> {
    let discovery = Discovery::new(client, "/services");
    let ours = ServiceInstance::new("search", format!("ours-{turn}"));
    let ours = ours.address("10.0.0.1").port(8080).uri("http://{address}:{port}");
    let registered = discovery.register(ours).await?;
    let provider = discovery.provider("search", RoundRobin::default());
    let theirs = || {
        let instances = provider.instances();
        let theirs = instances.iter().filter(|it| it.id.starts_with("java"));
        theirs.filter(|it| it.to_uri("http") == "http://10.0.0.2:80").count()
    };
    let look_until = async |count: usize| {
        while theirs() != count {
            tokio::time::sleep(HOLD).await;
        }
    };
    look_until(CLIENTS).await;
    let found = |names: Vec<String>| names.iter().filter(|it| it.starts_with("found-")).count();
    while found(client.children("/ready").await?.names) < CLIENTS {
        tokio::time::sleep(HOLD).await;
    }
    registered.withdraw().await?;
    look_until(0).await;
    Ok(())
}

/// A write, and its zxid.
async fn now(client: &Client) -> Result<i64> {
    Ok(client.set("/register", b"").await?.mzxid.to_wire())
}

/// Stays for a moment.
async fn hold(client: &Client, recipe: &str, guard: &Guard) -> Result<Holding> {
    let from = now(client).await?;
    tokio::time::sleep(HOLD).await;
    let (recipe, token, to) = (recipe.to_owned(), guard.token().number(), now(client).await?);
    Ok(Holding { recipe, token, from, to })
}
