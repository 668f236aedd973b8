//! Items of queues: each is done once, whatever breaks.

use super::trouble;
use crate::world::{Dice, TIMEOUT, for_seeds, soon};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use zoarium_client::Client;
use zoarium_recipes::{DelayQueue, Delivery, Error, IdQueue, PriorityQueue, Queue, Token};

/// What became of each item.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) put: Vec<String>,
    /// When it may have been put, and it is not known whether it was.
    unsure: Vec<String>,
    handed_out: BTreeMap<String, Vec<Token>>,
    pub(super) done: Vec<String>,
    done_perhaps: Vec<String>,
}

/// Any of the queues, all at the same path.
#[derive(Clone)]
enum AnyQueue {
    Plain(Queue),
    Priority(PriorityQueue),
    Delay(DelayQueue),
    Id(IdQueue),
}

impl AnyQueue {
    async fn put(&self, dice: &Dice, item: &str) -> Result<(), Error> {
        match self {
            Self::Plain(queue) => queue.put(item).await,
            Self::Priority(queue) => {
                queue.put(item, i32::try_from(dice.below(5)).unwrap() - 2).await
            }
            Self::Delay(queue) => queue.put(item, SystemTime::now() - dice.millis(1000)).await,
            Self::Id(queue) => queue.put(&item[..3], item).await,
        }
    }

    async fn take(&self) -> Result<Delivery, Error> {
        match self {
            Self::Plain(queue) => queue.take().await,
            Self::Priority(queue) => queue.take().await,
            Self::Delay(queue) => queue.take().await,
            Self::Id(queue) => queue.take().await,
        }
    }
}

#[test]
fn no_item_is_lost_or_done_twice() {
    let plain = |client: &Client| AnyQueue::Plain(Queue::new(client, "/q"));
    put_and_take("no_item_is_lost_or_done_twice", 15, plain);
}

#[test]
fn no_item_with_a_priority_is_lost_or_done_twice() {
    let priority = |client: &Client| AnyQueue::Priority(PriorityQueue::new(client, "/q"));
    put_and_take("no_item_with_a_priority_is_lost_or_done_twice", 4, priority);
}

#[test]
fn no_item_that_was_due_is_lost_or_done_twice() {
    let delay = |client: &Client| AnyQueue::Delay(DelayQueue::new(client, "/q"));
    put_and_take("no_item_that_was_due_is_lost_or_done_twice", 4, delay);
}

#[test]
fn no_item_with_an_id_is_lost_or_done_twice() {
    let id = |client: &Client| AnyQueue::Id(IdQueue::new(client, "/q"));
    put_and_take("no_item_with_an_id_is_lost_or_done_twice", 4, id);
}

fn put_and_take(name: &str, seeds: u64, queue: impl Fn(&Client) -> AnyQueue) {
    for_seeds(name, seeds, async |world| {
        let ledger = Arc::<Mutex<Ledger>>::default();
        let mut tasks = Vec::new();
        for number in 0..4 {
            let ((client, wire), dice) = (world.wired().await, world.dice());
            let (ledger, queue) = (Arc::clone(&ledger), queue(&client));
            tasks.push(tokio::spawn(trouble(wire, world.dice())));
            if number % 2 == 0 {
                tasks.push(tokio::spawn(async move {
                    for item in 0..25 {
                        let item = format!("{number}-{item:02}");
                        let put = tokio::time::timeout(TIMEOUT * 2, queue.put(&dice, &item)).await;
                        match put {
                            Ok(Ok(())) => ledger.lock().unwrap().put.push(item),
                            Ok(Err(error)) if !error.may_be_done() => panic!("{error}"),
                            // Given up, or the session was lost: it may be there, or come yet.
                            Ok(Err(_)) | Err(_) => ledger.lock().unwrap().unsure.push(item),
                        }
                        tokio::time::sleep(dice.millis(1000)).await;
                    }
                }));
            } else {
                tasks.push(tokio::spawn(take(queue, dice, ledger)));
            }
        }
        for task in tasks {
            soon(task).await.unwrap();
        }
        world.until("all done", |world| world.children("/q/entries").is_empty()).await;
        ledger.lock().unwrap().judge();
    });
}

impl Ledger {
    /// Each item that was put is done, and none twice.
    pub(super) fn judge(&mut self) {
        let Self { put, unsure, handed_out, done, done_perhaps } = self;
        done.sort();
        assert!(done.windows(2).all(|pair| pair[0] != pair[1]), "done twice");
        for item in &*put {
            let is_done = done.binary_search(item).is_ok() || done_perhaps.contains(item);
            assert!(is_done, "{item} is lost");
        }
        assert!(done.iter().all(|item| put.contains(item) || unsure.contains(item)));
        assert!(handed_out.values().all(|tokens| tokens.is_sorted()), "{handed_out:?}");
        assert!(put.len() > 20);
    }
}

/// Takes items until none has come for long.
async fn take(queue: AnyQueue, dice: Dice, ledger: Arc<Mutex<Ledger>>) {
    while let Ok(item) = tokio::time::timeout(TIMEOUT * 20, queue.take()).await {
        let item = item.unwrap();
        let name = String::from_utf8(item.data().to_vec()).unwrap();
        let token = item.token();
        ledger.lock().unwrap().handed_out.entry(name.clone()).or_default().push(token);
        let work = item.claim().run(tokio::time::sleep(dice.millis(300))).await;
        if work.is_err() || dice.once_in(5) {
            continue;
        }
        match item.done().await {
            Ok(()) => ledger.lock().unwrap().done.push(name),
            Err(error) if error.may_be_done() => ledger.lock().unwrap().done_perhaps.push(name),
            Err(Error::Lost(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
