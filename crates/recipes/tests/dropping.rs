//! Whatever is dropped, whenever: no znode stays.

use crate::world::{Dice, World, in_world};
use std::time::Duration;
use zoarium_client::Client;
use zoarium_recipes::{LeaderLatch, Lock, MultiLock, ReadWriteLock, Semaphore};

/// Drops something that waits after up to 30 ms, in which it comes further each time.
async fn drop_early<F: IntoFuture>(dice: &Dice, waits: F) {
    drop(tokio::time::timeout(dice.millis(30), waits).await);
}

async fn drop_all(client: &Client, dice: &Dice) {
    drop_early(dice, Lock::new(client, "/lock").acquire()).await;
    drop_early(dice, Lock::new(client, "/lock").try_acquire()).await;
    drop_early(dice, Semaphore::new(client, "/semaphore", 1).acquire()).await;
    drop_early(dice, Semaphore::new(client, "/semaphore", 1).try_acquire()).await;
    drop_early(dice, LeaderLatch::new(client, "/latch", "id").lead()).await;
    drop_early(dice, ReadWriteLock::new(client, "/shared").read()).await;
    drop_early(dice, async {
        let writer = ReadWriteLock::new(client, "/shared").write().await.unwrap();
        writer.downgrade().await.ok()
    })
    .await;
    let both = ["/lock", "/other"].map(|path| Lock::new(client, path));
    drop_early(dice, MultiLock::new(both).acquire()).await;
}

fn left_over(world: &World) -> Vec<String> {
    let places = ["/lock", "/other", "/semaphore/locks", "/semaphore/leases", "/latch", "/shared"];
    places.iter().flat_map(|path| world.children(path)).collect()
}

#[test]
fn what_waits_may_be_dropped_at_any_point() {
    for breaks in [None, Some(15)] {
        in_world(breaks.unwrap_or(0), async move |world| {
            let mut tasks = Vec::new();
            for _ in 0..3 {
                let ((client, wire), dice) = (world.wired().await, world.dice());
                tasks.push(tokio::spawn(async move {
                    wire.break_once_in(breaks);
                    for _ in 0..20 {
                        drop_all(&client, &dice).await;
                    }
                    wire.break_once_in(None);
                    client
                }));
            }
            let mut clients = Vec::new();
            for task in tasks {
                clients.push(task.await.unwrap());
            }
            // The sessions live on, so nothing goes with them.
            world.until("nothing left", |world| left_over(world).is_empty()).await;
            world.until("no watches", |world| world.watches() == 0).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(left_over(&world), Vec::<String>::new());
        });
    }
}
