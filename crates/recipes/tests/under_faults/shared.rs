//! What is shared and held by nobody: values, names, numbers, barriers, configurations.

use super::work;
use crate::world::{for_seeds, soon};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use zoarium_recipes::{
    AtomicLong, Barrier, Configuration, ConfigurationError, Ids, Names, SharedCount,
};

#[test]
fn no_replacement_of_a_count_is_lost_and_changes_are_told_in_order() {
    let name = "no_replacement_of_a_count_is_lost_and_changes_are_told_in_order";
    for_seeds(name, 6, async |world| {
        // Replacements that are sure, and those that may have been done.
        let made = Arc::<Mutex<(i32, i32)>>::default();
        let mades = Arc::clone(&made);
        let (watcher, wire) = world.wired().await;
        wire.break_once_in(Some(40));
        let count = SharedCount::open(&watcher, "/n", 0).await.unwrap();
        let mut changes = count.changes();
        let told = tokio::spawn(async move {
            let mut told = Vec::new();
            while let Some(value) = changes.next().await {
                told.push((value.zxid, value.value));
                if value.value < 0 {
                    break;
                }
            }
            told
        });
        work(&world, move |client, dice| {
            let made = Arc::clone(&mades);
            async move {
                let count = SharedCount::open(&client, "/n", 0).await.unwrap();
                for _ in 0..40 {
                    let read = count.value().await.unwrap();
                    match count.try_set(&read, read.value + 1).await {
                        Ok(true) => made.lock().unwrap().0 += 1,
                        Ok(false) => {}
                        Err(error) if error.may_be_done() => made.lock().unwrap().1 += 1,
                        Err(error) => panic!("{error}"),
                    }
                    tokio::time::sleep(dice.millis(400)).await;
                }
            }
        })
        .await;
        wire.break_once_in(None);
        let client = world.client().await;
        client.sync().await.unwrap();
        let count = SharedCount::open(&client, "/n", 0).await.unwrap();
        let value = count.value().await.unwrap().value;
        let (sure, unsure) = *made.lock().unwrap();
        assert!((sure..=sure + unsure).contains(&value), "{value} of {sure} and {unsure}");
        count.set(-1).await.unwrap();
        let told = soon(told).await.unwrap();
        let steps = &told[..told.len() - 1];
        assert!(told.is_sorted_by_key(|(zxid, _)| *zxid) && told.last().unwrap().1 == -1);
        assert!(steps.is_sorted_by(|one, next| one.1 < next.1), "{told:?}");
    });
}

#[test]
fn names_and_numbers_are_nobody_elses() {
    for_seeds("names_and_numbers_are_nobody_elses", 6, async |world| {
        let all = Arc::<Mutex<(Vec<String>, Vec<i64>)>>::default();
        let got = Arc::clone(&all);
        work(&world, move |client, dice| {
            let got = Arc::clone(&got);
            async move {
                let names = Names::new(&client, "/names");
                let ids = Ids::new(AtomicLong::open(&client, "/ids").await.unwrap(), 3);
                let mut own = (Vec::new(), Vec::new());
                for _ in 0..40 {
                    own.0.push(names.next("job-").await.unwrap());
                    own.1.push(ids.next().await.unwrap());
                    tokio::time::sleep(dice.millis(400)).await;
                }
                assert!(own.0.is_sorted() && own.1.is_sorted());
                got.lock().unwrap().0.extend(own.0);
                got.lock().unwrap().1.extend(own.1);
            }
        })
        .await;
        let (names, ids) = &*all.lock().unwrap();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    });
}

#[test]
fn nobody_passes_while_a_barrier_is_set_for_sure() {
    for_seeds("nobody_passes_while_a_barrier_is_set_for_sure", 8, async |world| {
        // How often it was set, and how often somebody has begun to lift it.
        let turns = Arc::<Mutex<(u32, u32)>>::default();
        let (keeper, guests) = (Arc::clone(&turns), Arc::clone(&turns));
        let first = Arc::new(Mutex::new(true));
        work(&world, move |client, dice| {
            let (is_keeper, barrier) =
                (std::mem::take(&mut *first.lock().unwrap()), Barrier::new(&client, "/barrier/a"));
            let (keeper, guests) = (Arc::clone(&keeper), Arc::clone(&guests));
            async move {
                for _ in 0..20 {
                    tokio::time::sleep(dice.millis(1000)).await;
                    if is_keeper {
                        barrier.set().await.unwrap();
                        keeper.lock().unwrap().0 += 1;
                        tokio::time::sleep(dice.millis(1000)).await;
                        keeper.lock().unwrap().1 += 1;
                        barrier.lift().await.unwrap();
                        continue;
                    }
                    let (set, lifted) = *guests.lock().unwrap();
                    barrier.pass().await.unwrap();
                    if set > lifted {
                        assert!(guests.lock().unwrap().1 > lifted, "passed though it was set");
                    }
                }
            }
        })
        .await;
        assert_eq!(*turns.lock().unwrap(), (20, 20));
    });
}

#[test]
fn followers_see_whole_versions_in_order_and_the_last_one() {
    for_seeds("followers_see_whole_versions_in_order_and_the_last_one", 6, async |world| {
        let first = Configuration::new(&world.client().await, "/c");
        while let Err(error) = first.publish(&(0, 0)).await {
            assert!(
                matches!(&error, ConfigurationError::Recipe(error) if error.may_be_done()),
                "{error}"
            );
        }
        work(&world, |client, dice| async move {
            let configuration = Configuration::<(u64, u64)>::new(&client, "/c");
            let mut changes = configuration.follow().await.unwrap().changes();
            let mut last = 0;
            for value in 0..15 {
                match configuration.publish(&(value, value)).await {
                    Ok(_) => {}
                    Err(ConfigurationError::Recipe(error)) if error.may_be_done() => {}
                    Err(error) => panic!("{error}"),
                }
                tokio::time::sleep(dice.millis(1000)).await;
                while let Some(version) = changes.try_next() {
                    assert!(version.number > last && version.value.0 == version.value.1);
                    last = version.number;
                }
            }
        })
        .await;
        let client = world.client().await;
        client.sync().await.unwrap();
        let configuration = Configuration::<(u64, u64)>::new(&client, "/c");
        let followed = configuration.follow().await.unwrap();
        let last = configuration.get().await.unwrap().number;
        assert!(last >= 16 && followed.current().number == last);
    });
}
