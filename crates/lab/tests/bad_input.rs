//! Whoever asks for what there is not, or for what cannot be, is told what can.
#![cfg(test)]

use zoarium_lab::explore::Study;
use zoarium_lab::{Changes, Kind, Scenario};

fn refusal(kind: Kind, settings: &str) -> String {
    kind.play(settings, "run 1ms", &Changes::default()).unwrap_err().to_string()
}

#[test]
fn impossible_settings_name_the_theorem_that_they_break() {
    for (kind, settings, theorem) in [
        (Kind::BasicPaxos, "acceptors=0", "2f + 1 acceptors to survive f crashes"),
        (Kind::BasicPaxos, "prepare-quorum=1", "quorum intersection Q1 + Q2 > N"),
        (Kind::BasicPaxos, "accept-quorum=4", "a quorum must be a set of acceptors"),
        (Kind::FastPaxos, "acceptors=0", "N > 2F"),
        (Kind::FastPaxos, "classic-quorum=2", "N > 2F"),
        (Kind::FastPaxos, "fast-quorum=2", "N > 2E + F"),
        (Kind::FastPaxos, "acceptors=5 fast-quorum=3", "N > 2E + F"),
    ] {
        let error = refusal(kind, settings);
        assert!(error.contains(theorem), "{settings}: {error}");
        assert!(error.contains("anyway=yes"), "{settings}: {error}");
        let anyway = format!("{settings} anyway=yes");
        assert!(kind.play(&anyway, "run 1ms", &Changes::default()).is_ok(), "{anyway}");
    }
}

#[test]
fn settings_that_are_none_say_what_can_be() {
    for (kind, settings, error) in [
        (Kind::ThreePhaseCommit, "mode=skene", "mode=skene: expected simple, skeen, quorum"),
        (Kind::TwoPhaseCommit, "participants=0", "participants=0: expected 1 to 9"),
        (Kind::Zab, "voters=256", "voters=256: expected 1 to 7"),
        (Kind::MultiPaxos, "window=0", "window=0: expected 1 to 1000"),
        (Kind::Zab, "loss=91", "loss=91: expected 0 to 90"),
    ] {
        assert_eq!(refusal(kind, settings), error);
    }
    let error = refusal(Kind::Zab, "voter=3");
    assert!(error.starts_with("no setting voter (did you mean voters?); there are: "), "{error}");
}

#[test]
fn names_that_are_none_suggest_the_nearest() {
    let meant = |error: String| error.split_once("mean ").map(|(_, end)| end.to_owned());
    let scenario = |name| meant(Scenario::find(name).unwrap_err()).unwrap_or_default();
    assert!(scenario("2pc-comit").starts_with("2pc-commit?"));
    assert!(scenario("duel").starts_with("paxos-duel?"));
    assert!(scenario("Zab-Session").starts_with("zab-session?"));
    assert_eq!(scenario("elephant"), "");
    assert!(meant(Kind::find("3pcc").unwrap_err()).unwrap().starts_with("3pc?"));
    assert!(meant(Study::find("paxs").unwrap_err()).unwrap().starts_with("paxos?"));
    assert!(meant(Study::find("zab-fiv").unwrap_err()).unwrap().starts_with("zab-five?"));
}

#[test]
fn scripts_that_cannot_be_read_say_where() {
    for (line, wrong) in [
        ("at 5ms crash p9", "line 3: \"p9\" where a process should be"),
        ("at 5ms explode c", "line 3: \"explode\""),
        ("at noon crash c", "line 3: \"noon\""),
    ] {
        let changes = Changes { faults: line.to_owned(), ..Changes::default() };
        let error = Scenario::find("2pc-commit").unwrap().play(&changes).unwrap_err().to_string();
        assert!(error.contains(wrong), "{line}: {error}");
    }
}
