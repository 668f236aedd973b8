import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.ExponentialBackoffRetry;

/** How long Curator's lock takes from one holder to the next: a line of microseconds for each. */
public class HandOver {
    public static void main(String[] args) throws Exception {
        int waiters = Integer.parseInt(args[1]);
        int rounds = (Integer.parseInt(args[2]) + waiters - 1) / waiters;
        // Once to compile the code, once to measure.
        measure(args[0], waiters, rounds);
        List<long[]> times = measure(args[0], waiters, rounds);
        times.sort((one, other) -> Long.compare(one[0], other[0]));
        for (int index = 1; index < times.size(); index++) {
            System.out.println(Math.max(0, times.get(index)[0] - times.get(index - 1)[1]) / 1000);
        }
        System.exit(0);
    }

    static List<long[]> measure(String address, int waiters, int rounds) throws Exception {
        CyclicBarrier start = new CyclicBarrier(waiters);
        List<long[]> times = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int number = 0; number < waiters; number++) {
            CuratorFramework client = CuratorFrameworkFactory.builder().connectString(address)
                .sessionTimeoutMs(30000).retryPolicy(new ExponentialBackoffRetry(100, 5)).build();
            client.start();
            client.blockUntilConnected();
            Thread thread = new Thread(() -> {
                try {
                    InterProcessMutex mutex = new InterProcessMutex(client, "/hand-over/curator");
                    List<long[]> own = new ArrayList<>();
                    start.await();
                    for (int round = 0; round < rounds; round++) {
                        mutex.acquire();
                        long acquired = System.nanoTime();
                        own.add(new long[] {acquired, System.nanoTime()});
                        mutex.release();
                    }
                    synchronized (times) {
                        times.addAll(own);
                    }
                    client.close();
                } catch (Exception failed) {
                    failed.printStackTrace();
                    System.exit(1);
                }
            });
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return times;
    }
}
