import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.CreateMode;

/** Curator 5: a lock, a leader latch, a counter, a cache, and protected creates. */
public class CuratorProgram {
    static void check(boolean condition, Object what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    static void done(String step) {
        System.out.println("ok " + step);
        System.out.flush();
    }

    static CuratorFramework connect(String address) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder()
            .connectString(address).namespace("curator").sessionTimeoutMs(20000)
            .retryPolicy(new ExponentialBackoffRetry(100, 5)).build();
        client.start();
        check(client.blockUntilConnected(30, TimeUnit.SECONDS), "not connected");
        return client;
    }

    public static void main(String[] args) throws Exception {
        CuratorFramework one = connect(args[0]);
        CuratorFramework two = connect(args[0]);
        lock(one, two);
        latch(one, two);
        counter(one, two);
        cache(one, two);
        String path = one.create().creatingParentContainersIfNeeded().withProtection()
            .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/protected/p-");
        check(path.contains("_c_"), path);
        done("protected");
        one.delete().deletingChildrenIfNeeded().forPath("/protected");
        check(one.checkExists().forPath("/protected") == null, "deleted");
        done("recursive-delete");
        two.close();
        one.close();
        System.exit(0);
    }

    static void lock(CuratorFramework one, CuratorFramework two) throws Exception {
        InterProcessMutex mine = new InterProcessMutex(one, "/lock");
        InterProcessMutex theirs = new InterProcessMutex(two, "/lock");
        mine.acquire();
        check(!theirs.acquire(300, TimeUnit.MILLISECONDS), "two holders");
        mine.release();
        check(theirs.acquire(30, TimeUnit.SECONDS), "no holder");
        theirs.release();
        done("lock");
    }

    static void latch(CuratorFramework one, CuratorFramework two) throws Exception {
        LeaderLatch first = new LeaderLatch(one, "/latch", "one");
        LeaderLatch second = new LeaderLatch(two, "/latch", "two");
        first.start();
        check(first.await(30, TimeUnit.SECONDS), "no leader");
        second.start();
        check(!second.await(300, TimeUnit.MILLISECONDS), "two leaders");
        first.close();
        check(second.await(30, TimeUnit.SECONDS), "no new leader");
        second.close();
        done("latch");
    }

    static void counter(CuratorFramework one, CuratorFramework two) throws Exception {
        ExponentialBackoffRetry retry = new ExponentialBackoffRetry(50, 5);
        DistributedAtomicLong first = new DistributedAtomicLong(one, "/counter", retry);
        DistributedAtomicLong second = new DistributedAtomicLong(two, "/counter", retry);
        check(first.increment().succeeded() && second.increment().succeeded(), "increment");
        check(first.get().postValue() == 2, first.get().postValue());
        done("counter");
    }

    static void cache(CuratorFramework one, CuratorFramework two) throws Exception {
        one.create().creatingParentsIfNeeded().forPath("/cache/a", "1".getBytes());
        CuratorCache cache = CuratorCache.build(two, "/cache");
        cache.start();
        one.create().forPath("/cache/b", "2".getBytes());
        one.setData().forPath("/cache/a", "3".getBytes());
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!(cache.get("/cache/b").isPresent()
            && cache.get("/cache/a").filter(data -> data.getData()[0] == '3').isPresent())) {
            check(System.nanoTime() < deadline, "the cache did not follow");
            Thread.sleep(20);
        }
        cache.close();
        done("cache");
    }
}
