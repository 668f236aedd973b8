//! Every recipe, used as its documentation says, by two clients of one server.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tokio::time::timeout;
use zoarium_client::Client;
use zoarium_recipes::discovery::{Discovery, RoundRobin, ServiceInstance};
use zoarium_recipes::{
    AtomicLong, Barrier, Cache, CacheEvent, Configuration, DelayQueue, DoubleBarrier, GroupMember,
    IdQueue, Ids, LeaderLatch, LeaderSelector, Lock, MultiLock, Names, PersistentNode,
    PriorityQueue, Queue, ReadWriteLock, ReentrantLock, Semaphore, SharedCount, SharedValue,
};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Two clients.
struct Pair {
    one: Client,
    two: Client,
}

/// Goes through all of them; the result is how many they are.
pub(super) async fn all(server: &str) -> Result<usize> {
    let one = Client::connect(server).await?;
    let pair = Pair { one, two: Client::connect(server).await? };
    let mut count = 0;
    count += timeout(LIMIT, pair.locks()).await?.context("locks")?;
    count += timeout(LIMIT, pair.together()).await?.context("leaders, permits and barriers")?;
    count += timeout(LIMIT, pair.values()).await?.context("values")?;
    count += timeout(LIMIT, pair.presence()).await?.context("presence")?;
    count += timeout(LIMIT, pair.queues()).await?.context("queues")?;
    pair.one.close().await?;
    pair.two.close().await?;
    Ok(count)
}

impl Pair {
    async fn locks(&self) -> Result<usize> {
        let (lock, others) = (Lock::new(&self.one, "/lock"), Lock::new(&self.two, "/lock"));
        let guard = lock.acquire().await?;
        ensure!(others.try_acquire().await?.is_none(), "held by two");
        others.contenders().await?[0].revoke(&self.two).await?;
        guard.revoked().await?;
        guard.transaction().create("/held").await?;
        let last = guard.token();
        guard.release().await?;
        ensure!(others.acquire().await?.token() > last, "tokens do not grow");

        let lock = ReentrantLock::new(&self.one, "/reentrant");
        let (outer, inner) = (lock.acquire().await?, lock.acquire().await?);
        ensure!(outer.token() == inner.token());
        outer.release().await?;
        inner.release().await?;

        let shared = ReadWriteLock::new(&self.one, "/shared");
        let others = ReadWriteLock::new(&self.two, "/shared");
        let (reader, other) = (shared.read().await?, others.read().await?);
        ensure!(shared.try_write().await?.is_none(), "written while it is read");
        reader.release().await?;
        other.release().await?;
        let reader = shared.write().await?.downgrade().await?;
        others.read().await?.release().await?;
        reader.release().await?;

        let both = || ["/b", "/a"].map(|path| Lock::new(&self.one, path));
        let guard = MultiLock::new(both()).acquire().await?;
        let one_of_them = Lock::new(&self.two, "/a");
        ensure!(one_of_them.try_acquire().await?.is_none(), "held by two");
        guard.release().await?;
        one_of_them.acquire().await?.release().await?;
        Ok(4)
    }

    async fn together(&self) -> Result<usize> {
        let latch = LeaderLatch::new(&self.one, "/latch", "one");
        let leading = latch.lead().await?;
        let leader = LeaderLatch::new(&self.two, "/latch", "two").leader().await?;
        ensure!(leader.is_some_and(|it| it.data == b"one"), "another one leads");
        leading.release().await?;
        let selector = LeaderSelector::new(&self.two, "/selector", "two");
        ensure!(selector.lead_once(|guard| async move { guard.token() }).await?.is_ok());

        let limit = SharedCount::open(&self.one, "/limit", 1).await?;
        for semaphore in
            [Semaphore::new(&self.one, "/s", 1), Semaphore::limited_by(&self.one, "/l", &limit)]
        {
            let one = semaphore.acquire().await?;
            ensure!(semaphore.try_acquire().await?.is_none(), "one permit too many");
            one.release().await?;
            semaphore.acquire().await?.release().await?;
        }

        let (keeper, guest) = (Barrier::new(&self.one, "/x/b"), Barrier::new(&self.two, "/x/b"));
        keeper.set().await?;
        ensure!(timeout(Duration::from_millis(50), guest.pass()).await.is_err(), "passed");
        keeper.lift().await?;
        guest.pass().await?;
        let (one, two) =
            (DoubleBarrier::new(&self.one, "/d", 2), DoubleBarrier::new(&self.two, "/d", 2));
        let (one, two) = tokio::try_join!(one.enter(), two.enter())?;
        tokio::try_join!(one.leave(), two.leave())?;
        Ok(6)
    }

    async fn values(&self) -> Result<usize> {
        let value = SharedValue::open(&self.one, "/value", "a").await?;
        let mut changes = SharedValue::open(&self.two, "/value", "b").await?.changes();
        let read = value.value().await?;
        ensure!(value.try_set(&read, "c").await? && !value.try_set(&read, "d").await?);
        while changes.next().await.context("changes")?.value != "c" {}

        let number = AtomicLong::open(&self.one, "/number").await?;
        number.clone().exactly_once().add(2).await?;
        AtomicLong::open(&self.two, "/number").await?.add(3).await?;
        self.one.sync().await?;
        ensure!(number.value().await? == 5, "steps are missing");
        let ids = Ids::new(number, 10);
        ensure!((ids.next().await?, ids.next().await?) == (5, 6));
        let names = Names::new(&self.one, "/names");
        ensure!(names.next("job-").await? < names.next("job-").await?);

        let configuration = Configuration::new(&self.one, "/config");
        configuration.publish(&"first".to_owned()).await?;
        let mut followed = Configuration::<String>::new(&self.two, "/config").follow().await?;
        configuration.publish(&"second".to_owned()).await?;
        while followed.changed().await?.value != "second" {}
        Ok(5)
    }

    async fn presence(&self) -> Result<usize> {
        let mut node = PersistentNode::keep(&self.one, "/hosts/1", "x");
        let token = node.present().await?;
        self.two.delete("/hosts/1").await?;
        ensure!(node.present_after(token).await? > token);
        let caches = [
            Cache::node(&self.two, "/hosts/1"),
            Cache::children(&self.two, "/hosts"),
            Cache::tree(&self.two, "/"),
        ];
        for cache in &caches {
            cache.ready().await?;
            ensure!(cache.get("/hosts/1").is_some_and(|it| it.data == "x"), "it is not there");
        }
        node.close().await?;
        for cache in caches {
            let mut events = cache.events();
            let is_it = |event: &CacheEvent| matches!(event, CacheEvent::Removed(it) if it.path == "/hosts/1");
            // What it hears of itself first is what is there, so it may be gone already.
            while cache.get("/hosts/1").is_some() {
                if is_it(&events.next().await.context("events")?) {
                    break;
                }
            }
        }

        let member = GroupMember::join(&self.one, "/group", "one", "x").await?;
        let other = GroupMember::join(&self.two, "/group", "two", "y").await?;
        while member.members().len() < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        other.leave().await?;
        while member.members().len() > 1 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }

        let (ours, theirs) = (Discovery::new(&self.one, "/sd"), Discovery::new(&self.two, "/sd"));
        let provider = theirs.provider("search", RoundRobin::default());
        let instance = ServiceInstance::new("search", "1").address("10.0.0.1").port(80);
        let registered = ours.register(instance).await?;
        while provider.pick().is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        registered.withdraw().await?;
        while provider.pick().is_some() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(6)
    }

    async fn queues(&self) -> Result<usize> {
        let queue = Queue::new(&self.one, "/q/plain");
        let others = Queue::new(&self.two, "/q/plain");
        let (item, put) = tokio::join!(others.take(), queue.put("a"));
        put?;
        let item = item?;
        ensure!(item.data() == "a");
        item.put_back().await?;
        queue.take().await?.done().await?;
        ensure!(queue.count().await? == 0);

        let queue = PriorityQueue::new(&self.one, "/q/priority");
        queue.put("later", 1).await?;
        queue.put("first", -1).await?;
        ensure!(queue.take().await?.data() == "first");

        let queue = DelayQueue::new(&self.one, "/q/delay");
        let due = SystemTime::now() + Duration::from_millis(100);
        queue.put("x", due).await?;
        queue.take().await?.done().await?;
        ensure!(SystemTime::now() >= due, "handed out before it was due");

        let queue = IdQueue::new(&self.one, "/q/id");
        queue.put("x", "1").await?;
        queue.put("y", "2").await?;
        ensure!(queue.remove("x").await? == 1 && queue.take().await?.data() == "2");
        Ok(4)
    }
}
