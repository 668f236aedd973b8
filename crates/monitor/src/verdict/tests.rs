use super::*;
use crate::target::Target;
use crate::word::{AskError, Word};
use std::time::Instant;

fn target(port: u16) -> Target {
    Target { host: "zoo".to_owned(), port }
}

fn server(port: u16, mode: &str, zxid: u64, mntr: &str) -> Facts {
    let srvr = format!(
        "Zookeeper version: 3.9.5-293c895a8d96, built on x\nMode: {mode}\nZxid: {zxid:#x}\n"
    );
    Facts::from_answers(&target(port), &srvr, mntr, "", Instant::now())
}

fn missing(port: u16, error: AskError) -> Facts {
    Facts::from_failure(&target(port), error, Instant::now())
}

fn refused_connection() -> AskError {
    AskError::Connect(std::io::ErrorKind::ConnectionRefused.into())
}

const THREE: &str = "zk_quorum_size\t3\nzk_synced_followers\t2\n";

/// Judges, and expects this health and a finding with each of these texts.
fn check(servers: &[Facts], health: Health, expected: &[&str]) {
    let verdict = judge(servers);
    assert_eq!(verdict.health, health, "{verdict:#?}");
    for text in expected {
        assert!(verdict.findings.iter().any(|it| it.what.contains(text)), "{text}: {verdict:#?}");
    }
    assert_eq!(verdict.findings.len(), expected.len(), "{verdict:#?}");
}

#[test]
fn whole_ensemble_is_healthy() {
    let leader = server(1, "leader", 0x1_0000_0005, THREE);
    let followers = [2, 3].map(|port| server(port, "follower", 0x1_0000_0005, ""));
    check(&[&[leader][..], &followers].concat(), Health::Healthy, &[]);
    check(&[server(1, "standalone", 5, "")], Health::Healthy, &[]);
}

#[test]
fn ensemble_that_has_lost_a_server_is_degraded() {
    let leader = server(1, "leader", 5, "zk_quorum_size\t3\nzk_synced_followers\t1\n");
    let servers = [leader, server(2, "follower", 5, ""), missing(3, refused_connection())];
    check(
        &servers,
        Health::Degraded,
        &["zoo:3: cannot connect: connection refused", "2 of 3 voting servers"],
    );
}

#[test]
fn ensemble_without_a_quorum_is_down() {
    let servers = [
        missing(1, AskError::NotServing),
        missing(2, refused_connection()),
        server(3, "read-only", 5, ""),
    ];
    let expected = ["zoo:1 runs and does not serve", "zoo:2: ", "zoo:3 is read-only"];
    let verdict = judge(&servers);
    assert_eq!(verdict.health, Health::Down);
    for text in expected {
        assert!(verdict.findings.iter().any(|it| it.what.starts_with(text)), "{verdict:#?}");
    }
    assert_eq!(judge(&[]).health, Health::Down);
}

#[test]
fn servers_that_fall_behind_or_run_out_are_named() {
    let leader = server(1, "leader", 0x1_0000_0000 + LAG_MAX + 10, THREE);
    let slow = server(2, "follower", 0x1_0000_0000, "zk_outstanding_requests\t1000\n");
    let full = "zk_open_file_descriptor_count\t900\nzk_max_file_descriptor_count\t1000\n";
    let full = server(3, "follower", 0x1_0000_0000 + LAG_MAX, full);
    check(
        &[leader, slow, full],
        Health::Degraded,
        &["zoo:2 is 5010 transactions behind", "zoo:2 has 1000 requests", "900 of 1000 files"],
    );
}

#[test]
fn servers_that_do_not_belong_together_are_told() {
    check(
        &[server(1, "leader", 5, THREE), server(2, "leader", 5, THREE)],
        Health::Degraded,
        &["zoo:1 and zoo:2 say that they lead"],
    );
    check(
        &[server(1, "standalone", 5, ""), server(2, "standalone", 5, "")],
        Health::Degraded,
        &["zoo:1, zoo:2 is a standalone server"],
    );
}

#[test]
fn what_is_only_worth_knowing_does_not_degrade() {
    let mut shy = server(2, "follower", 5, "");
    shy.refused = vec![Word::Mntr, Word::Conf];
    shy.srvr.version = Some("3.8.0".to_owned());
    check(
        &[server(1, "leader", 5, THREE), shy],
        Health::Healthy,
        &["mntr and conf refused", "different versions: 3.8.0, 3.9.5"],
    );
    check(&[server(2, "follower", 5, "")], Health::Healthy, &["none of those asked"]);
}
