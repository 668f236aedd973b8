//! Members, dynamic files and `myid`.

use super::*;
use crate::config::membership::{QuorumRule, Role, ServerId};
use crate::disk::rig::Rig;
use expect_test::expect;
use std::time::Duration;
use zoarium_proto::Zxid;

const LIMITS: &str = "tickTime=2000\ndataDir=/d\ninitLimit=10\nsyncLimit=5\n";
const THREE: &str = "server.1=a:2888:3888;2181\nserver.2=b:2888:3888;2181\n\
                     server.3=c:2888:3888:observer;2181\n";

/// A member with id 1 of an ensemble given by these lines.
fn member(lines: &str) -> World {
    World::zoo_cfg(format!("{LIMITS}{lines}")).file("/d/myid", "1\n")
}

#[test]
fn a_member_takes_its_role_limits_and_client_port_from_its_line() {
    let world = member(THREE);
    check_messages(
        &world,
        expect![[r"
            Warn: zoo.cfg: no server failure will be tolerated; that needs at least 3 participants
        "]],
    );
    let config = world.config();
    assert_eq!((config.client_port.host, config.client_port.port), (None, 2181));
    assert!(!config.znodes.extended_types);
    let ensemble = config.ensemble.unwrap();
    assert_eq!((ensemble.my_id, ensemble.role), (ServerId(1), Role::Participant));
    assert_eq!(ensemble.init_limit, Duration::from_secs(20));
    assert_eq!(ensemble.election.handshake_timeout, Duration::from_secs(10));
    expect![[r"
        server.1=a:2888:3888:participant;0.0.0.0:2181
        server.2=b:2888:3888:participant;0.0.0.0:2181
        server.3=c:2888:3888:observer;0.0.0.0:2181
        version=0"]]
    .assert_eq(&ensemble.membership.to_string());
    let observer = world.file("/d/myid", "3").config().ensemble.unwrap();
    assert_eq!(observer.role, Role::Observer);
}

#[test]
fn one_participant_runs_standalone_unless_that_is_switched_off() {
    let lines = "server.1=a:2888:3888;127.0.0.1:2181\n";
    let world = member(lines);
    assert_eq!(world.config().ensemble, None);
    check_messages(
        &world,
        expect![[r"
        Info: zoo.cfg: only one participant, so this server runs standalone
    "]],
    );
    // The line is this server's own with or without myid.
    let config = World::zoo_cfg(format!("dataDir=/d\n{lines}")).config();
    assert_eq!(config.client_port.host.as_deref(), Some("127.0.0.1"));
    let world = member(&format!("{lines}standaloneEnabled=false\n"));
    assert!(world.config().ensemble.is_some());
}

#[test]
fn the_client_port_in_file_and_line_must_agree() {
    let line = "server.2=b:1:2;2181\n";
    for (lines, agree) in [
        ("clientPort=2181\nserver.1=a:1:2;10.0.0.1:2181\n", true),
        ("clientPort=2182\nserver.1=a:1:2;2181\n", false),
        ("clientPort=2181\nclientPortAddress=10.0.0.1\nserver.1=a:1:2;10.0.0.1:2181\n", true),
        ("clientPort=2181\nclientPortAddress=10.0.0.1\nserver.1=a:1:2;10.0.0.2:2181\n", false),
        ("clientPort=2181\nclientPortAddress=10.0.0.1\nserver.1=a:1:2;2181\n", false),
        ("clientPort=2181\nclientPortAddress=localhost\nserver.1=a:1:2;127.0.0.1:2181\n", true),
        ("clientPort=2181\nserver.1=a:1:2\n", true),
    ] {
        let world = member(&format!("{lines}{line}"));
        assert_eq!(world.load().is_ok(), agree, "{lines}");
    }
    check_messages(
        &member("clientPort=2182\nserver.1=a:1:2;2181\nserver.2=b:1:2;2181\n"),
        expect![[r"
            error: zoo.cfg:5: clientPort=2182: contradicts 0.0.0.0:2181 in this server's own server.N line: where both name a client port, they must be equal
            Warn: zoo.cfg: no server failure will be tolerated; that needs at least 3 participants
        "]],
    );
}

#[test]
fn an_ensemble_needs_limits_and_to_know_itself() {
    check_messages(
        &World::zoo_cfg(format!("dataDir=/d\nsyncLimit=0\nclientPort=1\n{THREE}")),
        expect![[r"
            error: /d/myid: missing; the ensemble's members each need this file with their server id
            error: zoo.cfg: initLimit is not set; it is required in an ensemble
            error: zoo.cfg: syncLimit is not set; it is required in an ensemble
            Warn: zoo.cfg: no server failure will be tolerated; that needs at least 3 participants
        "]],
    );
    check_messages(
        &member(&format!("clientPort=1\n{THREE}")).file("/d/myid", "9"),
        expect![[r"
            error: zoo.cfg: there is no line server.9 for this server, whose myid is 9
            Warn: zoo.cfg: no server failure will be tolerated; that needs at least 3 participants
        "]],
    );
    check_messages(
        &member(&format!("clientPort=1\n{THREE}")).file("/d/myid", "one\n2"),
        expect![[r#"
            error: /d/myid: "one" is no server id; allowed: one line, 0 to 9223372036854775807
            Warn: zoo.cfg: no server failure will be tolerated; that needs at least 3 participants
        "#]],
    );
}

#[test]
fn sets_of_members_that_cannot_work_are_refused() {
    for (lines, message) in [
        (
            "server.1=a:1:2:observer\n",
            "zoo.cfg: observers need at least 2 participants, or 1 with standaloneEnabled=false",
        ),
        (
            "server.1=a:1:2\nserver.2=a:1:2:observer\n",
            "zoo.cfg: observers need at least 2 participants, or 1 with standaloneEnabled=false",
        ),
        (
            "standaloneEnabled=false\n",
            "zoo.cfg: there are no participants; with standaloneEnabled=false there must be one at \
             least",
        ),
        (
            "server.1=a:1:2;2;3\nserver.2=b:1:2\n",
            "zoo.cfg:6: server.1=a:1:2;2;3: not supported by this server: there is no TLS here; \
             use a proxy that speaks TLS, or remove the key",
        ),
    ] {
        let errors = member(&format!("clientPort=2\n{lines}")).load().unwrap_err();
        assert_eq!(errors.to_string(), message);
    }
}

#[test]
fn an_even_number_of_participants_is_a_warning() {
    let lines: String = (1..=4).map(|id| format!("server.{id}=h{id}:1:2\n")).collect();
    check_messages(
        &member(&format!("clientPort=1\npeerType=observer\n{lines}")),
        expect![[r"
            Warn: zoo.cfg: 4 participants tolerate no more failures than 3
            Warn: zoo.cfg:6: peerType=observer: the server list says otherwise, and counts
        "]],
    );
}

#[test]
fn members_of_a_dynamic_file_have_the_version_of_its_name() {
    let world = member("reconfigEnabled=true\ndynamicConfigFile=/c/zoo.cfg.dynamic.1000002a\n")
        .file("/c/zoo.cfg.dynamic.1000002a", "server.1=a:1:2;3\nserver.2=b:1:2;3")
        .file("zoo.cfg.dynamic.next", "server.1=a:1:2;3\nversion=1000002b\n");
    let ensemble = world.config().ensemble.unwrap();
    assert_eq!(ensemble.membership.version, Zxid(0x1000_002a));
    assert_eq!(ensemble.dynamic_file.as_deref(), Some(Path::new("/c/zoo.cfg.dynamic.1000002a")));
    expect![[r"
        server.1=a:1:2:participant;0.0.0.0:3
        server.2=b:1:2:participant;0.0.0.0:3"]]
    .assert_eq(&ensemble.membership.dynamic_file(false));
    expect![[r"
        server.1=a:1:2:participant;0.0.0.0:3
        version=1000002b"]]
    .assert_eq(&ensemble.proposed.unwrap().dynamic_file(true));
}

/// Its proposal may be lost here, and a leader that put it in force be the only one to know of it.
#[test]
fn membership_that_only_a_file_knows_is_dialled_and_not_agreed_on() {
    let config = member("reconfigEnabled=true\ndynamicConfigFile=/c/zoo.cfg.dynamic.1000002a\n")
        .file("/c/zoo.cfg.dynamic.1000002a", "server.1=a:1:2;3\nserver.2=b:1:2;3")
        .file("zoo.cfg.dynamic.next", "server.1=a:1:2;3\nversion=1000002b\n")
        .config();
    let ensemble = config.ensemble.as_ref().unwrap();
    let (_, zab) = crate::member::agreement(&config, ensemble, Rig::new().recovered());
    assert_eq!(zab.membership().version, Zxid(0x1000_002a));
    assert_eq!(zab.proposed_membership(), None);
    assert!(ensemble.proposed.is_some(), "links follow it");
}

#[test]
fn members_stand_in_one_file_and_nothing_else_in_the_dynamic_one() {
    check_messages(
        &member("clientPort=1\ndynamicConfigFile=dyn\nserver.1=a:1:2\n")
            .file("dyn", "server.1=a:1:2\nserver.2=b:1:2\nversion=5\ntickTime=1\n"),
        expect![[r"
            error: dyn:3: version=5: allowed in a dynamic file: server.N, group.N, weight.N
            error: dyn:4: tickTime=1: allowed in a dynamic file: server.N, group.N, weight.N
            error: zoo.cfg:7: server.1=a:1:2: must be in the dynamic file, because dynamicConfigFile is set
            Warn: dyn: no server failure will be tolerated; that needs at least 3 participants
        "]],
    );
    check_messages(
        &member("clientPort=1\ndynamicConfigFile=gone\n"),
        expect![[r"
            error: gone: cannot be read: entity not found
        "]],
    );
}

#[test]
fn several_addresses_are_allowed_by_file_or_property() {
    let lines = "clientPort=1\nserver.1=b:1:2|a:3:4\nserver.2=c:1:2\n";
    check_messages(
        &member(lines),
        expect![[r"
            error: zoo.cfg:6: server.1=b:1:2|a:3:4: several addresses need multiAddress.enabled=true
            Info: zoo.cfg: only one participant, so this server runs standalone
        "]],
    );
    for world in [
        member(&format!("{lines}multiAddress.enabled=true\n")),
        member(lines).define("zookeeper.multiAddress.enabled=true"),
    ] {
        let ensemble = world.config().ensemble.unwrap();
        assert!(ensemble.multi_address);
        let own = &ensemble.membership.members[&ServerId(1)];
        assert_eq!(own.to_string(), "a:3:4|b:1:2:participant");
    }
}

#[test]
fn groups_and_weights_make_a_hierarchical_quorum() {
    let servers: String = (1..=3).map(|id| format!("server.{id}=h{id}:1:2\n")).collect();
    let start = format!("clientPort=1\n{servers}");
    let membership =
        |lines: &str| member(&format!("{start}{lines}")).config().ensemble.unwrap().membership;
    let grouped = membership("group.1=1:2\ngroup.2=3\nweight.3=0\n");
    expect![[r"
        server.1=h1:1:2:participant
        server.2=h2:1:2:participant
        server.3=h3:1:2:participant
        group.1=1:2
        group.2=3
        weight.1=1
        weight.2=1
        weight.3=0
        version=0"]]
    .assert_eq(&grouped.to_string());
    assert_eq!(membership("").quorum, QuorumRule::Majority);
    for (lines, message) in [
        ("group.1=1:2\n", "zoo.cfg: server 3 is a participant and in no group"),
        (
            "group.1=1:2:3:4\n",
            "zoo.cfg: server 4 has no server line, or is an observer, and cannot vote",
        ),
        ("group.1=1:2:3\ngroup.2=3\n", "zoo.cfg:10: group.2=3: server 3 is in more than one group"),
        ("weight.1=1\n", "zoo.cfg: server 1 is a participant and in no group"),
        (
            "groups.1=1\n",
            "zoo.cfg:9: groups.1=1: not a key for members; allowed: server.N, group.N, weight.N",
        ),
        (
            "group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0\n",
            "zoo.cfg: all weights are 0, so there is no quorum",
        ),
    ] {
        let errors = member(&format!("{start}{lines}")).load().unwrap_err();
        assert_eq!(errors.to_string(), message);
    }
}

#[test]
fn a_large_server_id_is_a_warning() {
    check_messages(
        &member("clientPort=1\nserver.256=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n")
            .file("/d/myid", "256"),
        expect![[r"
            Warn: /d/myid: server id 256 is above 255; session ids keep only its last 8 bits
        "]],
    );
}

#[test]
fn settings_of_ensembles_that_nothing_acts_on_are_reported() {
    check_messages(
        &member(&format!(
            "{THREE}server.4=d:2888:3888;2181\nobserverMasterPort=2191\nsyncEnabled=false\n\
             connectToLearnerMasterLimit=5\nleader.maxConcurrentDiffSyncs=1\n\
             multiAddress.reachabilityCheckEnabled=false\n"
        )),
        expect![[r#"
            Info: zoo.cfg:9: observerMasterPort=2191: accepted without effect: observers follow the leader, and followers take none
            Info: zoo.cfg:10: syncEnabled=false: accepted without effect: observers always write the log and snapshots
            Info: zoo.cfg:11: connectToLearnerMasterLimit=5: accepted without effect: all attempts to reach the leader together have initLimit
            Info: zoo.cfg:12: leader.maxConcurrentDiffSyncs=1: accepted without effect: what waits for one learner is bounded, so all of them may be sent a DIFF at the same time
            Info: zoo.cfg:13: multiAddress.reachabilityCheckEnabled=false: accepted without effect: the addresses of a member are tried side by side, each a quarter of a second after the one before, and the first that answers is used
        "#]],
    );
    check_messages(
        &member(&format!("{THREE}oraclePath=/oracle\n")),
        expect![[r"
            error: zoo.cfg:8: oraclePath=/oracle: not supported by this server: there is no oracle here, and without it one server of two does not go on alone; add a third participant, or remove the key
            Warn: zoo.cfg: no server failure will be tolerated; that needs at least 3 participants
        "]],
    );
}
