//! Several writes in one.

use super::script::check;
use expect_test::expect;

#[test]
fn results_follow_the_kinds() {
    check(expect![[r#"
        at 100
        c1 open
            c1 connected for 6000 ms
        c1 create /a
            c1 #1 0x2 /a
        c1 multi create /b; create2 /b/c; container /d; ttl /e; setData /a data=xy; check /a v=1; delete /b/c
            c1 #2 0x3 [Create /b; Create2 /b/c 3/3/3 v0.0.0 0+0; Create2 /d 3/3/3 v0.0.0 0+0; Create2 /e 3/3/3 v0.0.0 0+0; SetData 2/3/2 v1.0.0 2+0; Check ok; Delete ok]
        stat /b
            3/3/3 v0.2.0 0+0 created +100 modified +100
        stat /a
            2/3/2 v1.0.0 2+0 created +100 modified +100
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: create /a, 1 of its parent
            0x3 by c1 #2: multi [create /b, 2 of its parent; create /b/c, 1 of its parent; create /d container, 3 of its parent; create /e ttl 1000, 4 of its parent; set /a v1; check /a v2; delete /b/c]
        c1 multi
            c1 #3 0x4 []
        c1 multi create /s- seq; create /s- seq; create /f eph
            c1 #4 0x5 [Create /s-0000000004; Create /s-0000000005; Create /f]
    "#]]);
}

#[test]
fn first_failure_undoes_all() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /a
            c1 #1 0x2 /a
        c1 multi check /a v=9; create /b; setData /a
            c1 #2 0x3 [BadVersion; RuntimeInconsistency; RuntimeInconsistency]
        c1 multi create /b; check /a v=9; setData /a
            c1 #3 0x4 [ok; BadVersion; RuntimeInconsistency]
        c1 multi create /b; setData /a; check /a v=9
            c1 #4 0x5 [ok; ok; BadVersion]
        stat /a
            2/2/2 v0.0.0 0+0 created +0 modified +0
        stat /b
            none
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: create /a, 1 of its parent
            0x3 by c1 #2: multi [BadVersion; RuntimeInconsistency; RuntimeInconsistency]
            0x4 by c1 #3: multi [create /b, 2 of its parent; BadVersion; RuntimeInconsistency]
            0x5 by c1 #4: multi [create /b, 2 of its parent; set /a v1; BadVersion]
        c1 multi create /b; create /b
            c1 #5 0x6 [ok; NodeExists]
        c1 create /b
            c1 #6 0x7 /b
    "#]]);
}

#[test]
fn parts_see_those_before_them() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 multi create /a; create /a/b; setData /a/b data=1; check /a/b v=1; delete /a/b; delete /a
            c1 #1 0x2 [Create /a; Create /a/b; SetData 2/2/2 v1.0.0 1+0; Check ok; Delete ok; Delete ok]
        c1 multi create /a; delete /a; create /a; create /a
            c1 #2 0x3 [ok; ok; ok; NodeExists]
        c1 multi create /e eph; create /e/x
            c1 #3 0x4 [ok; NoChildrenForEphemerals]
        c1 multi create /a; create /a/x; delete /a
            c1 #4 0x5 [ok; ok; NotEmpty]
        c1 multi create /a; create /a/x; delete /a/x; delete /a; delete /a
            c1 #5 0x6 [ok; ok; ok; ok; NoNode]
        c1 multi create /a acl=digest:u:h:31; create /a/x
            c1 #6 0x7 [ok; NoAuth]
        stat /a
            none
    "#]]);
}

#[test]
fn failed_multi_in_flight_leaves_no_trace() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /p
            c1 #1 0x2 /p
        hold
        c1 create /p/n- seq
        c1 setData /p data=1
        c1 multi create /p/n- seq; setData /p data=2; setData /p data=3; delete /p/n-0000000000; create /q; delete /none
        c1 create /p/n- seq
        c1 setData /p data=4 v=1
        c1 delete /p/n-0000000000
        c1 create /q
        settle
            c1 #2 0x3 /p/n-0000000000
            c1 #3 0x4 2/4/3 v1.1.0 1+1
            c1 #4 0x5 [ok; ok; ok; ok; ok; NoNode]
            c1 #5 0x6 /p/n-0000000001
            c1 #6 0x7 2/7/6 v2.2.0 1+2
            c1 #7 0x8 ok
            c1 #8 0x9 /q
        stat /p
            2/7/8 v2.3.0 1+1 created +0 modified +0
    "#]]);
}

#[test]
fn unreadable_multi_takes_its_place_in_the_order() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 cut multi create /a
            c1 #1 0x2 MarshallingError
        c1 multi create /a; getData /a
            c1 #2 0x3 MarshallingError
        c1 multi getData /
            c1 #3 0x4 MarshallingError
        c1 multi create /a; setACL /a
            c1 #4 0x5 MarshallingError
        c1 multi create /a mode=9
            c1 #5 0x6 MarshallingError
        c1 multi create /a mode=5
            c1 #6 0x7 MarshallingError
        c1 multi create /a; create null
            c1 #7 0x8 MarshallingError
        c1 multi create /a; setData null
            c1 #8 0x9 MarshallingError
        c1 multi create /a; check null
            c1 #9 0xa MarshallingError
        c1 multi create /a acl=null
            c1 #10 0xa MarshallingError
        c1 multi create /a acl=none
            c1 #11 0xb [InvalidAcl]
        c1 multi ttl /a acl=null
            c1 #12 0xc [InvalidAcl]
        c1 multi ttl /a for=0
            c1 #13 0xd [BadArguments]
        c1 multi ttl /a mode=9
            c1 #14 0xe [BadArguments]
        c1 create /a
            c1 #15 0xf /a
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: MarshallingError, no digest
            0x3 by c1 #2: MarshallingError, no digest
            0x4 by c1 #3: MarshallingError, no digest
            0x5 by c1 #4: MarshallingError, no digest
            0x6 by c1 #5: MarshallingError, no digest
            0x7 by c1 #6: MarshallingError, no digest
            0x8 by c1 #7: MarshallingError, no digest
            0x9 by c1 #8: MarshallingError, no digest
            0xa by c1 #9: MarshallingError, no digest
            0xb by c1 #11: multi [InvalidAcl]
            0xc by c1 #12: multi [InvalidAcl]
            0xd by c1 #13: multi [BadArguments]
            0xe by c1 #14: multi [BadArguments]
            0xf by c1 #15: create /a, 1 of its parent
    "#]]);
}

#[test]
fn mode_of_a_create_decides_the_operation() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 multi create /container mode=4; container /container2 mode=0; ttl /plain mode=0; ttl /container3 mode=4
            c1 #1 0x2 [Create2 /container 2/2/2 v0.0.0 0+0; Create2 /container2 2/2/2 v0.0.0 0+0; Create /plain; Create2 /container3 2/2/2 v0.0.0 0+0]
        stat /container
            2/2/2 v0.0.0 0+0 created +0 modified +0 container
        stat /container2
            2/2/2 v0.0.0 0+0 created +0 modified +0 container
        stat /container3
            2/2/2 v0.0.0 0+0 created +0 modified +0 container
        stat /plain
            2/2/2 v0.0.0 0+0 created +0 modified +0
    "#]]);
}

#[test]
fn events_come_part_by_part_before_the_reply() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c2 open
            c2 connected for 6000 ms
        c1 create /a
            c1 #1 0x3 /a
        c2 getData /a watch
            c2 #1 0x3 Some("") 3/3/3 v0.0.0 0+0
        c2 exists /b watch
            c2 #2 0x3 NoNode
        c2 getChildren / watch
            c2 #3 0x3 ["a", "zookeeper"]
        c1 exists /b watch
            c1 #2 0x3 NoNode
        c1 multi setData /a; create /b; setData /a
            c2 NodeDataChanged /a
            c1 NodeCreated /b
            c2 NodeCreated /b
            c2 NodeChildrenChanged /
            c1 #3 0x4 [SetData 3/4/3 v1.0.0 0+0; Create /b; SetData 3/4/3 v2.0.0 0+0]
        c1 exists /c watch
            c1 #4 0x4 NoNode
        c1 multi create /c; check /a v=9
            c1 #5 0x5 [ok; BadVersion]
    "#]]);
}
