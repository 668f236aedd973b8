"""How long kazoo's lock takes from one holder to the next: a line of microseconds for each."""

import os
import sys
import threading
import time

from kazoo.client import KazooClient

address, waiters, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rounds = -(-count // waiters)
start = threading.Barrier(waiters)
times = []


def contend(client):
    lock = client.Lock("/hand-over/kazoo")
    start.wait()
    for _ in range(rounds):
        lock.acquire()
        acquired = time.monotonic_ns()
        times.append((acquired, time.monotonic_ns()))
        lock.release()


threads = []
for _ in range(waiters):
    client = KazooClient(address, timeout=30)
    client.start(timeout=30)
    threads.append(threading.Thread(target=contend, args=(client,)))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
times.sort()
for one, other in zip(times, times[1:]):
    print(max(0, other[0] - one[1]) // 1000)
sys.stdout.flush()
# Threads of a hundred clients take long to end by themselves.
os._exit(0)
