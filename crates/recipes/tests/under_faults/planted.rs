//! Recipes as they are often written, each with a bug: what judges the real ones finds them all.

use super::items::Ledger;
use super::{CLIENTS, Room, judge, judge_steps, stay, trouble, work};
use crate::world::{Dice, World, found, soon};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zoarium_client::{Client, Created, Error, Verdict};
use zoarium_recipes::{Lock, Token};

/// How many seeds a bug may take.
const SEEDS: u64 = 20;

/// Does something until there is a definite answer, as one may with reads.
async fn sure<R, A>(attempt: impl Fn() -> A) -> Result<R, Error>
where
    A: IntoFuture<Output = Result<R, Error>>,
{
    loop {
        match attempt().await {
            Err(error) if error.verdict() != Verdict::Never => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            definite => return definite,
        }
    }
}

async fn place(client: &Client, base: &str) -> Created {
    let path = format!("{base}/x-");
    let create = || client.create(path.as_str()).sequential().ephemeral();
    sure(|| create().protected().container_parents()).await.unwrap()
}

async fn names(client: &Client, base: &str) -> Vec<String> {
    match sure(|| client.children(base)).await {
        Err(error) if error.is_no_node() => Vec::new(),
        children => children.unwrap().names,
    }
}

async fn make(client: &Client, path: &str, data: Vec<u8>) {
    let made = sure(|| client.create(path).data(data.clone()).parents()).await;
    assert!(made.is_ok() || made.is_err_and(|error| error.is_node_exists()));
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// Lets clients in by a lock or semaphore, and judges what they did.
fn visits<F>(
    finding: &str,
    most: usize,
    enter: impl Fn(Client) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Created> + Send + 'static,
{
    found(finding, SEEDS, async |world: World| {
        let room = Arc::<Mutex<Room>>::default();
        let (inside, enter) = (Arc::clone(&room), enter.clone());
        work(&world, move |client, dice| {
            let (room, enter) = (Arc::clone(&inside), enter.clone());
            async move {
                for _ in 0..20 {
                    let place = enter(client.clone()).await;
                    let path = place.path.clone();
                    let fenced = || client.transaction().check_exists(path.clone());
                    stay(&room, Token(place.stat.czxid), fenced, &dice).await;
                    drop(client.delete(path.as_str()).guaranteed().await);
                    tokio::time::sleep(dice.millis(100)).await;
                }
            }
        })
        .await;
        judge(&world, &room, most);
    });
}

#[test]
fn lock_that_does_not_look_who_is_before_it_is_found() {
    visits("together", 1, |client| async move { place(&client, "/lock").await });
}

#[test]
fn lock_that_orders_by_the_whole_name_is_found() {
    visits("together", 1, |client| async move {
        let place = place(&client, "/lock").await;
        loop {
            let names = names(&client, "/lock").await;
            // By what names begin with, which is random. It goes in too when its znode is gone.
            let own = names.iter().find(|it| *it == name(&place.path));
            if own.is_none() || own == names.iter().min() {
                return place;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn semaphore_that_counts_before_it_takes_is_found() {
    visits("together", 2, |client| async move {
        while names(&client, "/permits").await.len() > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        place(&client, "/permits").await
    });
}

#[test]
fn holder_that_does_not_heed_the_end_of_its_session_is_found() {
    found("together", SEEDS, async |world: World| {
        let room = Arc::<Mutex<Room>>::default();
        let inside = Arc::clone(&room);
        work(&world, move |client, dice| {
            let (lock, room) = (Lock::new(&client, "/lock"), Arc::clone(&inside));
            async move {
                for _ in 0..20 {
                    let guard = lock.acquire().await.unwrap();
                    stay(&room, guard.token(), || client.transaction().check_exists("/"), &dice)
                        .await;
                }
            }
        })
        .await;
        judge(&world, &room, 1);
    });
}

/// Puts items into a queue, has them taken, and judges what became of them.
fn items<F>(finding: &str, take: impl Fn(Client, Dice, Arc<Mutex<Ledger>>) -> F + Clone)
where
    F: Future<Output = ()> + Send + 'static,
{
    found(finding, SEEDS, async |world: World| {
        let ledger = Arc::<Mutex<Ledger>>::default();
        let client = world.client().await;
        for item in 0..40 {
            let item = format!("/q/entries/{item:02}");
            make(&client, &item, Vec::new()).await;
            ledger.lock().unwrap().put.push(name(&item).to_owned());
        }
        let mut tasks = Vec::new();
        for _ in 0..CLIENTS {
            let (client, wire) = world.wired().await;
            tasks.push(tokio::spawn(trouble(wire, world.dice())));
            tasks.push(tokio::spawn(take(client, world.dice(), Arc::clone(&ledger))));
        }
        for task in tasks {
            soon(task).await.unwrap();
        }
        world.until("all done", |world| world.children("/q/entries").is_empty()).await;
        ledger.lock().unwrap().judge();
    });
}

/// The first item that waits.
async fn first(client: &Client) -> Option<String> {
    let first = names(client, "/q/entries").await.into_iter().min()?;
    Some(format!("/q/entries/{first}"))
}

#[test]
fn queue_that_deletes_before_it_hands_out_is_found() {
    items("is lost", |client, dice, ledger| async move {
        while let Some(item) = first(&client).await {
            if client.delete(item.as_str()).await.is_err() {
                continue;
            }
            tokio::time::sleep(dice.millis(300)).await;
            // Who has taken it dies, now and then.
            if !dice.once_in(5) {
                ledger.lock().unwrap().done.push(name(&item).to_owned());
            }
        }
    });
}

#[test]
fn queue_that_hands_out_what_somebody_has_is_found() {
    items("done twice", |client, dice, ledger| async move {
        while let Some(item) = first(&client).await {
            tokio::time::sleep(dice.millis(300)).await;
            sure(|| client.delete(item.as_str()).if_exists()).await.unwrap();
            ledger.lock().unwrap().done.push(name(&item).to_owned());
        }
    });
}

/// Counts with something that adds one, and judges the sum.
fn steps<F>(add: impl Fn(Client) -> F + Clone + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    found("steps are lost or made twice", SEEDS, async |world: World| {
        let sum = Arc::<Mutex<i64>>::default();
        let (sums, add) = (Arc::clone(&sum), add.clone());
        let first = world.client().await;
        make(&first, "/n", 0_i64.to_be_bytes().to_vec()).await;
        work(&world, move |client, dice| {
            let (sum, add) = (Arc::clone(&sums), add.clone());
            async move {
                for _ in 0..40 {
                    add(client.clone()).await;
                    *sum.lock().unwrap() += 1;
                    tokio::time::sleep(dice.millis(400)).await;
                }
            }
        })
        .await;
        let client = world.client().await;
        let sum = *sum.lock().unwrap();
        judge_steps(&client, sum).await;
    });
}

async fn read(client: &Client) -> (i64, i32) {
    let read = sure(|| client.get("/n")).await.unwrap();
    (i64::from_be_bytes(read.data[..].try_into().unwrap()), read.stat.version)
}

#[test]
fn number_that_is_written_without_its_version_is_found() {
    steps(|client| async move {
        let (value, _) = read(&client).await;
        sure(|| client.set("/n", (value + 1).to_be_bytes().to_vec())).await.unwrap();
    });
}

#[test]
fn number_that_is_written_again_when_an_answer_is_lost_is_found() {
    steps(|client| async move {
        loop {
            let (value, version) = read(&client).await;
            let next = (value + 1).to_be_bytes().to_vec();
            if client.set("/n", next).version(version).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}
