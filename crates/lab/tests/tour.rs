//! docs/lab.md shows what its commands make: `UPDATE_EXPECT=1` makes it anew.
#![cfg(test)]

use expect_test::expect_file;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use zoarium_lab::compare::{compare, conflict_table, conflicts, table};
use zoarium_lab::explore::{Seeds, Study};
use zoarium_lab::{Changes, Scenario, draw};

const TOUR: &str = include_str!("../../../docs/lab.md");

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Commands of the tour that draw: their words, and the file.
fn drawings() -> Vec<(Vec<&'static str>, &'static str)> {
    let commands = TOUR.lines().filter_map(|line| line.strip_prefix("zoarium lab "));
    let drawing = |command: &'static str| {
        let (words, file) = command.split_once(" --svg docs/lab/")?;
        Some((words.split(' ').collect(), file))
    };
    commands.filter_map(drawing).collect()
}

fn drawn(words: &[&str]) -> String {
    match words {
        ["run", name] => {
            let played = Scenario::find(name).unwrap().play(&Changes::default()).unwrap();
            draw::scenario(&played, played.view())
        }
        ["explore", name, "--seeds", count] => {
            let seeds = Seeds { first: 1, count: count.parse().unwrap() };
            let study = Study::find(name).unwrap()[0];
            draw::counterexample(&study.explore("", seeds, &mut |_| ()).unwrap()).unwrap()
        }
        _ => panic!("no command that a test can carry out: {words:?}"),
    }
}

#[test]
fn the_tours_diagrams_are_what_its_commands_draw() {
    for (words, file) in drawings() {
        expect_file![docs().join("lab").join(file)].assert_eq(&drawn(&words));
    }
}

#[test]
fn all_diagrams_of_the_tour_are_shown_and_no_others_are_there() {
    let drawn: BTreeSet<String> = drawings().into_iter().map(|(_, file)| file.to_owned()).collect();
    let shown = |file: &String| TOUR.contains(&format!("](lab/{file})"));
    assert_eq!(drawn.iter().find(|file| !shown(file)), None);
    let there = docs().join("lab").read_dir().unwrap();
    let there: BTreeSet<String> =
        there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, drawn);
}

#[test]
fn the_tours_tables_are_what_is_measured() {
    let tables = [
        ("conflicts", conflict_table(&conflicts().unwrap())),
        ("compare", table(&compare(3).unwrap())),
    ];
    let mut tour = TOUR.to_owned();
    for (name, table) in tables {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let from = tour.find(&begin).unwrap() + begin.len();
        let to = tour.find(&end).unwrap();
        tour.replace_range(from..to, &(table + "\n"));
    }
    expect_file![docs().join("lab.md")].assert_eq(&tour);
}

#[test]
fn the_tour_names_scenarios_that_there_are() {
    let prefixes = ["2pc-", "3pc-", "paxos-", "multi-paxos-", "fast-paxos-", "zab-"];
    for word in TOUR.split('`').skip(1).step_by(2) {
        let is_name = |word: &&str| word.chars().all(|it| it.is_alphanumeric() || it == '-');
        if prefixes.iter().any(|prefix| word.starts_with(prefix)) && is_name(&word) {
            assert!(Scenario::find(word).is_ok() || Study::find(word).is_ok(), "{word}");
        }
    }
}
