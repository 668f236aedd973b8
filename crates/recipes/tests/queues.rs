//! Queues: every item is done once, in order, whatever breaks.

use crate::world::{TIMEOUT, in_world};

use std::time::{Duration, SystemTime};

use zoarium_recipes::{DelayQueue, Error, IdQueue, Lost, PriorityQueue, Queue};

#[test]
fn items_come_in_order_and_stay_until_they_are_done() {
    in_world(1, async |world| {
        let queue = Queue::new(&world.client().await, "/q");
        for item in ["a", "b", "c"] {
            queue.put(item).await.unwrap();
        }
        let (a, b) = (queue.take().await.unwrap(), queue.take().await.unwrap());
        assert_eq!((&a.data()[..], &b.data()[..]), (&b"a"[..], &b"b"[..]));
        assert_eq!(queue.count().await.unwrap(), 3);
        let first = a.token();
        a.put_back().await.unwrap();
        let mut again = queue.take().await.unwrap();
        assert_eq!((&again.data()[..], again.times()), (&b"a"[..], 2));
        assert!(again.token() > first);
        again.update("A").await.unwrap();
        drop(again);
        b.done().await.unwrap();
        world.until("dropped", |world| world.children("/q/taken").is_empty()).await;
        let again = queue.take().await.unwrap();
        assert_eq!(again.data(), "A");
        again.done().await.unwrap();
        queue.take().await.unwrap().done().await.unwrap();
        assert_eq!(queue.count().await.unwrap(), 0);
        let waiting = tokio::time::timeout(TIMEOUT, queue.take()).await;
        assert!(waiting.is_err());
        world.until("left", |world| world.children("/q/turn").is_empty()).await;
    });
}

#[test]
fn item_that_comes_wakes_one() {
    in_world(2, async |world| {
        let mut waiting = Vec::new();
        for _ in 0..10 {
            let queue = Queue::new(&world.client().await, "/q");
            waiting.push(tokio::spawn(async move { queue.take().await.unwrap() }));
        }
        // Nine watch the one before them, one its turn and the two lists.
        world.until("12 watches", |world| world.watches() == 12).await;
        Queue::new(&world.client().await, "/q").put("x").await.unwrap();
        world.until("11 watches", |world| world.watches() == 11).await;
        tokio::time::sleep(TIMEOUT).await;
        assert_eq!((world.watches(), world.children("/q/turn").len()), (11, 9));
        assert_eq!(waiting.iter().filter(|it| it.is_finished()).count(), 1);
    });
}

#[test]
fn item_of_a_lost_session_goes_to_another() {
    in_world(3, async |world| {
        let ((client, wire), other) = (world.wired().await, world.client().await);
        let (queue, others) = (Queue::new(&client, "/q"), Queue::new(&other, "/q"));
        queue.put("x").await.unwrap();
        let lost = queue.take().await.unwrap();
        wire.take_down(TIMEOUT * 3);
        let (why, again) = tokio::join!(lost.claim().lost(), others.take());
        let again = again.unwrap();
        assert_eq!((why, again.times()), (Lost::Session, 2));
        assert!(lost.token() < again.token());
        // Even with another session it has no say.
        while !client.state().is_connected() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(lost.done().await, Err(Error::Lost(Lost::Deleted)));
        tokio::time::sleep(TIMEOUT).await;
        assert_eq!(world.children("/q/taken").len(), 1);
        again.done().await.unwrap();
        assert!(world.children("/q/entries").is_empty());
    });
}

#[test]
fn priorities_times_and_ids_are_kept_to() {
    in_world(4, async |world| {
        let client = world.client().await;
        let queue = PriorityQueue::new(&client, "/p");
        for (item, priority) in
            [("d", 7), ("b", -1), ("e", i32::MAX), ("a", i32::MIN), ("c", 0), ("f", i32::MAX)]
        {
            queue.put(item, priority).await.unwrap();
        }
        for item in ["a", "b", "c", "d", "e", "f"] {
            let next = queue.take().await.unwrap();
            assert_eq!(next.data(), item);
            next.done().await.unwrap();
        }
        let queue = DelayQueue::new(&client, "/d");
        let now = SystemTime::now();
        queue.put("later", now + Duration::from_secs(3600)).await.unwrap();
        queue.put("second", now - Duration::from_secs(1)).await.unwrap();
        queue.put("first", now - Duration::from_secs(2)).await.unwrap();
        for item in ["first", "second"] {
            let next = queue.take().await.unwrap();
            assert_eq!(next.data(), item);
            next.done().await.unwrap();
        }
        assert!(tokio::time::timeout(TIMEOUT, queue.take()).await.is_err());
        let queue = IdQueue::new(&client, "/i");
        for (id, item) in [("x", "1"), ("y~", "2"), ("x", "3"), ("y", "4"), ("y~", "5")] {
            queue.put(id, item).await.unwrap();
        }
        assert_eq!(queue.remove("x").await.unwrap(), 2);
        let taken = queue.take().await.unwrap();
        assert_eq!(taken.data(), "2");
        // What somebody has is not removed.
        assert_eq!(queue.remove("y~").await.unwrap(), 1);
        assert_eq!(queue.remove("z").await.unwrap(), 0);
        taken.done().await.unwrap();
        assert_eq!(queue.take().await.unwrap().data(), "4");
    });
}
