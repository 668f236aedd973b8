"""kazoo's lock, contending with somebody else: prints `hold lock TOKEN FROM TO` for each holding."""

import sys
import time

from kazoo.client import KazooClient

address, rounds = sys.argv[1], int(sys.argv[2])
client = KazooClient(address)
client.start(timeout=30)
client.create("/ready/python")
while not client.exists("/ready/go-kazoo"):
    time.sleep(0.01)


def now():
    return client.set("/register", b"").mzxid


for _ in range(rounds):
    lock = client.Lock("/kazoo", "python")
    lock.acquire(timeout=30)
    token = client.exists("/kazoo/" + lock.node).czxid
    begin = now()
    time.sleep(0.002)
    print("hold kazoo", token, begin, now(), flush=True)
    assert lock.contenders()[0] == "python"
    lock.release()
print("ok kazoo", flush=True)
client.stop()
client.close()
