//! Reads without a leader.

use super::script::check_with;
use super::world::Setup;
use crate::LocalSessions;
use core::time::Duration;
use expect_test::expect;

const READ_ONLY: Setup = Setup {
    voters: 3,
    observers: 0,
    peer: |peer| peer.ensemble.read_only_after = Some(Duration::from_millis(2000)),
    zab: |_| {},
};

/// With local sessions, of which some can be the ensemble's.
const LOCAL: Setup = Setup {
    peer: |peer| {
        peer.ensemble.read_only_after = Some(Duration::from_millis(2000));
        peer.ensemble.local_sessions = LocalSessions::On { upgrading: true };
    },
    ..READ_ONLY
};

#[test]
fn reads_are_answered_while_there_is_no_leader() {
    check_with(
        READ_ONLY,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c1 create /a data=1
                c1 #1 0x100000002 /a
            crash 2
            crash 3
                server 1 looks for a leader: link down
                c1 closed
            c2 open 1 6000 ro
                c2 closed
            pass 2000
                server 1 serves read-only
            c3 open 1
                c3 closed
            c4 open 1 6000 ro
                c4 connected for 6000 ms read-only=true
            c4 getData /a watch
                c4 #1 0x100000002 Some("1") 100000002/100000002/100000002 v0.0.0 1+0
            c4 getData /zookeeper/config
                c4 #2 0x100000002 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nversion=100000000") 0/100000000/0 v-1.0.-1 167+0
            c4 create /b
                c4 #3 0x100000002 NotReadOnly
            c4 multi
                c4 #4 0x100000002 NotReadOnly
            c4 sync /
                c4 #5 0x100000002 NotReadOnly
            c4 check /a
                c4 #6 0x100000002 Unimplemented
            c4 reconfig
                c4 #7 0x100000002 NotReadOnly
            c4 close
                c4 #8 0x100000002 ok
                c4 closed
            c5 open 1 4000 ro
                c5 connected for 4000 ms read-only=true
            c5 lively
            c6 open 1 4000 ro
                c6 connected for 4000 ms read-only=true
            pass 7000
                c6 closed
            c5 exists /a
                c5 #1 0x100000002 100000002/100000002/100000002 v0.0.0 1+0
            start 3
                server 3 looks for a leader: just started
                c5 closed
                server 3 serves, 3 leads epoch 2
                server 1 serves, 3 leads epoch 2
            c5 late getData /a
            pass 1000
            c7 renew c5 1 6000 ro
                c7 expired
            c8 renew c1 1 20000 ro
                c8 connected for 20000 ms read-only=false
        "#]],
    );
}

/// Another server may know whether it lives.
#[test]
fn session_of_the_ensemble_is_not_renewed_without_a_leader() {
    check_with(
        READ_ONLY,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c2 open 1
                c2 connected for 6000 ms
            c2 close
                c2 #1 0x100000003 ok
                c2 closed
            crash 2
            crash 3
                server 1 looks for a leader: link down
                c1 closed
            pass 2000
                server 1 serves read-only
            c3 renew c1 1 6000 ro
                c3 closed
            c4 renew c2 1 6000 ro
                c4 expired
            c5 renew c1 1 6000 ro forged
                c5 expired
            c6 open 1 6000 ro seen=200000000
                c6 closed
            c7 open 1 6000 ro
                c7 connected for 6000 ms read-only=true
            c8 renew c7 1 9000 ro
                c7 closed
                c8 connected for 9000 ms read-only=true
            c8 exists /
                c8 #1 0x100000003 0/0/0 v0.-1.0 0+1
            c9 renew c7 1
                c9 closed
        "#]],
    );
}

#[test]
fn election_that_is_quick_does_not_serve_in_between() {
    check_with(
        READ_ONLY,
        expect![[r#"
            crash 3
                server 1 looks for a leader: link down
                server 2 looks for a leader: link down
                server 2 serves, 2 leads epoch 2
                server 1 serves, 2 leads epoch 2
            pass 5000
            c1 open 1 6000 ro
                c1 connected for 6000 ms read-only=false
        "#]],
    );
}

#[test]
fn leader_that_is_elected_after_a_while_serves_in_full() {
    check_with(
        READ_ONLY,
        expect![[r#"
            c1 open 2
                c1 connected for 6000 ms
            crash 1
            crash 3
                server 2 looks for a leader: link down
                c1 closed
            pass 3000
                server 2 serves read-only
            c2 open 2 6000 ro
                c2 connected for 6000 ms read-only=true
            c2 exists /
                c2 #1 0x100000001 0/0/0 v0.-1.0 0+1
            start 1
                server 1 looks for a leader: just started
                c2 closed
                server 2 serves, 2 leads epoch 2
                server 1 serves, 2 leads epoch 2
            pass 1000
            c3 renew c1 2 6000 ro
                c3 connected for 6000 ms read-only=false
            c3 create /a
                c3 #1 0x200000001 /a
        "#]],
    );
}

/// One of the ensemble does not.
#[test]
fn local_session_lives_on_with_and_without_a_leader() {
    check_with(
        LOCAL,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c2 open 1 6000 ro
                c2 connected for 6000 ms read-only=false
            c2 create /a eph
                c2 #1 0x100000002 /a
            crash 2
            crash 3
                server 1 looks for a leader: link down
                c1 closed
                c2 closed
            pass 2000
                server 1 serves read-only
            c3 renew c1 1 6000 ro
                c3 connected for 6000 ms read-only=true
            c3 exists /a
                c3 #1 0x100000002 100000002/100000002/100000002 v0.0.0 0+0
            c3 create /b eph
                c3 #2 0x100000002 NotReadOnly
            c4 renew c2 1 6000 ro
                c4 closed
            c5 open 1 6000 ro
                c5 connected for 6000 ms read-only=true
            start 2
                server 2 looks for a leader: just started
                c3 closed
                c5 closed
                server 2 serves, 2 leads epoch 2
                server 1 serves, 2 leads epoch 2
            pass 1000
            c6 renew c1 1
                c6 connected for 6000 ms
            c6 create /b eph
                c6 #1 0x200000002 /b
            c7 renew c5 1
                c7 connected for 6000 ms
            c8 renew c2 1
                c8 connected for 6000 ms
            local 1
                c5 in 6680
            sessions 2
                c1 c2 in 6680
        "#]],
    );
}
