//! Our side: two clients that go for everything the other side goes for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use zoarium_client::Client;
use zoarium_recipes::{
    AtomicLong, Guard, LeaderLatch, LeaderSelector, Lock, ReadWriteLock, Semaphore, SharedCount,
};

use super::holdings::Holding;

/// What we and Curator go for, in this order.
pub(crate) const CURATOR: &[&str] =
    &["lock", "read-write-lock", "semaphore", "latch", "selector", "count", "long"];

/// What we and kazoo go for.
pub(crate) const KAZOO: &[&str] = &["kazoo"];

/// Permits of the semaphore.
pub(crate) const PERMITS: usize = 3;

/// Clients on our side, and threads on Curator's.
const CLIENTS: usize = 2;

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
        self.clients[0].create(format!("/ready/go-{recipe}")).await?;
        let turns = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for client in &self.clients {
            let (client, turns) = (client.clone(), Arc::clone(&turns));
            tasks.push(tokio::spawn(async move {
                let mut holdings = Vec::new();
                for _ in 0..rounds {
                    let turn = turns.fetch_add(1, Relaxed);
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

/// One turn of a recipe.
async fn play(client: &Client, recipe: &str, turn: usize) -> Result<Vec<Holding>> {
    let guard = match recipe {
        "lock" => Lock::new(client, "/lock").acquire().await?,
        "kazoo" => Lock::new(client, "/kazoo").like_kazoo().acquire().await?,
        "semaphore" => Semaphore::new(client, "/semaphore", PERMITS).acquire().await?,
        "latch" => LeaderLatch::new(client, "/latch", "ours").lead().await?,
        "read-write-lock" => return read_or_write(client, turn).await,
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

/// Stays for a moment.
async fn hold(client: &Client, recipe: &str, guard: &Guard) -> Result<Holding> {
    let now = || async { anyhow::Ok(client.set("/register", b"").await?.mzxid.to_wire()) };
    let from = now().await?;
    tokio::time::sleep(HOLD).await;
    let (recipe, token, to) = (recipe.to_owned(), guard.token().number(), now().await?);
    Ok(Holding { recipe, token, from, to })
}
