//! Values and numbers that several change.

use crate::world::{TIMEOUT, in_world, soon};
use zoarium_recipes::{AtomicLong, Changed, Error, SharedCount, SharedValue};

#[test]
fn value_is_replaced_only_if_nobody_else_has() {
    in_world(1, async |world| {
        let one = SharedValue::open(&world.client().await, "/v", "a").await.unwrap();
        let two = SharedValue::open(&world.client().await, "/v", "b").await.unwrap();
        let (mine, theirs) = (one.value().await.unwrap(), two.value().await.unwrap());
        assert_eq!((&*mine.value, mine.version), (&b"a"[..], 0));
        assert!(two.try_set(&theirs, "c").await.unwrap());
        assert!(!one.try_set(&mine, "d").await.unwrap());
        one.set("e").await.unwrap();
        assert_eq!(two.value().await.unwrap().value, "e");
    });
}

#[test]
fn changes_are_followed_over_lost_sessions() {
    in_world(2, async |world| {
        let (client, wire) = world.wired().await;
        let count = SharedCount::open(&client, "/n", 1).await.unwrap();
        let mut changes = count.changes();
        assert_eq!(soon(changes.next()).await.unwrap().value, 1);
        let other = world.client().await;
        let others = SharedCount::open(&other, "/n", 0).await.unwrap();
        wire.take_down(TIMEOUT * 3);
        others.set(2).await.unwrap();
        others.set(3).await.unwrap();
        assert_eq!(soon(changes.next()).await.unwrap().value, 3);
        other.delete("/n").await.unwrap();
        other.create("/n").data(&7_i32.to_be_bytes()[..]).await.unwrap();
        assert_eq!(soon(changes.next()).await.unwrap().value, 7);
        other.set("/n", b"no number").await.unwrap();
        let error = count.value().await.unwrap_err();
        assert_eq!(error.to_string(), "/n: 9 bytes that are no number of 4 bytes");
    });
}

#[test]
fn number_is_changed_by_all_at_once() {
    in_world(3, async |world| {
        let mut tasks = Vec::new();
        for number in 0..8 {
            let client = world.client().await;
            tasks.push(tokio::spawn(async move {
                let value = AtomicLong::open(&client, "/n").await.unwrap();
                let value = if number % 2 == 0 { value } else { value.exactly_once() };
                for _ in 0..10 {
                    let Changed { before, after } = value.add(3).await.unwrap();
                    assert_eq!(before + 3, after);
                }
            }));
        }
        for task in tasks {
            soon(task).await.unwrap();
        }
        let value = AtomicLong::open(&world.client().await, "/n").await.unwrap();
        assert_eq!(value.value().await.unwrap(), 240);
        // The marks are gone with those who made them.
        world.until("no marks", |world| world.children("/n").is_empty()).await;
        assert!(value.compare_and_set(240, i64::MAX).await.unwrap());
        assert!(!value.compare_and_set(240, 1).await.unwrap());
        let error = value.add(1).await.unwrap_err();
        assert_eq!(error, Error::OutOfRange { path: "/n".to_owned() });
        value.set(-1).await.unwrap();
        assert_eq!(value.value().await.unwrap(), -1);
    });
}
