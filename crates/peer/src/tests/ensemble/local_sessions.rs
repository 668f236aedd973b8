//! Sessions that only their server knows.

use super::script::check_with;
use super::world::Setup;
use crate::LocalSessions;
use expect_test::expect;

/// Sessions stay local.
const LOCAL: Setup = Setup {
    voters: 3,
    observers: 1,
    peer: |peer| peer.ensemble.local_sessions = LocalSessions::On { upgrading: false },
    zab: |_| {},
};

/// Sessions become the ensemble's with their first ephemeral.
const UPGRADING: Setup = Setup {
    peer: |peer| peer.ensemble.local_sessions = LocalSessions::On { upgrading: true },
    ..LOCAL
};

/// Its writes do.
#[test]
fn local_session_costs_no_transaction() {
    check_with(
        LOCAL,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            c1 exists /a
                c1 #1 0x0 NoNode
            c1 create /a
                c1 #2 0x100000001 /a
            c3 setData /a
                c3 #1 0x100000002 100000001/100000002/100000001 v1.0.0 0+0
            c1 sync /
                c1 #3 0x100000002 /
            local 1
                c1 in 7990
            local 3
                c3 in 7990
            sessions 3
                none
            c1 close
                c1 #4 0x100000002 ok
                c1 closed
            c3 close
                c3 #2 0x100000002 ok
                c3 closed
            local 1
                none
            c4 open 4
                c4 connected for 6000 ms
            c4 getData /a
                c4 #1 0x100000002 Some("") 100000001/100000002/100000001 v1.0.0 0+0
        "#]],
    );
}

#[test]
fn local_session_lives_on_its_server_only() {
    check_with(
        LOCAL,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c2 renew c1 2
                c2 expired
            c3 renew c1 3
                c3 expired
            c4 renew c1 1 9000
                c1 closed
                c4 connected for 9000 ms
            c4 create /a
                c4 #1 0x100000001 /a
            c5 renew c1 1 9000 forged
                c5 expired
        "#]],
    );
}

#[test]
fn local_session_expires_on_its_server() {
    check_with(
        LOCAL,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c2 open 1
                c2 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            c2 lively
            pass 8000
                c1 closed
                c3 closed
            c2 exists /
                c2 #1 0x0 0/0/0 v0.-1.0 0+1
            c4 renew c1 1
                c4 expired
            c2 drop
            c5 renew c2 1
                c5 connected for 6000 ms
            pass 9000
                c5 closed
            local 1
                none
            local 3
                none
        "#]],
    );
}

#[test]
fn local_session_has_no_ephemerals() {
    check_with(
        LOCAL,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            c1 create /a eph
                c1 #1 0x0 EphemeralOnLocalSession
            c3 create /a eph
                c3 #1 0x100000001 EphemeralOnLocalSession
            c1 create2 /a ephseq
                c1 #2 0x100000001 EphemeralOnLocalSession
            c1 multi create /b; create /a eph; create /c
                c1 #3 0x100000002 [ok; EphemeralOnLocalSession; RuntimeInconsistency]
            c3 multi create /b; create /a eph; create /c
                c3 #2 0x100000003 [ok; EphemeralOnLocalSession; RuntimeInconsistency]
            c1 create /b
                c1 #4 0x100000004 /b
            hold 1 3
            c1 create /c
            c1 create /d eph
            c1 exists /d
            free 1 3
                c1 #5 0x100000005 /c
                c1 #6 0x100000005 EphemeralOnLocalSession
                c1 #7 0x100000005 NoNode
        "#]],
    );
}

#[test]
fn end_of_a_local_session_comes_behind_what_it_has_asked() {
    check_with(
        LOCAL,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            stall 1
            stall 2
            c1 create /a
            c1 close
            c1 exists /a
            c3 create /b
            c3 close
            c3 create /c
            unstall 1
                c1 #1 0x100000001 /a
                c1 #2 0x100000001 ok
                c1 closed
                c3 #1 0x100000002 /b
                c3 #2 0x100000002 ok
                c3 closed
            unstall 2
            c2 renew c1 1
                c2 expired
        "#]],
    );
}

/// In Apache it does not.
#[test]
fn local_session_outlives_its_leader() {
    check_with(
        LOCAL,
        expect![[r#"
            c1 open 1 6000
                c1 connected for 6000 ms
            pass 5000
            crash 3
                server 4 looks for a leader: link down
                server 1 looks for a leader: link down
                c1 closed
                server 2 looks for a leader: link down
                server 2 serves, 2 leads epoch 2
                server 1 serves, 2 leads epoch 2
            pass 500
                server 4 serves, 2 leads epoch 2
            local 1
                c1 in 6480
            c2 renew c1 1
                c2 connected for 6000 ms
            c2 create /a
                c2 #1 0x200000001 /a
        "#]],
    );
}

#[test]
fn first_ephemeral_makes_a_session_known_to_all() {
    check_with(
        UPGRADING,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            c4 open 4
                c4 connected for 6000 ms
            c1 create /a eph
                c1 #1 0x100000002 /a
            c3 create /b
                c3 #1 0x100000003 /b
            c3 create2 /c ephseq
                c3 #2 0x100000005 /c0000000002 100000005/100000005/100000005 v0.0.0 0+0
            c4 multi create /d; create2 /e eph
                c4 #1 0x100000007 [Create /d; Create2 /e 100000007/100000007/100000007 v0.0.0 0+0]
            sessions 3
                c1 c3 c4 in 7990
            local 1
                none
            local 3
                none
            local 4
                none
            c1 create /f eph
                c1 #2 0x100000008 /f
            c5 renew c1 2
                c5 connected for 6000 ms
            c6 renew c4 1
                c6 connected for 6000 ms
            c5 close
                c1 closed
                c5 #1 0x100000009 ok
                c5 closed
            c6 exists /a
                c6 #1 0x100000009 NoNode
        "#]],
    );
}

/// ZOOKEEPER-3471.
#[test]
fn session_that_is_becoming_known_ends_as_one_that_is() {
    check_with(
        UPGRADING,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            hold 1 3
            c1 create /a eph
            c1 create /b eph
            c1 close
            c1 create /c
            free 1 3
                c1 #1 0x100000002 /a
                c1 #2 0x100000003 /b
                c1 #3 0x100000004 ok
                c1 closed
            c3 exists /a
                c3 #1 0x100000005 NoNode
            sessions 3
                none
            local 1
                none
            c2 renew c1 1
                c2 expired
        "#]],
    );
}

/// Its leader watches over it from the moment that it decides.
#[test]
fn session_that_is_becoming_known_does_not_expire_here() {
    check_with(
        UPGRADING,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            hold 1 3
            c1 create /a eph
            pass 9000
            free 1 3
                c1 #1 0x100000002 /a
            local 1
                none
            sessions 3
                c1 in 6990
            pass 9000
                c1 closed
            c2 open 2
                c2 connected for 6000 ms
            c2 exists /a
                c2 #1 0x100000003 NoNode
        "#]],
    );
}

#[test]
fn session_that_was_becoming_known_at_a_leader_change_stays_local() {
    check_with(
        UPGRADING,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            hold 1 3
            c1 create /a eph
            crash 3
                server 4 looks for a leader: link down
                server 2 looks for a leader: link down
            free 1 3
                c1 #1 unanswered
                server 1 looks for a leader: link down
                c1 closed
                server 2 serves, 2 leads epoch 2
                server 1 serves, 2 leads epoch 2
            pass 1000
                server 4 serves, 2 leads epoch 2
            local 1
                c1 in 6980
            c2 renew c1 1
                c2 connected for 6000 ms
            c2 create /b eph
                c2 #1 0x200000002 /b
            sessions 2
                c1 in 6980
            local 1
                none
        "#]],
    );
}

#[test]
fn session_that_became_known_to_a_quorum_is_no_longer_local() {
    check_with(
        UPGRADING,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            stall 1
            stall 2
            c1 create /a eph
            crash 3
                server 4 looks for a leader: link down
                c1 #1 unanswered
                server 1 looks for a leader: link down
                c1 closed
                server 2 looks for a leader: link down
            unstall 1
            unstall 2
                server 2 serves, 2 leads epoch 2
                server 1 serves, 2 leads epoch 2
            pass 100
            local 1
                none
            sessions 2
                c1 in 7880
            c2 renew c1 1
                c2 connected for 6000 ms
            c3 renew c1 2
                c3 connected for 6000 ms
            c3 exists /a
                c3 #1 0x100000002 100000002/100000002/100000002 v0.0.0 0+0
        "#]],
    );
}

#[test]
fn leader_that_has_no_zxid_makes_the_session_known_later() {
    check_with(
        Setup { zab: |zab| zab.outstanding_max = 2, ..UPGRADING },
        expect![[r#"
            c1 open 3
                c1 connected for 6000 ms
            c2 open 3
                c2 connected for 6000 ms
            stall 1
            stall 2
            stall 4
            c1 create /a
            c2 create /b eph
            c2 create /c eph
            c2 close
            unstall 1
                c1 #1 0x100000001 /a
                c2 #1 0x100000003 /b
                c2 #2 0x100000004 /c
                c2 #3 0x100000005 ok
                c2 closed
            sessions 3
                none
            local 3
                c1 in 7990
        "#]],
    );
}

/// It was on its way when the session expired. In Apache it is done.
#[test]
fn request_of_a_session_that_has_expired_is_not_taken_for_a_local_ones() {
    check_with(
        UPGRADING,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c2 open 2
                c2 connected for 6000 ms
            c1 create /lock eph
                c1 #1 0x100000002 /lock
            hold 1 3
            c2 lively
            pass 9000
            c2 exists /lock
                c2 #1 0x100000003 NoNode
            c1 setData / data=late
            free 1 3
                c1 closed
            c2 getData /
                c2 #2 0x100000004 Some("") 0/0/100000003 v0.1.0 0+1
        "#]],
    );
}

#[test]
fn end_of_a_local_session_waits_for_what_waits_for_a_zxid() {
    check_with(
        Setup { zab: |zab| zab.outstanding_max = 2, ..LOCAL },
        expect![[r#"
            c1 open 3
                c1 connected for 6000 ms
            c2 open 3
                c2 connected for 6000 ms
            stall 1
            stall 2
            c1 create /x
            c1 create /y
            c2 create /a
            c2 close
            c2 create /b
            c1 exists /x
            unstall 1
                c1 #1 0x100000001 /x
                c1 #2 0x100000002 /y
                c2 #1 0x100000003 /a
                c2 #2 0x100000003 ok
                c2 closed
                c1 #3 0x100000003 100000001/100000001/100000001 v0.0.0 0+0
            unstall 2
            local 3
                c1 in 7990
        "#]],
    );
}
