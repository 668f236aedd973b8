//! Random clients, servers and networks, and what has to hold all the same.

mod checks;

use crate::world::{Lie, World, seconds};
use checks::Checks;
use std::time::Duration;
use zoarium_process::Input;
use zoarium_session::random::Random;
use zoarium_session::request::{Create, Request, SetData};
use zoarium_session::state::State;
use zoarium_session::{Command, Options};

const PATHS: [&str; 4] = ["/a", "/a/x", "/a/y", "/b"];
const SERVERS: usize = 3;
const SEEDS: u64 = 400;
const ACTIONS: usize = 150;

/// Says how to run a failed seed again.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0;
            eprintln!("replay: SESSION_SEED={seed} cargo test -p zoarium-session random");
        }
    }
}

#[test]
fn what_is_promised_holds_under_faults() {
    let seeds = match std::env::var("SESSION_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().unwrap();
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        let _replay = Replay(seed);
        run(seed);
    }
}

#[test]
fn same_seed_tells_the_same_story() {
    assert_eq!(run(7), run(7));
}

/// Runs a seed; the result is all that was told, as text.
fn run(seed: u64) -> String {
    let mut random = Random::new(seed.into());
    let mut world = World::new(Options::default(), SERVERS, seed.into());
    world.latency_max = Duration::from_millis(1 + random.bits() % 400);
    let mut checks = Checks::default();
    world.step(Input::Start);
    for _ in 0..ACTIONS {
        for _ in 0..random.below(4) {
            ask(&mut world, &mut random, &mut checks);
        }
        disturb(&mut world, &mut random, &mut checks);
        let longest = if random.below(10) == 0 { 8000 } else { 300 };
        let pause = random.below(longest);
        world.run(Duration::from_millis(pause as u64));
        checks.look(&world);
    }
    heal(&mut world, &mut checks);
    checks.finish(&mut world);
    format!("{:?}", world.told)
}

fn ask(world: &mut World, random: &mut Random, checks: &mut Checks) {
    let path = PATHS[random.below(PATHS.len())];
    let watch = random.below(2) == 0;
    let mark = checks.next_mark();
    let request = match random.below(9) {
        0 | 1 => Request::Create(Create::new(path, mark)),
        2 | 3 => {
            let (data, version) = (Some(mark.into()), None);
            Request::SetData(SetData { path: path.into(), data, version })
        }
        4 => Request::Delete { path: path.into(), version: None },
        5 => Request::GetData { path: path.into(), watch },
        6 => Request::Exists { path: path.into(), watch },
        7 => Request::GetChildren { path: path.into(), watch },
        _ => Request::AddWatch { path: path.into(), recursive: watch, outlives_session: false },
    };
    let tag = world.submit(request.clone());
    checks.asked(tag, request);
}

fn disturb(world: &mut World, random: &mut Random, checks: &mut Checks) {
    let path = PATHS[random.below(PATHS.len())];
    let server = random.below(SERVERS);
    match random.below(40) {
        0..8 => world.change(|ensemble| ensemble.other_sets(path)),
        8..12 => world.change(|ensemble| ensemble.other_deletes(path)),
        12..15 => world.cut(),
        15 => world.ensemble.servers[server].down ^= true,
        16 => world.ensemble.servers[server].mute ^= true,
        17 => world.ensemble.kill_sessions(),
        18 => world.ensemble.lie = Some(Lie::WrongXid),
        19 => world.ensemble.lie = Some(Lie::CutShort),
        20 => world.ensemble.lie = Some(Lie::NoReply),
        21 => world.ensemble.lie = Some(Lie::OtherSession),
        22 => world.ensemble.lie = Some(Lie::NoResponse),
        23..26 => {
            checks.look(world);
            let mut live = checks.live();
            if !live.is_empty() {
                let (path, watch) = live.swap_remove(random.below(live.len()));
                checks.unwatched(watch);
                world.command(Command::Unwatch { path, watch });
            }
        }
        _ => {}
    }
}

fn heal(world: &mut World, checks: &mut Checks) {
    for server in &mut world.ensemble.servers {
        (server.down, server.mute) = (false, false);
    }
    world.ensemble.lie = None;
    world.run(seconds(60.0));
    checks.look(world);
    assert!(matches!(world.session.state(), State::Connected(_)), "{:?}", world.session.state());
}
