//! Those who hold, take and count.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zoarium_client::{Client, Written};
use zoarium_recipes::{AtomicLong, Guard, LeaderLatch, Lock, Queue, ReadWriteLock, Semaphore};

use super::ledger::Ledger;
use crate::dice::Dice;

pub(crate) const QUEUE: &str = "/queue";
pub(crate) const COUNTER: &str = "/counter";

/// Permits of the semaphore.
pub(crate) const PERMITS: usize = 2;

/// Items that wait before no more are put.
const WAITING_MAX: usize = 100;

/// Workers of each kind.
const EACH: u64 = 3;

/// One time in so many a holder dies.
const DEATH: u64 = 60;

const SESSION_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) async fn connect(servers: &str) -> Result<Client> {
    let builder = Client::builder(servers).session_timeout(SESSION_TIMEOUT);
    Ok(builder.connect_timeout(Duration::from_secs(60)).connect().await?)
}

pub(crate) async fn prepare(servers: &str) -> Result<()> {
    let client = connect(servers).await?;
    for what in ["lock", "latch", "write"] {
        client.create(format!("/registers/{what}")).parents().await?;
    }
    Ok(())
}

/// One client with something to do.
pub(crate) struct Worker {
    servers: String,
    number: u64,
    dice: Dice,
    ledger: Arc<Ledger>,
    stopping: watch::Receiver<bool>,
}

type Task = JoinHandle<Result<()>>;

pub(crate) fn spawn_all(worker: impl Fn(u64) -> Worker) -> Vec<(&'static str, Task)> {
    let mut tasks = Vec::new();
    for number in 0..EACH {
        let next = |kind: u64| worker(kind * EACH + number);
        for (kind, what) in (0..).zip(["lock", "latch", "write", "semaphore"]) {
            tasks.push((what, tokio::spawn(next(kind).hold(what))));
        }
        tasks.push(("put", tokio::spawn(next(4).put())));
        tasks.push(("take", tokio::spawn(next(5).take())));
        tasks.push(("count", tokio::spawn(next(6).count())));
    }
    tasks
}

impl Worker {
    pub(crate) fn new(
        servers: &str,
        seed: u64,
        number: u64,
        ledger: &Arc<Ledger>,
        stopping: &watch::Receiver<bool>,
    ) -> Self {
        let (servers, ledger, stopping) =
            (servers.to_owned(), Arc::clone(ledger), stopping.clone());
        Self { servers, number, dice: Dice::new(seed * 1000 + number), ledger, stopping }
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.dice.roll(20))).await;
    }

    /// Holds something, again and again.
    async fn hold(mut self, what: &'static str) -> Result<()> {
        loop {
            let client = connect(&self.servers).await?;
            while let ControlFlow::Continue(()) = self.hold_once(&client, what).await? {
                if self.is_stopping() {
                    return Ok(());
                }
            }
            self.ledger.death();
        }
    }

    async fn hold_once(&mut self, client: &Client, what: &'static str) -> Result<ControlFlow<()>> {
        let (guard, writer);
        let guard: &Guard = match what {
            "lock" => {
                guard = Lock::new(client, "/lock").acquire().await?;
                &guard
            }
            "latch" => {
                guard = LeaderLatch::new(client, "/latch", "x").lead().await?;
                &guard
            }
            "semaphore" => {
                guard = Semaphore::new(client, "/semaphore", PERMITS).acquire().await?;
                &guard
            }
            "write" => {
                writer = ReadWriteLock::new(client, "/shared").write().await?;
                &writer
            }
            other => bail!("nothing called {other}"),
        };
        let pause = Duration::from_millis(self.dice.roll(20));
        let ledger = Arc::clone(&self.ledger);
        let stay = async {
            let _visit = ledger.enter(what);
            fenced_write(guard, what, &ledger).await?;
            tokio::time::sleep(pause).await;
            fenced_write(guard, what, &ledger).await
        };
        match guard.run(stay).await {
            Ok(stayed) => stayed?,
            Err(_) => ledger.lost(),
        }
        if self.dice.chance(DEATH) {
            // As if its process were gone: the session lives on for its timeout.
            client.detach();
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Puts items, each once.
    async fn put(mut self) -> Result<()> {
        let client = connect(&self.servers).await?;
        let queue = Queue::new(&client, QUEUE);
        for count in 0.. {
            if self.is_stopping() {
                break;
            }
            let item = format!("{}-{count}", self.number);
            // Given up now and then: it may be there, or come yet.
            let patience = Duration::from_millis(if self.dice.chance(20) { 2 } else { 60_000 });
            match tokio::time::timeout(patience, queue.put(&item)).await {
                Ok(Ok(())) => self.ledger.put(item, true),
                Ok(Err(error)) if !error.may_be_done() => return Err(error.into()),
                Ok(Err(_)) | Err(_) => self.ledger.put(item, false),
            }
            self.pause().await;
            // Those who take may be slower.
            while queue.count().await? > WAITING_MAX && !self.is_stopping() {
                self.pause().await;
            }
        }
        // What was given up may still be under way.
        Ok(client.close().await?)
    }

    /// Takes items and gets them done, or not.
    async fn take(mut self) -> Result<()> {
        while !self.is_stopping() {
            let client = connect(&self.servers).await?;
            let queue = Queue::new(&client, QUEUE);
            while !self.is_stopping() {
                let waiting = tokio::time::timeout(Duration::from_secs(1), queue.take()).await;
                let Ok(item) = waiting else { continue };
                let item = item?;
                self.ledger.take(&item)?;
                let pause = Duration::from_millis(self.dice.roll(20));
                if item.claim().run(tokio::time::sleep(pause)).await.is_err() {
                    self.ledger.lost();
                    continue;
                }
                match self.dice.roll(DEATH) {
                    0 => {
                        client.detach();
                        self.ledger.death();
                        break;
                    }
                    1..5 => item.put_back().await?,
                    _ => self.ledger.finish(item).await?,
                }
            }
        }
        Ok(())
    }

    /// Counts, and is sure of it.
    async fn count(mut self) -> Result<()> {
        let client = connect(&self.servers).await?;
        let counter = AtomicLong::open(&client, COUNTER).await?.exactly_once();
        while !self.is_stopping() {
            counter.add(1).await?;
            self.ledger.step();
            self.pause().await;
        }
        Ok(())
    }
}

/// A write that is done only if what it is for is held.
async fn fenced_write(guard: &Guard, what: &'static str, ledger: &Ledger) -> Result<()> {
    if what == "semaphore" {
        return Ok(());
    }
    let token = guard.token();
    let data = token.number().to_be_bytes().to_vec();
    match guard.transaction().set(format!("/registers/{what}"), data).await {
        Ok(written) => {
            let Some(Written::Set(stat)) = written.get(1) else { bail!("{written:?}") };
            ledger.write(what, stat.mzxid.to_wire(), token);
            Ok(())
        }
        // It may be done, or what was held is lost.
        Err(error) if error.is_no_node() || error.code().is_none() => Ok(()),
        Err(error) => Err(error).context("a fenced write"),
    }
}
