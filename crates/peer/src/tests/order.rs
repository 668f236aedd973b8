//! The order of what a connection is told, and what reads see between writes.

use super::script::check;
use expect_test::expect;

#[test]
fn read_between_pipelined_writes_sees_the_state_between_them() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /a data=0
            c1 #1 0x2 /a
        hold
        c1 setData /a data=1
        c1 getData /a
        c1 setData /a data=2
        c1 sync /a
        c1 getData /a
        c1 delete /a
        c1 exists /a
        c1 create /a
        settle
            c1 #2 0x3 2/3/2 v1.0.0 1+0
            c1 #3 0x3 Some("1") 2/3/2 v1.0.0 1+0
            c1 #4 0x4 2/4/2 v2.0.0 1+0
            c1 #5 0x4 /a
            c1 #6 0x4 Some("2") 2/4/2 v2.0.0 1+0
            c1 #7 0x5 ok
            c1 #8 0x5 NoNode
            c1 #9 0x6 /a
    "#]]);
}

#[test]
fn nothing_is_told_before_it_is_durable() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c2 open
            c2 connected for 6000 ms
        hold
        c1 create /a
        c1 getData /a
        c2 create /b
        c1 create /a
        c2 getData /b
        persist 1
            c1 #1 0x3 /a
            c1 #2 0x3 Some("") 3/3/3 v0.0.0 0+0
        persist 1
            c2 #1 0x4 /b
        persist 1
            c1 #3 0x5 NodeExists
            c2 #2 0x5 Some("") 4/4/4 v0.0.0 0+0
    "#]]);
}

#[test]
fn refusals_wait_for_the_writes_before_them() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        hold
        c1 create /a
        c1 cut create /b
        c1 cut getData /a
        c1 create /b
        disk full
        c1 create /c
        disk ok
        c1 create /c
        persist 1
            c1 #1 0x2 /a
            c1 #2 0x2 MarshallingError
            c1 #3 0x2 MarshallingError
        persist 1
            c1 #4 0x3 /b
            c1 #5 0x3 SystemError
        settle
            c1 #6 0x4 /c
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: create /a, 1 of its parent
            0x3 by c1 #4: create /b, 2 of its parent
            0x4 by c1 #6: create /c, 3 of its parent
    "#]]);
}

#[test]
fn answer_of_one_connection_waits_for_another_ones_writes_only_behind_them() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c2 open
            c2 connected for 6000 ms
        c1 getData /none
            c1 #1 0x2 NoNode
        hold
        c2 sync /x
        deliver
            c2 #1 0x2 /x
        c1 create /a
        c2 sync /x
        deliver
        settle
            c1 #2 0x3 /a
            c2 #2 0x3 /x
    "#]]);
}

#[test]
fn decisions_see_what_is_in_flight() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c2 open
            c2 connected for 6000 ms
        hold
        c1 create /a data=0
        c2 create /a
        c2 create /a/b
        c1 delete /a
        c2 setData /a data=1 v=0
        c2 setData /a data=2 v=0
        c1 delete /a/b v=0
        c1 delete /a v=1
        c2 setData /a
        c2 delete /a
        c1 create /a eph
        c2 create /a/b
        c1 setACL /a acl=digest:u:h:31
        c2 setData /a
        c2 delete /a
        settle
            c1 #1 0x3 /a
            c2 #1 0x4 NodeExists
            c2 #2 0x5 /a/b
            c1 #2 0x6 NotEmpty
            c2 #3 0x7 3/7/5 v1.1.0 1+1
            c2 #4 0x8 BadVersion
            c1 #3 0x9 ok
            c1 #4 0xa ok
            c2 #5 0xb NoNode
            c2 #6 0xc NoNode
            c1 #5 0xd /a
            c2 #7 0xe NoChildrenForEphemerals
            c1 #6 0xf d/d/d v0.0.1 0+0
            c2 #8 0x10 NoAuth
            c2 #9 0x11 ok
    "#]]);
}

#[test]
fn decisions_are_the_same_while_deliveries_lag() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        hold
        c1 create /a
        c1 create /a/s- seq
        durable
        c1 create /a/s- seq
        deliver 1
            c1 #1 0x2 /a
        c1 create /a/s- seq
        c1 delete /a/s-0000000000
        deliver 1
            c1 #2 0x3 /a/s-0000000000
        c1 multi setData /a; delete /a/s-0000000001; delete /a
        durable
        c1 setData /a v=0
        deliver
            c1 #3 0x4 /a/s-0000000001
            c1 #4 0x5 /a/s-0000000002
            c1 #5 0x6 ok
            c1 #6 0x7 [ok; ok; NotEmpty]
        settle
            c1 #7 0x8 2/8/6 v1.4.0 0+2
        stat /a
            2/8/6 v1.4.0 0+2 created +0 modified +0
    "#]]);
}

#[test]
fn event_comes_before_the_reply_that_shows_its_cause() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c2 open
            c2 connected for 6000 ms
        c1 exists /a watch
            c1 #1 0x2 NoNode
        c2 getChildren / watch
            c2 #1 0x2 ["zookeeper"]
        hold
        c1 create /a
        c2 exists /a
        settle
            c1 NodeCreated /a
            c2 NodeChildrenChanged /
            c1 #2 0x3 /a
            c2 #2 0x3 3/3/3 v0.0.0 0+0
    "#]]);
}

#[test]
fn identities_are_those_of_the_moment_of_the_request() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        hold
        c1 create /a acl=digest:u:h:31
        c1 getData /a
        c1 setData /a
        c1 auth digest:u:h
        c1 getData /a
        c1 setData /a
        settle
            c1 #1 0x2 /a
            c1 #2 0x2 NoAuth
            c1 #3 0x3 NoAuth
            c1 #4 0x3 Some("") 2/2/2 v0.0.0 0+0
            c1 #5 0x4 2/4/2 v1.0.0 0+0
    "#]]);
}
