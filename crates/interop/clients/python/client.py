"""A short program with kazoo: every basic operation, then a reconnect over a server restart."""

import sys
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    BadVersionError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.security import make_digest_acl


def done(step):
    print("ok", step, flush=True)


def expect(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{call.__name__}{args} did not raise {error}")


def main(address):
    zk = KazooClient(address, timeout=20)
    zk.start(timeout=30)
    basics(zk)
    watches(zk)
    kinds(zk, address)
    multi(zk)
    acl(zk, address)
    expect(NotEmptyError, zk.delete, "/python")
    zk.delete("/python/set")
    zk.delete("/python", recursive=True)
    assert zk.exists("/python") is None
    done("delete")
    reconnect(zk)
    zk.stop()
    zk.close()


def basics(zk):
    assert zk.create("/python", b"root") == "/python"
    expect(NodeExistsError, zk.create, "/python")
    expect(NoNodeError, zk.create, "/python/no/parent")
    path, stat = zk.create("/python/stat", b"abc", include_data=True)
    assert (path, stat.data_length) == ("/python/stat", 3)
    done("create")
    data, stat = zk.get("/python")
    assert (data, stat.version, stat.ephemeralOwner) == (b"root", 0, 0)
    done("get")
    zk.create("/python/set", b"1")
    assert zk.set("/python/set", b"2").version == 1
    expect(BadVersionError, zk.set, "/python/set", b"3", version=0)
    done("set")
    assert zk.exists("/python/none") is None
    assert zk.exists("/python").numChildren == 2
    done("exists")
    assert sorted(zk.get_children("/python")) == ["set", "stat"]
    children, stat = zk.get_children("/python", include_data=True)
    assert len(children) == stat.numChildren == 2
    done("children")


def watches(zk):
    events = []
    fired = threading.Semaphore(0)

    def watch(event):
        events.append((event.type, event.path))
        fired.release()

    def wait():
        assert fired.acquire(timeout=30), f"no event after {events}"

    zk.exists("/python/watched", watch=watch)
    zk.create("/python/watched", b"")
    wait()
    zk.get("/python/watched", watch=watch)
    zk.set("/python/watched", b"x")
    wait()
    zk.get_children("/python/watched", watch=watch)
    zk.create("/python/watched/child")
    wait()
    zk.delete("/python/watched/child")
    zk.get("/python/watched", watch=watch)
    zk.delete("/python/watched")
    wait()
    path = "/python/watched"
    assert events == [("CREATED", path), ("CHANGED", path), ("CHILD", path), ("DELETED", path)]
    done("watch")


def see_all(zk):
    """After a write, even one that fails, a session sees what others have written elsewhere."""
    expect(NoNodeError, zk.delete, "/python/none")


def kinds(zk, address):
    other = KazooClient(address, timeout=20)
    other.start(timeout=30)
    other.create("/python/eph", ephemeral=True)
    see_all(zk)
    assert zk.get("/python/eph")[1].ephemeralOwner == other.client_id[0]
    other.stop()
    other.close()
    see_all(zk)
    assert zk.exists("/python/eph") is None
    done("ephemeral")
    first = zk.create("/python/seq-", sequence=True)
    second = zk.create("/python/seq-", sequence=True, ephemeral=True)
    assert int(second[-10:]) == int(first[-10:]) + 1, (first, second)
    done("sequential")


def multi(zk):
    transaction = zk.transaction()
    transaction.create("/python/m", b"m")
    transaction.set_data("/python/m", b"n")
    transaction.check("/python/m", 1)
    transaction.create("/python/m2")
    transaction.delete("/python/m2")
    results = transaction.commit()
    assert results[0] == "/python/m" and results[1].version == 1, results
    assert results[2] is True and results[4] is True, results
    done("multi")
    transaction = zk.transaction()
    transaction.create("/python/never")
    transaction.check("/python/m", 99)
    transaction.delete("/python/m")
    kinds_of_results = [type(result) for result in transaction.commit()]
    assert kinds_of_results == [RolledBackError, BadVersionError, RuntimeInconsistency]
    assert zk.exists("/python/never") is None
    done("multi-failing")


def acl(zk, address):
    zk.add_auth("digest", "user:secret")
    mine = make_digest_acl("user", "secret", all=True)
    zk.create("/python/acl", b"mine", acl=[mine])
    assert zk.get_acls("/python/acl")[0] == [mine]
    other = KazooClient(address, timeout=20)
    other.start(timeout=30)
    see_all(other)
    expect(NoAuthError, other.get, "/python/acl")
    other.add_auth("digest", "user:secret")
    assert other.get("/python/acl")[0] == b"mine"
    other.stop()
    other.close()
    done("acl")


def reconnect(zk):
    session = zk.client_id
    zk.create("/python-eph", b"kept", ephemeral=True)
    back = threading.Event()
    zk.add_listener(lambda state: back.set() if state == KazooState.CONNECTED else None)
    print("restart the server", flush=True)
    sys.stdin.readline()
    assert back.wait(30), "no reconnect"
    assert zk.client_id == session, "another session"
    assert zk.retry(zk.get, "/python-eph")[0] == b"kept"
    done("reconnect")


main(sys.argv[1])
