//! Barriers: who passes, and when.

use crate::world::{Dice, TIMEOUT, World, for_seeds, in_world, soon};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zoarium_client::Client;
use zoarium_recipes::{Barrier, DoubleBarrier, Error, Lost};

#[test]
fn nobody_passes_a_barrier_that_is_set() {
    in_world(1, async |world| {
        let barrier = Barrier::new(&world.client().await, "/barrier/a");
        barrier.pass().await.unwrap();
        barrier.set().await.unwrap();
        barrier.set().await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..5 {
            let (client, wire) = world.wired().await;
            let barrier = Barrier::new(&client, "/barrier/a");
            waiting.push((wire, tokio::spawn(async move { barrier.pass().await })));
        }
        // Not by losing its session either.
        waiting[0].0.take_down(TIMEOUT * 3);
        tokio::time::sleep(TIMEOUT * 5).await;
        assert!(waiting.iter().all(|(_, it)| !it.is_finished()));
        // Set again at once: who was waiting passes all the same.
        barrier.lift().await.unwrap();
        barrier.set().await.unwrap();
        for (_, waiting) in waiting {
            soon(waiting).await.unwrap().unwrap();
        }
        barrier.lift().await.unwrap();
        barrier.lift().await.unwrap();
    });
}

/// Where members are, in rounds.
#[derive(Default)]
struct Rounds {
    came: Vec<usize>,
    done: Vec<usize>,
}

const MEMBERS: usize = 4;

async fn go_through(client: Client, dice: Dice, rounds: Arc<Mutex<Rounds>>) -> Result<(), Error> {
    let barrier = DoubleBarrier::new(&client, "/double", MEMBERS);
    for round in 0..15 {
        tokio::time::sleep(dice.millis(50)).await;
        rounds.lock().unwrap().came[round] += 1;
        let inside = barrier.enter().await?;
        assert_eq!(rounds.lock().unwrap().came[round], MEMBERS, "round {round}");
        tokio::time::sleep(dice.millis(50)).await;
        rounds.lock().unwrap().done[round] += 1;
        inside.leave().await?;
        assert_eq!(rounds.lock().unwrap().done[round], MEMBERS, "round {round}");
    }
    Ok(())
}

#[test]
fn members_enter_and_leave_together_round_after_round() {
    for_seeds("members_enter_and_leave_together_round_after_round", 10, async |world: World| {
        let rounds = Rounds { came: vec![0; 15], done: vec![0; 15] };
        let rounds = Arc::new(Mutex::new(rounds));
        let mut members = Vec::new();
        for _ in 0..MEMBERS {
            // Connections break and servers crash, but no session ends.
            let (client, wire) = world.wired_for(TIMEOUT * 60).await;
            wire.break_once_in(Some(50));
            members.push(tokio::spawn(go_through(client, world.dice(), Arc::clone(&rounds))));
        }
        for member in members {
            soon(member).await.unwrap().unwrap();
        }
        world.until("empty", |world| world.children("/double").is_empty()).await;
    });
}

#[test]
fn nobody_waits_for_the_dead() {
    in_world(3, async |world| {
        let ((dying, wire), other) = (world.wired().await, world.client().await);
        let enter = |client: &Client| {
            let barrier = DoubleBarrier::new(client, "/double", 2);
            async move { barrier.enter().await.unwrap() }
        };
        let (dead, alive) = tokio::join!(enter(&dying), enter(&other));
        assert!(dead.token() != alive.token());
        wire.take_down(TIMEOUT * 3);
        let (lost, left) = tokio::join!(dead.lost(), alive.leave());
        assert_eq!(lost, Lost::Session);
        left.unwrap();
        dead.leave().await.unwrap();
        world.until("empty", |world| world.children("/double").is_empty()).await;
        // Another round, with one that gives up before.
        let barrier = DoubleBarrier::new(&other, "/double", 2);
        let short = Duration::from_millis(100);
        assert!(tokio::time::timeout(short, barrier.enter()).await.is_err());
        world.until("empty", |world| world.children("/double").is_empty()).await;
        let (one, two) = tokio::join!(enter(&dying), enter(&other));
        let (one, two) = tokio::join!(one.leave(), two.leave());
        one.and(two).unwrap();
    });
}
