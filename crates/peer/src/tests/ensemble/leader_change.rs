//! What clients are told when their leader goes, and what goes on.

use super::script::{check, check_with};
use super::world::Setup;
use expect_test::expect;

#[test]
fn new_leader_gives_every_session_its_timeout_in_full() {
    check(expect![[r#"
        c1 open 1 6000
            c1 connected for 6000 ms
        c2 open 2 20000
            c2 connected for 20000 ms
        c1 create /a eph
            c1 #1 0x100000003 /a
        pass 5000
        crash 3
            server 1 looks for a leader: link down
            c1 closed
            server 2 looks for a leader: link down
            c2 closed
            server 2 serves, 2 leads epoch 2
            server 1 serves, 2 leads epoch 2
        pass 1000
        sessions 2
            c1 in 5980, c2 in 19980
        c3 renew c1 1
            c3 connected for 6000 ms
        c3 exists /a
            c3 #1 0x100000003 100000003/100000003/100000003 v0.0.0 0+0
        pass 9000
            c3 closed
        c4 renew c2 2 20000
            c4 connected for 20000 ms
        c4 exists /a
            c4 #1 0x200000001 NoNode
    "#]]);
}

/// Each request once. Handshakes need no word.
#[test]
fn what_is_under_way_is_not_answered() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c3 open 3
            c3 connected for 6000 ms
        c1 create /a
            c1 #1 0x100000003 /a
        stall 1
        stall 2
        c1 create /b
        c1 exists /b
        c1 sync /
        c3 create /c
        c3 exists /c
        c3 sync /
        c3 cut create /d
        c5 open 1
        c6 open 3
        crash 1
        pass 12000
            server 2 looks for a leader: link down
            c3 #1 unanswered
            c3 #2 unanswered
            c3 #3 unanswered
            c3 #4 unanswered
            server 3 looks for a leader: no quorum of learners is heard of
            c3 closed
            c6 closed
    "#]]);
}

#[test]
fn leader_without_a_quorum_turns_its_clients_away() {
    check(expect![[r#"
        c3 open 3
            c3 connected for 6000 ms
        c3 create /a
            c3 #1 0x100000002 /a
        cut 1 3
        cut 2 3
        c3 create /b
        c3 exists /b
        pass 12000
            server 1 looks for a leader: timeout waiting for the leader
            server 2 looks for a leader: timeout waiting for the leader
            server 2 serves, 2 leads epoch 2
            server 1 serves, 2 leads epoch 2
            c3 #2 unanswered
            c3 #3 unanswered
            server 3 looks for a leader: no quorum of learners is heard of
            c3 closed
        c4 open 3
            c4 closed
        heal
            server 3 serves, 2 leads epoch 2
        pass 5000
        c5 renew c3 3
            c5 connected for 6000 ms
        c5 exists /b
            c5 #1 0x100000002 NoNode
    "#]]);
}

/// It follows one that was lost, and must be lost with it.
#[test]
fn request_from_before_a_leader_change_is_not_done_after_it() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        hold 1 3
        c1 create /a
        crash 3
            server 2 looks for a leader: link down
        free 1 3
            c1 #1 unanswered
            server 1 looks for a leader: link down
            c1 closed
            server 2 serves, 2 leads epoch 2
            server 1 serves, 2 leads epoch 2
        pass 1000
        c1 late create /b
        c2 renew c1 1
            c2 connected for 6000 ms
        c2 exists /a
            c2 #1 0x100000001 NoNode
        c2 exists /b
            c2 #2 0x100000001 NoNode
        c1 late getData /
        c3 renew c1 2
            c3 connected for 6000 ms
        c2 create /c
            c2 #3 unanswered
            c2 closed
        c1 late create /c
    "#]]);
}

#[test]
fn what_a_quorum_has_survives_its_leader() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c3 open 3
            c3 connected for 6000 ms
        hold 1 3
        stall 3
        c3 create /a
        crash 3
            server 2 looks for a leader: link down
        free 1 3
            server 1 looks for a leader: link down
            c1 closed
            server 2 serves, 2 leads epoch 2
            server 1 serves, 2 leads epoch 2
        pass 1000
        c2 renew c1 2
            c2 connected for 6000 ms
        c2 exists /a
            c2 #1 0x100000003 100000003/100000003/100000003 v0.0.0 0+0
        start 3
            server 3 looks for a leader: just started
            server 3 serves, 2 leads epoch 2
        pass 1000
        c4 renew c1 3
            c2 closed
            c4 connected for 6000 ms
        c4 exists /a
            c4 #1 0x100000003 100000003/100000003/100000003 v0.0.0 0+0
    "#]]);
}

#[test]
fn follower_that_was_away_is_brought_up_to_date() {
    check(expect![[r#"
        c2 open 2
            c2 connected for 6000 ms
        crash 1
        c2 create /a
            c2 #1 0x100000002 /a
        c2 create /b eph
            c2 #2 0x100000003 /b
        start 1
            server 1 looks for a leader: just started
            server 1 serves, 3 leads epoch 1
        pass 500
        c1 renew c2 1
            c1 connected for 6000 ms
        c1 exists /a
            c1 #1 0x100000003 100000002/100000002/100000002 v0.0.0 0+0
        c1 create /c eph
            c1 #2 0x100000004 /c
        c1 close
            c2 closed
            c1 #3 0x100000005 ok
            c1 closed
    "#]]);
}

#[test]
fn server_with_an_uncommitted_history_forgets_it() {
    check(expect![[r#"
        c3 open 3
            c3 connected for 6000 ms
        c3 lively
        hold 1 3
        hold 2 3
        c3 create /lost
        crash 3
        free 1 3
            server 1 looks for a leader: link down
        free 2 3
            server 2 looks for a leader: link down
            server 2 serves, 2 leads epoch 2
            server 1 serves, 2 leads epoch 2
        pass 1000
        c1 open 1
            c1 connected for 6000 ms
        c1 create /a
            c1 #1 0x200000002 /a
        start 3
            server 3 looks for a leader: just started
            server 3 serves, 2 leads epoch 2
        pass 1000
        c4 open 3
            c4 connected for 6000 ms
        c4 exists /lost
            c4 #1 0x200000003 NoNode
        c4 exists /a
            c4 #2 0x200000003 200000002/200000002/200000002 v0.0.0 0+0
    "#]]);
}

#[test]
fn snapshot_brings_a_server_back() {
    check_with(
        Setup { zab: |zab| zab.force_snapshot_sync = true, ..Setup::default() },
        expect![[r#"
        c3 open 3
            c3 connected for 6000 ms
        c3 lively
        crash 1
        c3 create /a
            c3 #1 0x100000002 /a
        c3 create /b eph
            c3 #2 0x100000003 /b
        start 1
            server 1 looks for a leader: just started
            server 1 serves, 3 leads epoch 1
        pass 500
        c1 open 1
            c1 connected for 6000 ms
        c1 exists /a
            c1 #1 0x100000004 100000002/100000002/100000002 v0.0.0 0+0
        c1 delete /b
            c1 #2 0x100000005 ok
        crash 1
        start 1
            server 1 looks for a leader: just started
            server 1 serves, 3 leads epoch 1
        pass 500
        c2 renew c1 1
            c2 connected for 6000 ms
        c2 exists /b
            c2 #1 0x100000005 NoNode
    "#]],
    );
}

#[test]
fn leader_that_does_not_serve_turns_clients_away() {
    check_with(
        Setup { peer: |peer| peer.leader_serves = false, ..Setup::default() },
        expect![[r#"
        c1 open 3
            c1 closed
        c2 open 2
            c2 connected for 6000 ms
        c2 create /a
            c2 #1 0x100000002 /a
        crash 3
            server 1 looks for a leader: link down
            server 2 looks for a leader: link down
            c2 closed
            server 2 serves, 2 leads epoch 2
            server 1 serves, 2 leads epoch 2
        pass 1000
        c3 open 2
            c3 closed
        c4 open 1
            c4 connected for 6000 ms
        c4 exists /a
            c4 #1 0x200000001 100000002/100000002/100000002 v0.0.0 0+0
        c5 renew c2 1
            c5 connected for 6000 ms
    "#]],
    );
}

#[test]
fn leader_that_has_no_zxid_keeps_everything_in_order() {
    check_with(
        FEW,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c2 open 2
                c2 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            stall 1
            stall 2
            c3 create /a
            c3 create /b
            c3 create /c
            c3 exists /c
            c3 cut create /d
            c3 sync /
            c1 create /e
            c1 sync /
            c1 exists /e
            c2 create /f
            c4 open 3
            c5 open 2
            c6 renew c1 3
                c6 connected for 6000 ms
            c3 close
            unstall 1
                c3 #1 0x100000004 /a
                c3 #2 0x100000005 /b
                c3 #3 0x100000006 /c
                c3 #4 0x100000006 100000006/100000006/100000006 v0.0.0 0+0
                c3 #5 0x100000006 MarshallingError
                c3 #6 0x100000006 /
                c1 #1 unanswered
                c1 closed
                c4 connected for 6000 ms
                c2 #1 0x100000008 /f
                c3 #7 0x10000000b ok
                c3 closed
                c5 connected for 6000 ms
            unstall 2
        "#]],
    );
}

#[test]
fn refusal_for_want_of_room_waits_for_what_waits_for_a_zxid() {
    check_with(
        FEW,
        expect![[r#"
            c3 open 3
                c3 connected for 6000 ms
            c4 open 3
                c4 connected for 6000 ms
            stall 1
            stall 2
            c3 create /a
            c3 create /b
            disk full 3
            c3 sync /
            c3 create /c
            c4 create /d
            unstall 1
                c3 #1 0x100000003 /a
                c4 #1 0x100000003 SystemError
                c3 #2 0x100000004 /b
                c3 #3 0x100000004 /
                c3 #4 0x100000004 SystemError
            unstall 2
        "#]],
    );
}

#[test]
fn backlog_of_a_leader_that_goes_is_not_answered() {
    check_with(
        FEW,
        expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c3 open 3
            c3 connected for 6000 ms
        stall 1
        stall 2
        c3 create /a
        c3 create /b
        c3 create /c
        c3 exists /c
        c3 cut create /d
        c4 open 3
        c1 create /e
        crash 1
        crash 2
        pass 12000
            c3 #1 unanswered
            c3 #2 unanswered
            c3 #3 unanswered
            c3 #4 unanswered
            c3 #5 unanswered
            server 3 looks for a leader: no quorum of learners is heard of
            c3 closed
            c4 closed
    "#]],
    );
}

#[test]
fn session_expires_although_there_is_no_zxid_for_it() {
    check_with(
        FEW,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            stall 1
            stall 2
            c3 create /a
            c3 create /b
            c3 create /c
            pass 8000
            unstall 1
                c3 #1 0x100000003 /a
                c3 #2 0x100000004 /b
                c3 #3 0x100000005 SessionExpired
                c1 closed
                c3 closed
            unstall 2
            sessions 3
                none
        "#]],
    );
}

#[test]
fn leader_whose_disk_stalls_makes_way() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c3 open 3
            c3 connected for 6000 ms
        c1 lively
        c3 lively
        stall 3
        c1 create /a
            c1 #1 0x100000003 /a
        c3 create /b
            c3 #1 0x100000004 /b
        pass 16000
            server 3 looks for a leader: own disk has stalled
            c3 closed
            server 1 looks for a leader: link down
            c1 closed
            server 2 looks for a leader: link down
            server 2 serves, 2 leads epoch 2
            server 1 serves, 2 leads epoch 2
        c2 renew c3 1
            c2 connected for 6000 ms
        c2 create /c
            c2 #1 0x200000001 /c
        unstall 3
            server 3 serves, 2 leads epoch 2
        pass 1000
        c4 renew c3 3
            c4 connected for 6000 ms
        c4 getChildren /
            c4 #1 0x200000001 ["a", "b", "c", "zookeeper"]
    "#]]);
}

/// A leader that has zxids for two proposals at a time.
const FEW: Setup =
    Setup { voters: 3, observers: 0, peer: |_| {}, zab: |zab| zab.outstanding_max = 2 };
