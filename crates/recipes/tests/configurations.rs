//! Configurations, names and numbers.

use crate::world::{TIMEOUT, in_world, soon};
use std::collections::BTreeSet;
use zoarium_recipes::{AtomicLong, Configuration, ConfigurationError, Ids, Names, Version};

#[test]
fn versions_are_followed_whole_and_in_order() {
    in_world(1, async |world| {
        let ((client, wire), other) = (world.wired().await, world.client().await);
        let configuration = Configuration::<(u32, u32)>::new(&client, "/config/app");
        let nothing = configuration.get().await.unwrap_err();
        assert!(matches!(nothing, ConfigurationError::Nothing { .. }));
        assert!(configuration.follow().await.is_err());
        let published = Configuration::new(&other, "/config/app");
        assert_eq!(published.publish(&(1, 1)).await.unwrap(), 1);
        let mut followed = configuration.follow().await.unwrap();
        assert_eq!(*followed.current(), Version { number: 1, value: (1, 1) });
        let mut changes = followed.changes();
        wire.take_down(TIMEOUT * 3);
        for number in 2..20_u32 {
            let published = published.publish(&(number, number)).await.unwrap();
            assert_eq!(published, u64::from(number));
            tokio::time::sleep(TIMEOUT / 2).await;
        }
        let mut last = 0;
        while last < 19 {
            let version = soon(changes.next()).await.unwrap();
            assert!(version.number > last && version.value.0 == version.value.1);
            last = version.number;
        }
        followed.changed().await.unwrap();
        published.go_back_to(7).await.unwrap();
        assert_eq!(followed.changed().await.unwrap().value, (7, 7));
        assert!(published.go_back_to(77).await.is_err());
        assert_eq!(published.publish(&(20, 20)).await.unwrap(), 20);
        assert_eq!(followed.changed().await.unwrap().number, 20);
    });
}

#[test]
fn version_of_another_type_is_passed_over_and_reported() {
    in_world(2, async |world| {
        let client = world.client().await;
        let numbers = Configuration::<u32>::new(&client, "/c");
        numbers.publish(&1).await.unwrap();
        let mut followed = numbers.follow().await.unwrap();
        Configuration::new(&client, "/c").publish(&"text").await.unwrap();
        while followed.fault().is_none() {
            tokio::time::sleep(TIMEOUT / 10).await;
        }
        let fault = followed.fault().unwrap().to_string();
        assert!(fault.starts_with("/c/versions/2: invalid type: string"), "{fault}");
        assert_eq!(followed.current().value, 1);
        numbers.publish(&3).await.unwrap();
        assert_eq!(followed.changed().await.unwrap().value, 3);
        assert!(followed.fault().is_none());
    });
}

#[test]
fn two_who_publish_at_once_both_get_through() {
    in_world(3, async |world| {
        let (one, two) = (world.client().await, world.client().await);
        let publish = async |client, value| {
            let configuration = Configuration::new(client, "/c");
            for _ in 0..10 {
                configuration.publish(&value).await.unwrap();
            }
        };
        tokio::join!(publish(&one, 1), publish(&two, 2));
        assert_eq!(Configuration::<u32>::new(&one, "/c").get().await.unwrap().number, 20);
        assert_eq!(world.children("/c/versions").len(), 20);
    });
}

#[test]
fn names_and_numbers_are_given_out_once() {
    in_world(4, async |world| {
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let (client, wire) = world.wired().await;
            tasks.push(tokio::spawn(async move {
                wire.break_once_in(Some(20));
                let names = Names::new(&client, "/names");
                let ids = Ids::new(AtomicLong::open(&client, "/ids").await.unwrap(), 3);
                let mut got = (Vec::new(), Vec::new());
                for _ in 0..25 {
                    got.0.push(names.next("job-").await.unwrap());
                    got.1.push(ids.next().await.unwrap());
                }
                wire.break_once_in(None);
                assert!(got.0.is_sorted() && got.1.is_sorted());
                (got, client)
            }));
        }
        let (mut names, mut ids, mut clients) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for task in tasks {
            let (got, client) = soon(task).await.unwrap();
            names.extend(got.0);
            ids.extend(got.1);
            clients.push(client);
        }
        assert_eq!((names.len(), ids.len()), (100, 100));
        world.until("no names left", |world| world.children("/names").is_empty()).await;
    });
}
