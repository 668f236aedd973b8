//! `zoarium lab`: what it prints, what it writes, and how it ends.

use super::{Scratch, zoarium};
use serde_json::Value;

struct Ended {
    code: i32,
    out: String,
    err: String,
}

fn lab(arguments: &[&str]) -> Ended {
    let output = zoarium().arg("lab").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    Ended { code, out: text(output.stdout), err: text(output.stderr) }
}

fn json(arguments: &[&str]) -> Value {
    let ended = lab(arguments);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{arguments:?}");
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn the_list_is_for_people_and_for_programs() {
    let listed = lab(&["list"]);
    let catalogue = json(&["list", "--json"]);
    let protocols = catalogue["protocols"].as_array().unwrap();
    assert_eq!(protocols.len(), 6);
    for protocol in protocols {
        for scenario in protocol["scenarios"].as_array().unwrap() {
            let name = scenario["name"].as_str().unwrap();
            assert!(listed.out.contains(name), "{name}");
        }
    }
}

#[test]
fn a_run_is_told_drawn_and_made_a_page_of() {
    let scratch = Scratch::new("");
    let (svg, html) = (scratch.dir.join("run.svg"), scratch.dir.join("run.html"));
    let (svg, html) = (svg.to_str().unwrap(), html.to_str().unwrap());
    let ended = lab(&["run", "2pc-coordinator-crash", "--svg", svg, "--html", html]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(ended.out.contains("p1  wakes up: Uncertain  → READY, holds locks, blocked"));
    assert!(ended.out.contains("✓ while the coordinator is gone, nobody decides"));
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    let html = std::fs::read_to_string(html).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.contains("<svg "));
    // It stands alone.
    assert!(!html.contains("src=") && !html.contains("href="));
}

#[test]
fn faults_seeds_and_settings_change_what_happens_and_so_what_holds() {
    let ended = lab(&["run", "2pc-commit", "--fault", "at 15ms crash p2", "--seed", "4"]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("✗ all commit (c decides ABORT)"), "{}", ended.out);
    let played = json(&["run", "zab-broadcast", "--seed", "9", "--json"]);
    assert_eq!(played["seed"], 9);
    assert_eq!(played["outcome"]["holds"], true);
}

#[test]
fn a_speed_takes_its_time() {
    let began = std::time::Instant::now();
    let ended = lab(&["run", "2pc-commit", "--speed", "0.5"]);
    assert_eq!(ended.code, 0);
    assert!(began.elapsed() >= std::time::Duration::from_millis(92), "46 ms at half speed");
}

#[test]
fn an_exploration_finds_what_theory_says_and_how_to_see_it_again() {
    let ended = lab(&["explore", "paxos-shared-ballots", "--seeds", "20"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let replay =
        ended.out.lines().find_map(|line| line.trim().strip_prefix("replay: zoarium lab "));
    let again = lab(&replay.unwrap().split(' ').collect::<Vec<_>>());
    assert!(again.out.contains("one value is chosen breaks with 1 of them"), "{}", again.out);
    assert!(again.out.contains("VIOLATION of one value is chosen"));
}

#[test]
fn an_exhaustive_search_shows_a_shortest_way() {
    let set = "proposers=2 learners=0 retry=backoff flaw=shared-ballots";
    let found = lab(&["explore", "paxos", "--exhaustive", "--set", set]);
    assert_eq!(found.code, 1);
    assert!(found.out.contains("one value is chosen breaks after 14 steps, and not after fewer"));
    let none = lab(&["explore", "2pc", "--exhaustive", "--set", "participants=2"]);
    assert_eq!(none.code, 0);
    assert!(none.out.starts_with("all ") && none.out.contains("no rule breaks in any of them"));
}

#[test]
fn what_makes_no_sense_ends_with_two_and_says_what_would() {
    for (arguments, says) in [
        (&["run", "2pc-comit"][..], "did you mean 2pc-commit?"),
        (&["list", "paxox"], "did you mean paxos?"),
        (&["explore", "zab-fiv"], "did you mean zab-five?"),
        (&["run", "paxos-duel", "--set", "acceptors=0"], "2f + 1 acceptors"),
        (&["run", "fast-paxos-collision", "--set", "fast-quorum=2"], "N > 2E + F"),
        (&["run", "2pc-commit", "--fault", "at 5ms crash p9"], "\"p9\" where a process should be"),
        (&["run", "2pc-commit", "--speed", "0"], "expected a number above 0"),
        (&["compare", "-n", "2"], "expected 3 to 7"),
        (&["explore", "2pc", "--svg", "x.svg"], "--svg draws one study: 2pc-faults"),
        (&["explore", "zab", "--exhaustive"], "2pc and paxos can be searched"),
        (&["explore", "2pc", "--seeds", "0"], "0 is not in 1.."),
    ] {
        let ended = lab(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}");
        assert!(ended.err.contains(says), "{arguments:?}: {}", ended.err);
        assert_eq!(ended.out, "", "{arguments:?}");
    }
}
