//! Caches: what they have, and what they tell.

use crate::world::{TIMEOUT, World, for_seeds, in_world, soon};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use zoarium_client::Client;
use zoarium_recipes::{Cache, CacheEvent, CachedZnode};

async fn next(events: &mut zoarium_recipes::Feed<CacheEvent>) -> CacheEvent {
    soon(events.next()).await.unwrap()
}

#[test]
fn each_cache_covers_what_it_says() {
    in_world(1, async |world| {
        let client = world.client().await;
        for path in ["/a", "/a/b", "/a/b/c", "/ab", "/a/d"] {
            client.create(path).await.unwrap();
        }
        let paths = async |cache: Cache| {
            cache.ready().await.unwrap();
            client.create("/a/e").await.unwrap();
            client.create("/a/e/f").await.unwrap();
            tokio::time::sleep(TIMEOUT).await;
            let paths = cache.snapshot().into_keys().collect::<Vec<_>>().join(" ");
            client.delete("/a/e").recursive().await.unwrap();
            paths
        };
        assert_eq!(paths(Cache::node(&client, "/a")).await, "/a");
        assert_eq!(paths(Cache::children(&client, "/a")).await, "/a /a/b /a/d /a/e");
        let tree = paths(Cache::tree(&client, "/a")).await;
        assert_eq!(tree, "/a /a/b /a/b/c /a/d /a/e /a/e/f");
        world.until("no watches", |world| world.watches() == 0).await;
    });
}

#[test]
fn znode_made_again_is_told_as_removed_and_added() {
    in_world(2, async |world| {
        let ((client, wire), other) = (world.wired().await, world.client().await);
        other.create("/a").data(b"old").await.unwrap();
        let cache = Cache::node(&client, "/a");
        let mut events = cache.events();
        let CacheEvent::Added(old) = next(&mut events).await else { panic!() };
        assert_eq!(next(&mut events).await, CacheEvent::Ready);
        assert!(cache.is_current());
        // While nobody looks; its version is the same then.
        wire.take_down(TIMEOUT / 2);
        other.delete("/a").await.unwrap();
        other.create("/a").data(b"new").await.unwrap();
        assert_eq!(next(&mut events).await, CacheEvent::Removed(old.clone()));
        let CacheEvent::Added(new) = next(&mut events).await else { panic!() };
        assert_eq!((new.stat.version, &*new.data), (old.stat.version, &b"new"[..]));
    });
}

#[test]
fn cache_knows_that_it_is_behind() {
    in_world(3, async |world| {
        let ((client, wire), other) = (world.wired().await, world.client().await);
        other.create("/a").await.unwrap();
        let cache = Cache::tree(&client, "/");
        cache.ready().await.unwrap();
        assert!(cache.is_current() && cache.get("/a").is_some() && cache.get("/").is_some());
        wire.take_down(TIMEOUT * 3);
        other.delete("/a").await.unwrap();
        tokio::time::sleep(TIMEOUT).await;
        assert!(!cache.is_current() && cache.get("/a").is_some());
        while !cache.is_current() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(cache.get("/a").is_none());
        client.close().await.unwrap();
        tokio::time::sleep(TIMEOUT).await;
        assert!(cache.ready().await.is_err());
    });
}

#[test]
fn slow_listener_is_told_of_a_gap() {
    in_world(4, async |world| {
        let client = world.client().await;
        client.create("/a").await.unwrap();
        let cache = Cache::node(&client, "/a");
        cache.ready().await.unwrap();
        let mut events = cache.events();
        for number in 0..3000 {
            let stat = client.set("/a", number.to_string().into_bytes()).await.unwrap();
            while cache.get("/a").unwrap().stat.version < stat.version {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let mut gaps = 0;
        loop {
            match next(&mut events).await {
                CacheEvent::Gap => gaps += 1,
                CacheEvent::Changed { new, .. } if new.data == "2999" => break,
                CacheEvent::Added(_)
                | CacheEvent::Changed { .. }
                | CacheEvent::Removed(_)
                | CacheEvent::Ready => {}
            }
        }
        assert_eq!(gaps, 1);
    });
}

/// Does anything to a tree of few names, for a while.
async fn mutate(world: &World, client: &Client) {
    let dice = world.dice();
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let name = |dice: u64| ["a", "b", "c"][usize::try_from(dice % 3).unwrap()];
        let mut path = "/t".to_owned();
        for _ in 0..=dice.below(3) {
            path += "/";
            path += name(dice.below(3));
        }
        // Most of these are refused.
        match dice.below(4) {
            0 => drop(client.delete(path).recursive().await),
            1 => drop(client.set(path, dice.seed().to_string().into_bytes()).await),
            _ => {
                drop(client.create(path).data(dice.seed().to_string().into_bytes()).parents().await)
            }
        }
        tokio::time::sleep(dice.millis(30)).await;
    }
}

#[test]
fn cache_becomes_what_the_tree_is_and_tells_all_of_it() {
    for_seeds("cache_becomes_what_the_tree_is_and_tells_all_of_it", 10, async |world: World| {
        let ((client, wire), writer) = (world.wired().await, world.client().await);
        wire.break_once_in(Some(80));
        let cache = Cache::tree(&client, "/t");
        let mut events = cache.events();
        let trouble = tokio::spawn({
            let (wire, dice) = (wire.clone(), world.dice());
            async move {
                for _ in 0..8 {
                    tokio::time::sleep(dice.millis(3000)).await;
                    wire.take_down(dice.millis(2500));
                }
                wire.break_once_in(None);
            }
        });
        let told = tokio::spawn(async move {
            let mut told = BTreeMap::<String, Arc<CachedZnode>>::new();
            let mut ready = 0;
            while let Some(event) = events.next().await {
                match event {
                    CacheEvent::Added(it) => assert!(told.insert(it.path.clone(), it).is_none()),
                    CacheEvent::Changed { old, new } => {
                        assert!(old.stat.mzxid < new.stat.mzxid);
                        // But for what the stat says of children.
                        let before = told.insert(new.path.clone(), new).unwrap();
                        assert_eq!(before.stat.mzxid, old.stat.mzxid);
                    }
                    CacheEvent::Removed(it) => {
                        assert!(told.remove(&it.path).is_some());
                        let below = it.path.clone() + "/";
                        assert!(told.keys().all(|path| !path.starts_with(&below)), "{}", it.path);
                    }
                    CacheEvent::Ready => ready += 1,
                    CacheEvent::Gap => panic!("nobody is slow"),
                }
            }
            assert_eq!(ready, 1);
            told
        });
        mutate(&world, &writer).await;
        trouble.await.unwrap();
        world.until("calm", |_| true).await;
        while !cache.is_current() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(TIMEOUT).await;
        let snapshot = cache.snapshot();
        drop(cache);
        let told = told.await.unwrap();
        let seen = |znodes: BTreeMap<String, Arc<CachedZnode>>| -> Vec<_> {
            znodes
                .into_values()
                .map(|it| (it.path.clone(), it.data.clone(), it.stat.czxid))
                .collect()
        };
        let mut there = Vec::new();
        let mut paths = vec!["/t".to_owned()];
        while let Some(path) = paths.pop() {
            if let Ok(read) = writer.get(path.as_str()).await {
                let names = world.children(&path);
                paths.extend(names.into_iter().map(|name| format!("{path}/{name}")));
                there.push((path, read.data, read.stat.czxid));
            }
        }
        there.sort();
        assert_eq!(seen(snapshot), there);
        assert_eq!(seen(told), there);
    });
}
