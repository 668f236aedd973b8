import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/** Apache's own Java client: every basic operation, then a reconnect over a server restart. */
public class Program {
    interface Call {
        void run() throws Exception;
    }

    static void done(String step) {
        System.out.println("ok " + step);
        System.out.flush();
    }

    static void check(boolean condition, Object what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    static void failing(KeeperException.Code code, Call call) throws Exception {
        try {
            call.run();
        } catch (KeeperException e) {
            check(e.code() == code, e);
            return;
        }
        throw new AssertionError("no " + code);
    }

    static ZooKeeper connect(String address, Watcher watcher) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper zk = new ZooKeeper(address, 20000, event -> {
            if (event.getState() == KeeperState.SyncConnected) {
                connected.countDown();
            }
            watcher.process(event);
        });
        check(connected.await(30, TimeUnit.SECONDS), "not connected");
        return zk;
    }

    static final BlockingQueue<WatchedEvent> states = new LinkedBlockingQueue<>();

    public static void main(String[] args) throws Exception {
        ZooKeeper zk = connect(args[0], states::add);
        basics(zk);
        watches(zk);
        kinds(zk, args[0]);
        multi(zk);
        acl(zk, args[0]);
        extras(zk);
        failing(KeeperException.Code.NOTEMPTY, () -> zk.delete("/java", -1));
        for (String child : zk.getChildren("/java", false)) {
            zk.delete("/java/" + child, -1);
        }
        failing(KeeperException.Code.BADVERSION, () -> zk.delete("/java", 77));
        zk.delete("/java", 1);
        done("delete");
        reconnect(zk);
        zk.close();
        System.exit(0);
    }

    static void basics(ZooKeeper zk) throws Exception {
        Stat stat = new Stat();
        String path = zk.create("/java", "root".getBytes(), Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT, stat);
        check(path.equals("/java") && stat.getDataLength() == 4, stat);
        failing(KeeperException.Code.NODEEXISTS,
            () -> zk.create("/java", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        zk.create("/java/container", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        done("create");
        check(new String(zk.getData("/java", false, stat)).equals("root"), stat);
        check(zk.getData("/java/container", false, null) == null, "null data");
        done("get");
        check(zk.setData("/java", "changed".getBytes(), 0).getVersion() == 1, "version");
        failing(KeeperException.Code.BADVERSION, () -> zk.setData("/java", null, 0));
        done("set");
        check(zk.exists("/java/none", false) == null, "exists");
        check(zk.exists("/java", false).getNumChildren() == 1, "exists");
        done("exists");
        zk.create("/java/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        List<String> children = zk.getChildren("/java", false, stat);
        check(new TreeSet<>(children).toString().equals("[a, container]"), children);
        done("children");
    }

    static void watches(ZooKeeper zk) throws Exception {
        BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        String path = "/java/watched";
        zk.exists(path, events::add);
        zk.create(path, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        expect(events, EventType.NodeCreated, path);
        zk.getData(path, events::add, null);
        Stat stat = zk.setData(path, null, -1);
        WatchedEvent event = expect(events, EventType.NodeDataChanged, path);
        check(event.getZxid() == stat.getMzxid(), event);
        zk.getChildren(path, events::add);
        zk.create(path + "/child", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        expect(events, EventType.NodeChildrenChanged, path);
        zk.addWatch(path, events::add, AddWatchMode.PERSISTENT_RECURSIVE);
        zk.delete(path + "/child", -1);
        expect(events, EventType.NodeDeleted, path + "/child");
        zk.delete(path, -1);
        expect(events, EventType.NodeDeleted, path);
        zk.removeAllWatches(path, Watcher.WatcherType.Any, false);
        expect(events, EventType.PersistentWatchRemoved, path);
        done("watch");
    }

    static WatchedEvent expect(BlockingQueue<WatchedEvent> events, EventType type, String path)
        throws Exception {
        WatchedEvent event = events.poll(30, TimeUnit.SECONDS);
        check(event != null && event.getType() == type && path.equals(event.getPath()),
            event + ", expected " + type + " " + path);
        return event;
    }

    /** After a write, even one that fails, a session sees what others have written elsewhere. */
    static void seeAll(ZooKeeper zk) throws Exception {
        failing(KeeperException.Code.NONODE, () -> zk.delete("/java/none", -1));
    }

    static void kinds(ZooKeeper zk, String address) throws Exception {
        ZooKeeper other = connect(address, event -> { });
        other.create("/java/eph", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        seeAll(zk);
        check(zk.exists("/java/eph", false).getEphemeralOwner() == other.getSessionId(), "owner");
        check(other.getEphemerals().equals(List.of("/java/eph")), "getEphemerals");
        other.close();
        seeAll(zk);
        check(zk.exists("/java/eph", false) == null, "the ephemeral outlived its session");
        done("ephemeral");
        String first = zk.create("/java/s-", null, Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT_SEQUENTIAL);
        String second = zk.create("/java/s-", null, Ids.OPEN_ACL_UNSAFE,
            CreateMode.EPHEMERAL_SEQUENTIAL);
        check(number(second) == number(first) + 1, first + " " + second);
        done("sequential");
    }

    static int number(String path) {
        return Integer.parseInt(path.substring(path.length() - 10));
    }

    static void multi(ZooKeeper zk) throws Exception {
        List<OpResult> results = zk.multi(Arrays.asList(
            Op.create("/java/m", "m".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.setData("/java/m", "n".getBytes(), 0),
            Op.check("/java/m", 1),
            Op.create("/java/m2", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.delete("/java/m2", 0)));
        check(results.size() == 5, results);
        List<OpResult> reads = zk.multi(Arrays.asList(
            Op.getData("/java/m"), Op.getData("/java/none"), Op.getChildren("/java/m")));
        check(new String(((OpResult.GetDataResult) reads.get(0)).getData()).equals("n"), reads);
        check(reads.get(1) instanceof OpResult.ErrorResult, reads);
        done("multi");
        try {
            zk.multi(Arrays.asList(
                Op.create("/java/never", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.check("/java/m", 99),
                Op.delete("/java/m", -1)));
            throw new AssertionError("a failing multi succeeded");
        } catch (KeeperException e) {
            List<Integer> codes = new ArrayList<>();
            for (OpResult result : e.getResults()) {
                codes.add(((OpResult.ErrorResult) result).getErr());
            }
            check(codes.equals(Arrays.asList(0, -103, -2)), codes);
        }
        check(zk.exists("/java/never", false) == null, "half a multi was applied");
        done("multi-failing");
    }

    static void acl(ZooKeeper zk, String address) throws Exception {
        zk.addAuthInfo("digest", "user:secret".getBytes());
        zk.create("/java/acl", "mine".getBytes(), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        List<ACL> acl = zk.getACL("/java/acl", null);
        check(acl.get(0).getId().getScheme().equals("digest"), acl);
        ZooKeeper other = connect(address, event -> { });
        seeAll(other);
        failing(KeeperException.Code.NOAUTH, () -> other.getData("/java/acl", false, null));
        other.addAuthInfo("digest", "user:secret".getBytes());
        check(new String(other.getData("/java/acl", false, null)).equals("mine"), "data");
        other.close();
        done("acl");
    }

    static void extras(ZooKeeper zk) throws Exception {
        check(zk.getAllChildrenNumber("/java") > 3, "getAllChildrenNumber");
        check(zk.whoAmI().size() == 2, zk.whoAmI());
        CountDownLatch synced = new CountDownLatch(1);
        zk.sync("/java", (rc, path, context) -> synced.countDown(), null);
        check(synced.await(30, TimeUnit.SECONDS), "sync");
    }

    static void reconnect(ZooKeeper zk) throws Exception {
        long session = zk.getSessionId();
        zk.create("/java-eph", "kept".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        zk.exists("/java-later", events::add);
        zk.addWatch("/java-eph", events::add, AddWatchMode.PERSISTENT);
        states.clear();
        System.out.println("restart the server");
        System.out.flush();
        new BufferedReader(new InputStreamReader(System.in)).readLine();
        WatchedEvent state = states.poll(30, TimeUnit.SECONDS);
        while (state != null && state.getState() != KeeperState.SyncConnected) {
            state = states.poll(30, TimeUnit.SECONDS);
        }
        check(state != null, "no reconnect");
        check(zk.getSessionId() == session, "another session");
        check(new String(zk.getData("/java-eph", false, null)).equals("kept"), "data");
        events.removeIf(event -> event.getType() == EventType.None);
        zk.create("/java-later", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        expect(events, EventType.NodeCreated, "/java-later");
        zk.setData("/java-eph", null, -1);
        expect(events, EventType.NodeDataChanged, "/java-eph");
        done("reconnect");
    }
}
