//! What is there as long as somebody keeps it: znodes, members of groups, services.

use super::work;
use crate::world::{for_seeds, soon};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zoarium_recipes::discovery::{Discovery, Random, RoundRobin, ServiceInstance};
use zoarium_recipes::{Error, GroupMember, PersistentNode, Presence};

/// Looks until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, wait).await.expect(what);
}

#[test]
fn kept_znode_is_there_in_the_end_and_gone_with_its_keeper() {
    for_seeds("kept_znode_is_there_in_the_end_and_gone_with_its_keeper", 8, async |world| {
        let first = Arc::new(Mutex::new(0));
        let kept = Arc::<Mutex<Vec<PersistentNode>>>::default();
        let keep = Arc::clone(&kept);
        work(&world, move |client, dice| {
            let mut number = first.lock().unwrap();
            *number += 1;
            // Two keep the same.
            let (path, data) = (format!("/hosts/{}", *number / 2), number.to_string());
            let kept = Arc::clone(&keep);
            async move {
                let node = PersistentNode::keep(&client, path.as_str(), data);
                for _ in 0..15 {
                    tokio::time::sleep(dice.millis(2000)).await;
                    // Somebody deletes it, now and then.
                    drop(client.delete(path.as_str()).await);
                }
                kept.lock().unwrap().push(node);
            }
        })
        .await;
        let kept = std::mem::take(&mut *kept.lock().unwrap());
        let present = |path: &str| {
            let of = kept.iter().filter(|it| it.path() == path);
            of.filter(|it| matches!(it.presence(), Presence::Present(_))).count()
        };
        until("each is there once", || {
            ["/hosts/0", "/hosts/1", "/hosts/2"].iter().all(|path| present(path) == 1)
        })
        .await;
        world.until("three", |world| world.children("/hosts").len() == 3).await;
        for node in kept {
            soon(node.close()).await.unwrap();
        }
        world.until("none", |world| world.children("/hosts").is_empty()).await;
    });
}

#[test]
fn members_see_each_other_in_the_end() {
    for_seeds("members_see_each_other_in_the_end", 6, async |world| {
        let number = Arc::new(Mutex::new(0));
        let members = Arc::<Mutex<Vec<GroupMember>>>::default();
        let joined = Arc::clone(&members);
        work(&world, move |client, dice| {
            *number.lock().unwrap() += 1;
            let id = number.lock().unwrap().to_string();
            let members = Arc::clone(&joined);
            async move {
                let join = async || loop {
                    match GroupMember::join(&client, "/group", id.as_str(), "").await {
                        // Of a session of one's own that is lost, and not over yet.
                        Err(Error::Taken { .. }) => {
                            tokio::time::sleep(dice.millis(500)).await;
                        }
                        joined => return joined.unwrap(),
                    }
                };
                for round in 0..5_u8 {
                    let mut member = join().await;
                    tokio::time::sleep(dice.millis(3000)).await;
                    assert!(member.members().contains_key(&id));
                    member.describe([round]);
                    if dice.once_in(2) {
                        soon(member.leave()).await.unwrap();
                    }
                }
                let mut member = join().await;
                member.describe("last");
                members.lock().unwrap().push(member);
            }
        })
        .await;
        let members = std::mem::take(&mut *members.lock().unwrap());
        let sees_all = |member: &GroupMember| {
            let seen = member.members();
            seen.len() == members.len() && seen.values().all(|data| data == "last")
        };
        until("all see all", || members.iter().all(sees_all)).await;
    });
}

#[test]
fn services_that_are_there_are_found_in_the_end() {
    for_seeds("services_that_are_there_are_found_in_the_end", 6, async |world| {
        let number = Arc::new(Mutex::new(0));
        let all = Arc::<Mutex<Vec<_>>>::default();
        let registered = Arc::clone(&all);
        work(&world, move |client, dice| {
            *number.lock().unwrap() += 1;
            let id = number.lock().unwrap().to_string();
            let all = Arc::clone(&registered);
            async move {
                let discovery = Discovery::new(&client, "/services");
                let provider = discovery.provider("search", Random);
                let instance = ServiceInstance::new("search", id).address("10.0.0.1");
                let mut registration = loop {
                    match discovery.register(instance.clone()).await {
                        Err(Error::Taken { .. }) => tokio::time::sleep(dice.millis(500)).await,
                        registered => break registered.unwrap(),
                    }
                };
                for port in 1..15 {
                    tokio::time::sleep(dice.millis(2000)).await;
                    registration.update(|instance| instance.port(port));
                    if let Some(picked) = provider.pick() {
                        assert_eq!(picked.address.as_deref(), Some("10.0.0.1"));
                    }
                }
                all.lock().unwrap().push((registration, provider));
            }
        })
        .await;
        let all = std::mem::take(&mut *all.lock().unwrap());
        let ends = |ports: Vec<_>| ports == vec![Some(14); all.len()];
        until("all are found by all", || {
            let known = |it: &zoarium_recipes::discovery::Provider| {
                it.instances().iter().map(|instance| instance.port).collect()
            };
            all.iter().all(|(_, provider)| ends(known(provider)))
        })
        .await;
        let other = Discovery::new(&world.client().await, "/services");
        let other = other.provider("search", RoundRobin::default());
        until("found by another", || other.instances().len() == all.len()).await;
        for (registration, _provider) in all {
            soon(registration.withdraw()).await.unwrap();
        }
        until("none", || other.instances().is_empty() && other.is_current()).await;
    });
}
