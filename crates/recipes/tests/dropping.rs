//! Whatever is dropped, whenever: no znode stays.

use crate::world::{Dice, PATIENCE, TIMEOUT, World, in_world, soon};
use std::time::Duration;
use zoarium_client::Client;
use zoarium_recipes::discovery::{Discovery, RoundRobin, ServiceInstance};
use zoarium_recipes::{
    AtomicLong, Barrier, Cache, Configuration, DoubleBarrier, Error, GroupMember, Ids, LeaderLatch,
    LeaderSelector, Lock, MultiLock, Names, PersistentNode, Queue, ReadWriteLock, ReentrantLock,
    Semaphore, SharedCount,
};

/// Drops something that waits after up to 30 ms, in which it comes further each time.
async fn drop_early<F: IntoFuture>(dice: &Dice, waits: F) {
    drop(tokio::time::timeout(dice.millis(30), waits).await);
}

async fn drop_all(client: &Client, dice: &Dice) {
    drop_holders(client, dice).await;
    drop_early(dice, Barrier::new(client, "/barrier").pass()).await;
    drop_early(dice, DoubleBarrier::new(client, "/double", 2).enter()).await;
    drop_early(dice, Queue::new(client, "/queue").take()).await;
    drop_early(dice, Names::new(client, "/names").next("job-")).await;
    drop_early(dice, async {
        let number = AtomicLong::open(client, "/number").await.unwrap();
        number.clone().exactly_once().add(1).await.unwrap();
        Ids::new(number, 1).next().await.unwrap();
    })
    .await;
    drop_early(dice, PersistentNode::keep(client, "/hosts/1", "x").settled()).await;
    drop_early(dice, GroupMember::join(client, "/group", "one", "x")).await;
    let instance = ServiceInstance::new("search", "1").address("10.0.0.1");
    let discovery = Discovery::new(client, "/services");
    drop_early(dice, discovery.register(instance)).await;
    drop_early(dice, async {
        let provider = discovery.provider("search", RoundRobin::default());
        provider.ready().await.unwrap();
        provider.changes().next().await
    })
    .await;
    drop_early(dice, async {
        let cache = Cache::tree(client, "/");
        cache.ready().await.unwrap();
        let mut events = cache.events();
        while events.next().await.is_some() {}
    })
    .await;
    drop_early(dice, async {
        let configuration = Configuration::new(client, "/config");
        configuration.publish(&1).await.ok();
        let mut followed = configuration.follow().await.unwrap();
        followed.changed().await.unwrap();
    })
    .await;
    drop_early(dice, async {
        let count = SharedCount::open(client, "/count", 1).await.unwrap();
        let _semaphore = Semaphore::limited_by(client, "/semaphore", &count).acquire().await;
        let mut changes = count.changes();
        while changes.next().await.is_some() {}
    })
    .await;
    let leaders = LeaderLatch::new(client, "/latch", "id").leaders();
    drop_early(dice, async move {
        let mut leaders = leaders;
        while leaders.next().await.is_some() {}
    })
    .await;
}

async fn drop_holders(client: &Client, dice: &Dice) {
    drop_early(dice, Lock::new(client, "/lock").acquire()).await;
    drop_early(dice, Lock::new(client, "/lock").try_acquire()).await;
    drop_early(dice, async {
        let guard = Lock::new(client, "/lock").acquire().await.unwrap();
        guard.revoked().await
    })
    .await;
    drop_early(dice, async {
        let lock = ReentrantLock::new(client, "/lock");
        (lock.acquire().await.unwrap(), lock.acquire().await.unwrap())
    })
    .await;
    drop_early(dice, Semaphore::new(client, "/semaphore", 1).acquire()).await;
    drop_early(dice, Semaphore::new(client, "/semaphore", 1).try_acquire()).await;
    drop_early(dice, LeaderLatch::new(client, "/latch", "id").lead()).await;
    let selector = LeaderSelector::new(client, "/latch", "id");
    drop_early(dice, selector.lead_once(|_| std::future::pending::<()>())).await;
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
    let places = [
        "/lock",
        "/other",
        "/semaphore/locks",
        "/semaphore/leases",
        "/latch",
        "/shared",
        "/double",
        "/queue/turn",
        "/queue/taken",
        "/names",
        "/number",
        "/hosts",
        "/group",
        "/services/search",
    ];
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

#[test]
fn client_may_be_dropped_at_any_point() {
    in_world(1, async |world| {
        let dice = world.dice();
        for round in 0..40 {
            let (client, wire) = world.wired().await;
            wire.break_once_in((round % 2 == 1).then_some(15));
            let guard = Lock::new(&client, "/lock").acquire_within(TIMEOUT).await.unwrap();
            let mut node = PersistentNode::keep(&client, "/hosts/1", "x");
            let cache = Cache::tree(&client, "/");
            let semaphore = Semaphore::new(&client, "/semaphore", 1);
            let waiting = tokio::spawn(async move { semaphore.acquire().await.map(drop) });
            tokio::time::sleep(dice.millis(30)).await;
            // In any order, the client itself among them.
            match round % 4 {
                0 => drop((client, guard, node, cache)),
                1 => drop((guard, client, cache, node)),
                2 => drop((node, cache, guard, client)),
                _ => {
                    client.close().await.ok();
                    assert!(soon(node.present()).await.is_err());
                    drop((cache, guard, node));
                }
            }
            waiting.abort();
        }
        // Sessions that could not be closed any more are over some time later.
        world.until("nothing left", |world| left_over(world).is_empty()).await;
        world.until("no watches", |world| world.watches() == 0).await;
    });
}

#[track_caller]
fn at_once<F: IntoFuture>(wait: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    let in_time = tokio::time::timeout(Duration::from_millis(1), wait);
    async move { in_time.await.unwrap_or_else(|_| panic!("something is sent at {caller}")) }
}

#[test]
fn path_that_is_none_is_refused_before_anything_is_sent() {
    in_world(2, async |world| {
        let (client, wire) = world.wired().await;
        // So nothing can be asked of it.
        wire.take_down(PATIENCE * 10);
        let is_it = |error: Error| {
            let Error::Client(error) = error else { panic!("{error}") };
            assert!(error.to_string().contains("empty name at byte 3"), "{error}");
        };
        let path = "/a//b";
        is_it(at_once(Lock::new(&client, path).acquire()).await.unwrap_err());
        is_it(at_once(Lock::new(&client, path).contenders()).await.unwrap_err());
        is_it(at_once(ReadWriteLock::new(&client, path).read()).await.unwrap_err());
        is_it(at_once(Semaphore::new(&client, path, 1).acquire()).await.unwrap_err());
        is_it(at_once(LeaderLatch::new(&client, path, "").lead()).await.unwrap_err());
        is_it(at_once(Barrier::new(&client, path).pass()).await.unwrap_err());
        is_it(at_once(DoubleBarrier::new(&client, path, 2).enter()).await.unwrap_err());
        is_it(at_once(SharedCount::open(&client, path, 1)).await.unwrap_err());
        is_it(at_once(AtomicLong::open(&client, path)).await.unwrap_err());
        is_it(at_once(Cache::tree(&client, path).ready()).await.unwrap_err());
        is_it(at_once(PersistentNode::keep(&client, path, "").present()).await.unwrap_err());
        is_it(at_once(GroupMember::join(&client, path, "one", "")).await.unwrap_err());
        is_it(at_once(Queue::new(&client, path).take()).await.unwrap_err());
        is_it(at_once(Names::new(&client, path).next("")).await.unwrap_err());
        is_it(at_once(Discovery::new(&client, path).names()).await.unwrap_err());
        let configuration =
            at_once(Configuration::<u8>::new(&client, path).get()).await.unwrap_err();
        assert!(configuration.to_string().contains("empty name at byte 3"), "{configuration}");
    });
}
