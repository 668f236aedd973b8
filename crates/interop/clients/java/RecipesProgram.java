import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.UriSpec;

/**
 * Curator 5's recipes, contending with somebody else for the same paths. For each holding it prints
 * when it began and ended, in zxids of writes it made while holding: `hold RECIPE TOKEN FROM TO`.
 */
public class RecipesProgram {
    static final int THREADS = 2;

    static String address;
    static int rounds;
    static CuratorFramework[] clients;

    interface Recipe {
        void run(CuratorFramework client) throws Exception;
    }

    static void check(boolean condition, Object what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static CuratorFramework connect() throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder()
            .connectString(address).sessionTimeoutMs(20000)
            .retryPolicy(new ExponentialBackoffRetry(100, 5)).build();
        client.start();
        check(client.blockUntilConnected(30, TimeUnit.SECONDS), "not connected");
        return client;
    }

    static long now(CuratorFramework client) throws Exception {
        return client.setData().forPath("/register", new byte[0]).getMzxid();
    }

    static long token(CuratorFramework client, String path) throws Exception {
        return client.checkExists().forPath(path).getCzxid();
    }

    static String first(java.util.Collection<String> paths) {
        return paths.iterator().next();
    }

    /** Holds for a moment, and says so. */
    static void hold(CuratorFramework client, String recipe, long token) throws Exception {
        long from = now(client);
        Thread.sleep(2);
        say("hold " + recipe + " " + token + " " + from + " " + now(client));
    }

    /** Runs a recipe on all threads when the other side is ready for it. */
    static void contend(String name, int rounds, Recipe recipe) throws Exception {
        clients[0].create().forPath("/ready/java-" + name);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (clients[0].checkExists().forPath("/ready/go-" + name) == null) {
            check(System.nanoTime() < deadline, "nobody contends for " + name);
            Thread.sleep(10);
        }
        ExecutorService pool = Executors.newFixedThreadPool(THREADS);
        List<Future<Void>> done = new ArrayList<>();
        for (CuratorFramework client : clients) {
            done.add(pool.submit((Callable<Void>) () -> {
                for (int round = 0; round < rounds; round++) {
                    recipe.run(client);
                }
                return null;
            }));
        }
        for (Future<Void> future : done) {
            future.get(60, TimeUnit.SECONDS);
        }
        pool.shutdown();
        say("ok " + name);
    }

    public static void main(String[] args) throws Exception {
        address = args[0];
        rounds = Integer.parseInt(args[1]);
        clients = new CuratorFramework[] {connect(), connect()};
        contend("lock", rounds, RecipesProgram::lock);
        contend("read-write-lock", rounds, RecipesProgram::readWriteLock);
        contend("semaphore", rounds, RecipesProgram::semaphore);
        contend("limited-semaphore", rounds, RecipesProgram::limitedSemaphore);
        contend("revocation", 1, RecipesProgram::revocation);
        contend("latch", rounds, RecipesProgram::latch);
        contend("selector", rounds, RecipesProgram::selector);
        contend("count", rounds, RecipesProgram::count);
        contend("long", rounds, RecipesProgram::atomicLong);
        contend("barrier", 1, RecipesProgram::barrier);
        contend("double-barrier", rounds, RecipesProgram::doubleBarrier);
        contend("discovery", 1, RecipesProgram::discovery);
        for (CuratorFramework client : clients) {
            client.close();
        }
        System.exit(0);
    }

    static void lock(CuratorFramework client) throws Exception {
        InterProcessMutex mutex = new InterProcessMutex(client, "/lock");
        check(mutex.acquire(30, TimeUnit.SECONDS), "no lock");
        hold(client, "lock", token(client, first(mutex.getParticipantNodes())));
        mutex.release();
    }

    static final AtomicInteger turns = new AtomicInteger();

    static void readWriteLock(CuratorFramework client) throws Exception {
        InterProcessReadWriteLock lock = new InterProcessReadWriteLock(client, "/shared");
        if (turns.getAndIncrement() % 3 == 0) {
            InterProcessMutex writer = lock.writeLock();
            check(writer.acquire(30, TimeUnit.SECONDS), "no lock to write");
            hold(client, "write", token(client, first(writer.getParticipantNodes())));
            writer.release();
        } else {
            InterProcessMutex reader = lock.readLock();
            check(reader.acquire(30, TimeUnit.SECONDS), "no lock to read");
            hold(client, "read", 0);
            reader.release();
        }
    }

    static void semaphore(CuratorFramework client) throws Exception {
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, "/semaphore", 3);
        Lease lease = semaphore.acquire(30, TimeUnit.SECONDS);
        check(lease != null, "no lease");
        String path = "/semaphore/leases/" + lease.getNodeName();
        hold(client, "semaphore", token(client, path));
        semaphore.returnLease(lease);
    }

    static void limitedSemaphore(CuratorFramework client) throws Exception {
        SharedCount limit = new SharedCount(client, "/limit", 2);
        limit.start();
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, "/limited", limit);
        Lease lease = semaphore.acquire(30, TimeUnit.SECONDS);
        check(lease != null, "no lease");
        String path = "/limited/leases/" + lease.getNodeName();
        hold(client, "limited-semaphore", token(client, path));
        semaphore.returnLease(lease);
        limit.close();
    }

    static void await(CuratorFramework client, String path) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (client.checkExists().forPath(path) == null) {
            check(System.nanoTime() < deadline, "no " + path);
            Thread.sleep(10);
        }
    }

    /** Asks the other side for the lock, and gives it back when it is asked for it. */
    static void revocation(CuratorFramework client) throws Exception {
        if (client != clients[0]) {
            return;
        }
        await(client, "/ready/held-ours");
        InterProcessMutex mutex = new InterProcessMutex(client, "/revocable");
        CountDownLatch asked = new CountDownLatch(1);
        mutex.makeRevocable(lock -> asked.countDown());
        Revoker.attemptRevoke(client, first(mutex.getParticipantNodes()));
        check(mutex.acquire(30, TimeUnit.SECONDS), "it is not given back");
        hold(client, "revocation", token(client, first(mutex.getParticipantNodes())));
        client.create().forPath("/ready/held-java");
        check(asked.await(30, TimeUnit.SECONDS), "nobody asks");
        mutex.release();
    }

    static void latch(CuratorFramework client) throws Exception {
        try (LeaderLatch latch = new LeaderLatch(client, "/latch", "java")) {
            latch.start();
            check(latch.await(30, TimeUnit.SECONDS), "no leader");
            check(latch.getLeader().getId().equals("java"), latch.getLeader());
            hold(client, "latch", token(client, latch.getOurPath()));
        }
    }

    static void selector(CuratorFramework client) throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        LeaderSelector selector =
            new LeaderSelector(client, "/selector", new LeaderSelectorListenerAdapter() {
                @Override
                public void takeLeadership(CuratorFramework client) throws Exception {
                    List<String> children = client.getChildren().forPath("/selector");
                    children.sort(java.util.Comparator.comparing(
                        name -> name.substring(name.length() - 10)));
                    hold(client, "selector", token(client, "/selector/" + children.get(0)));
                    done.countDown();
                }
            });
        selector.setId("java");
        selector.start();
        check(done.await(30, TimeUnit.SECONDS), "no turn");
        selector.close();
    }

    static void count(CuratorFramework client) throws Exception {
        SharedCount count = new SharedCount(client, "/count", 0);
        count.start();
        VersionedValue<Integer> read;
        do {
            read = count.getVersionedValue();
        } while (!count.trySetCount(read, read.getValue() + 1));
        count.close();
    }

    static void atomicLong(CuratorFramework client) throws Exception {
        DistributedAtomicLong value = new DistributedAtomicLong(
            client, "/long", new ExponentialBackoffRetry(5, 20));
        check(value.add(5L).succeeded(), "no addition");
    }

    static void barrier(CuratorFramework client) throws Exception {
        new DistributedBarrier(client, "/barrier").waitOnBarrier();
        hold(client, "pass-barrier", 0);
    }

    static final ThreadLocal<Integer> round = ThreadLocal.withInitial(() -> 0);

    static void doubleBarrier(CuratorFramework client) throws Exception {
        int now = round.get();
        round.set(now + 1);
        DistributedDoubleBarrier barrier =
            new DistributedDoubleBarrier(client, "/double-" + now, 2 * THREADS);
        long from = now(client);
        check(barrier.enter(30, TimeUnit.SECONDS), "not entered");
        say("hold enter-" + now + " 0 " + from + " " + now(client));
        from = now(client);
        check(barrier.leave(30, TimeUnit.SECONDS), "not left");
        say("hold leave-" + now + " 0 " + from + " " + now(client));
    }

    static void discovery(CuratorFramework client) throws Exception {
        String id = "java-" + turns.getAndIncrement();
        ServiceInstance<Object> instance = ServiceInstance.builder()
            .name("search").id(id).address("10.0.0.2").port(80)
            .uriSpec(new UriSpec("http://{address}:{port}")).build();
        try (ServiceDiscovery<Object> discovery = ServiceDiscoveryBuilder.builder(Object.class)
            .client(client).basePath("/services").thisInstance(instance).build()) {
            discovery.start();
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            while (theirs(discovery) < 2) {
                check(System.nanoTime() < deadline, "they are not found");
                Thread.sleep(10);
            }
            client.create().forPath("/ready/found-" + id);
            while (theirs(discovery) > 0) {
                check(System.nanoTime() < deadline, "they do not go");
                Thread.sleep(10);
            }
        }
    }

    static long theirs(ServiceDiscovery<Object> discovery) throws Exception {
        return discovery.queryForInstances("search").stream().filter(it -> it.getId().startsWith("ours")
            && it.getAddress().equals("10.0.0.1") && it.getPort() == 8080 && it.isEnabled()
            && it.buildUriSpec().equals("http://10.0.0.1:8080")).count();
    }
}
