//! Requests of learners' clients, which their leader decides.

use super::script::{check, check_with};
use super::world::Setup;
use expect_test::expect;

#[test]
fn write_through_any_server_is_answered_by_it() {
    check_with(
        Setup { observers: 1, ..Setup::default() },
        expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 open 2
            c2 connected for 6000 ms
        c3 open 3
            c3 connected for 6000 ms
        c4 open 4
            c4 connected for 6000 ms
        c1 create /a data=1
            c1 #1 0x100000005 /a
        c2 create /a
            c2 #1 0x100000006 NodeExists
        c3 setData /a data=2
            c3 #1 0x100000007 100000005/100000007/100000005 v1.0.0 1+0
        c4 setData /a data=3
            c4 #1 0x100000008 100000005/100000008/100000005 v2.0.0 1+0
        c1 getData /a
            c1 #2 0x100000008 Some("3") 100000005/100000008/100000005 v2.0.0 1+0
        c2 getData /a
            c2 #2 0x100000008 Some("3") 100000005/100000008/100000005 v2.0.0 1+0
        c3 getData /a
            c3 #2 0x100000008 Some("3") 100000005/100000008/100000005 v2.0.0 1+0
        c4 getData /a
            c4 #2 0x100000008 Some("3") 100000005/100000008/100000005 v2.0.0 1+0
    "#]],
    );
}

/// Whatever the leader decides and the learner answers itself.
#[test]
fn replies_of_a_learner_come_in_the_order_of_requests() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        hold 1 3
        c1 create /a data=0
        c1 getData /a
        c1 setData /a data=1
        c1 sync /
        c1 getData /a
        c1 cut create /b
        c1 delete /a v=7
        c1 delete /a
        c1 exists /a
        c1 setData /a data=2
        free 1 3
            c1 #1 0x100000002 /a
            c1 #2 0x100000002 Some("0") 100000002/100000002/100000002 v0.0.0 1+0
            c1 #3 0x100000003 100000002/100000003/100000002 v1.0.0 1+0
            c1 #4 0x100000003 /
            c1 #5 0x100000003 Some("1") 100000002/100000003/100000002 v1.0.0 1+0
            c1 #6 0x100000003 MarshallingError
            c1 #7 0x100000004 BadVersion
            c1 #8 0x100000005 ok
            c1 #9 0x100000005 NoNode
            c1 #10 0x100000006 NoNode
    "#]]);
}

#[test]
fn reads_see_the_state_between_the_writes_around_them() {
    check_with(
        Setup { observers: 1, ..Setup::default() },
        expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 open 2
            c2 connected for 6000 ms
        c4 open 4
            c4 connected for 6000 ms
        c1 create /a data=0
            c1 #1 0x100000004 /a
        hold 3 4
        c4 setData /a data=1
        c4 getData /a
        c4 setData /a data=2
        c4 getData /a
        c2 setData /a data=3
            c2 #1 0x100000005 100000004/100000005/100000004 v1.0.0 1+0
        c4 getData /a
        free 3 4
            c4 #1 0x100000006 100000004/100000006/100000004 v2.0.0 1+0
            c4 #2 0x100000006 Some("1") 100000004/100000006/100000004 v2.0.0 1+0
            c4 #3 0x100000007 100000004/100000007/100000004 v3.0.0 1+0
            c4 #4 0x100000007 Some("2") 100000004/100000007/100000004 v3.0.0 1+0
            c4 #5 0x100000007 Some("2") 100000004/100000007/100000004 v3.0.0 1+0
        c4 getData /a
            c4 #6 0x100000007 Some("2") 100000004/100000007/100000004 v3.0.0 1+0
    "#]],
    );
}

/// Two of a learner's clients, and one of another's, with equal xids.
#[test]
fn connections_of_a_learner_do_not_share_numbers() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 open 1
            c2 connected for 6000 ms
        c3 open 2
            c3 connected for 6000 ms
        hold 1 3
        hold 2 3
        c1 create /a
        c2 create /b
        c3 create /c
        c2 delete /none
        c1 setData /a
        free 2 3
            c3 #1 0x100000004 /c
        free 1 3
            c1 #1 0x100000005 /a
            c2 #1 0x100000006 /b
            c2 #2 0x100000007 NoNode
            c1 #2 0x100000008 100000005/100000008/100000005 v1.0.0 0+0
    "#]]);
}

/// The reply to the first /a finds nobody.
#[test]
fn same_session_and_xid_on_its_next_connection() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        hold 1 3
        c1 create /a
        c1 drop
        c2 renew c1 1
        c2 lively
        free 1 3
            c2 connected for 6000 ms
        c2 create /b
            c2 #1 0x100000003 /b
        c2 create /c
            c2 #2 0x100000004 /c
    "#]]);
}

/// As on the leader itself it takes no zxid, unless it is a multi.
#[test]
fn undecodable_request_through_a_learner_fails_in_its_place() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        hold 1 3
        c1 create /a
        c1 cut create /b
        c1 raw setData 00
        c1 raw multi 00
        c1 multi create /c; create /d acl=null
        c1 create /e
        free 1 3
            c1 #1 0x100000002 /a
            c1 #2 0x100000002 MarshallingError
            c1 #3 0x100000002 MarshallingError
            c1 #4 0x100000003 MarshallingError
            c1 #5 0x100000003 MarshallingError
            c1 #6 0x100000004 /e
        c3 open 3
            c3 connected for 6000 ms
        c3 cut create /b
            c3 #1 0x100000005 MarshallingError
    "#]]);
}

#[test]
fn multi_through_a_learner_tells_what_failed() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c1 create /a
            c1 #1 0x100000002 /a
        c1 multi create /b; check /a v=0; setData /a v=3; delete /b
            c1 #2 0x100000003 [ok; ok; BadVersion; RuntimeInconsistency]
        c1 multi create /b eph; check /a v=0; delete /b
            c1 #3 0x100000004 [Create /b; Check ok; Delete ok]
        c1 multi create /b; create /b/c; getData /a
            c1 #4 0x100000005 MarshallingError
        c1 multi create2 /x eph; container /y; ttl /z for=5000; delete /a
            c1 #5 0x100000006 [Create2 /x 100000006/100000006/100000006 v0.0.0 0+0; Create2 /y 100000006/100000006/100000006 v0.0.0 0+0; Create2 /z 100000006/100000006/100000006 v0.0.0 0+0; Delete ok]
    "#]]);
}

#[test]
fn containers_and_the_like_are_matched_with_their_requests() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c1 container /c
            c1 #1 0x100000002 /c 100000002/100000002/100000002 v0.0.0 0+0
        c1 ttl /t for=5000
            c1 #2 0x100000003 /t 100000003/100000003/100000003 v0.0.0 0+0
        c1 create2 /d seq
            c1 #3 0x100000004 /d0000000002 100000004/100000004/100000004 v0.0.0 0+0
        c1 create /e mode=4
            c1 #4 0x100000005 /e
        c1 setACL /d0000000002
            c1 #5 0x100000006 100000004/100000004/100000004 v0.0.1 0+0
        c1 reconfig
            c1 #6 0x100000007 NoAuth
    "#]]);
}

#[test]
fn sync_waits_for_what_the_leader_has_committed() {
    check_with(
        Setup { observers: 1, ..Setup::default() },
        expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c3 open 3
            c3 connected for 6000 ms
        c4 open 4
            c4 connected for 6000 ms
        hold 1 3
        hold 3 4
        c3 create /a
            c3 #1 0x100000004 /a
        c1 sync /
        c1 exists /a
        c4 sync /a
        c4 exists /a
        free 1 3
            c1 #1 0x100000004 /
            c1 #2 0x100000004 100000004/100000004/100000004 v0.0.0 0+0
        free 3 4
            c4 #1 0x100000004 /a
            c4 #2 0x100000004 100000004/100000004/100000004 v0.0.0 0+0
    "#]],
    );
}

/// And for nothing that is proposed behind it.
#[test]
fn sync_waits_for_what_is_proposed_before_it() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c3 open 3
            c3 connected for 6000 ms
        stall 1
        stall 2
        c3 create /a
        c1 sync /
        c1 exists /a
        c3 sync /
        c3 exists /a
        c3 create /b
        c3 exists /b
        unstall 2
            c3 #1 0x100000003 /a
            c3 #2 0x100000003 /
            c3 #3 0x100000003 100000003/100000003/100000003 v0.0.0 0+0
            c1 #1 0x100000003 /
            c1 #2 0x100000003 100000003/100000003/100000003 v0.0.0 0+0
            c3 #4 0x100000004 /b
            c3 #5 0x100000004 100000004/100000004/100000004 v0.0.0 0+0
        unstall 1
    "#]]);
}

/// What is decided beyond the tree counts for what is decided next.
#[test]
fn slow_driver_answers_in_order() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 open 2
            c2 connected for 6000 ms
        slow 1
        slow 3
        c1 create /a
        c1 create /a
        c1 exists /a
        c2 create /b seq
            c2 #1 0x100000005 /b0000000001
        c2 exists /a
            c2 #2 0x100000005 100000003/100000003/100000003 v0.0.0 0+0
        quick 1
            c1 #1 0x100000003 /a
            c1 #2 0x100000004 NodeExists
            c1 #3 0x100000004 100000003/100000003/100000003 v0.0.0 0+0
        quick 3
        c2 delete /a
            c2 #3 0x100000006 ok
        c1 create /a
            c1 #4 0x100000007 /a
    "#]]);
}

#[test]
fn watches_fire_on_every_server_before_the_reply() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 open 2
            c2 connected for 6000 ms
        c2 exists /a watch
            c2 #1 0x100000002 NoNode
        c1 exists /a watch
            c1 #1 0x100000002 NoNode
        c1 getChildren / watch
            c1 #2 0x100000002 ["zookeeper"]
        c1 create /a
            c1 NodeCreated /a
            c1 NodeChildrenChanged /
            c1 #3 0x100000003 /a
            c2 NodeCreated /a
        c2 create /b
            c2 #2 0x100000004 /b
    "#]]);
}

#[test]
fn learner_with_a_full_disk_takes_no_writes() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        disk full 1
        c1 create /a
            c1 #1 0x100000001 SystemError
        c1 exists /a
            c1 #2 0x100000001 NoNode
        c1 sync /
            c1 #3 0x100000001 /
        c2 open 1
            c2 closed
        c1 close
            c1 #4 0x100000002 ok
            c1 closed
        disk ok 1
        c3 renew c1 1
            c3 expired
        c4 open 1
            c4 connected for 6000 ms
    "#]]);
}

/// It is no write.
#[test]
fn check_by_itself_is_refused_behind_what_is_under_way() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        hold 1 3
        c1 create /a
        c1 check /a v=0
        free 1 3
            c1 #1 0x100000002 /a
            c1 #2 0x100000002 Unimplemented
    "#]]);
}
