//! The end of a session, and what goes with it.

use super::script::{Script, check};
use super::world::World;
use expect_test::expect;

#[test]
fn reply_to_close_comes_before_the_end() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c2 open
            c2 connected for 6000 ms
        c1 create /a eph
            c1 #1 0x3 /a
        c1 create /b
            c1 #2 0x4 /b
        c1 create /b/c eph
            c1 #3 0x5 /b/c
        c2 exists /a watch
            c2 #1 0x5 3/3/3 v0.0.0 0+0
        c2 getChildren /b watch
            c2 #2 0x5 ["c"]
        c1 exists /a watch
            c1 #4 0x5 3/3/3 v0.0.0 0+0
        c1 close
            c1 NodeDeleted /a
            c2 NodeDeleted /a
            c2 NodeChildrenChanged /b
            c1 #5 0x6 ok
            c1 closed
        log
            0x1 by c1 #0: open 6000
            0x2 by c2 #0: open 6000
            0x3 by c1 #1: create /a ephemeral, 1 of its parent
            0x4 by c1 #2: create /b, 2 of its parent
            0x5 by c1 #3: create /b/c ephemeral, 1 of its parent
            0x6 by c1 #5: close ["/a", "/b/c"]
        c3 renew c1
            c3 expired
    "#]]);
}

#[test]
fn close_covers_what_is_in_flight() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c2 open
            c2 connected for 6000 ms
        c1 create /kept eph
            c1 #1 0x3 /kept
        c1 create /deleted eph
            c1 #2 0x4 /deleted
        c2 create /parent
            c2 #1 0x5 /parent
        hold
        c1 create /new eph
        c1 create /parent/ ephseq
        c1 create /other
        c1 delete /deleted
        c1 create /brief eph
        c2 delete /brief
        c1 create /taken eph
        c2 delete /taken
        c2 create /taken eph
        c1 multi create /lost eph; delete /none
        c1 close
        c2 delete /parent
        c2 create /new
        settle
            c1 #3 0x6 /new
            c1 #4 0x7 /parent/0000000000
            c1 #5 0x8 /other
            c1 #6 0x9 ok
            c1 #7 0xa /brief
            c2 #2 0xb ok
            c1 #8 0xc /taken
            c2 #3 0xd ok
            c2 #4 0xe /taken
            c1 #9 0xf [ok; NoNode]
            c1 #10 0x10 ok
            c1 closed
            c2 #5 0x11 ok
            c2 #6 0x12 /new
        log
            0x1 by c1 #0: open 6000
            0x2 by c2 #0: open 6000
            0x3 by c1 #1: create /kept ephemeral, 1 of its parent
            0x4 by c1 #2: create /deleted ephemeral, 2 of its parent
            0x5 by c2 #1: create /parent, 3 of its parent
            0x6 by c1 #3: create /new ephemeral, 4 of its parent
            0x7 by c1 #4: create /parent/0000000000 ephemeral, 1 of its parent
            0x8 by c1 #5: create /other, 5 of its parent
            0x9 by c1 #6: delete /deleted
            0xa by c1 #7: create /brief ephemeral, 6 of its parent
            0xb by c2 #2: delete /brief
            0xc by c1 #8: create /taken ephemeral, 7 of its parent
            0xd by c2 #3: delete /taken
            0xe by c2 #4: create /taken ephemeral, 8 of its parent
            0xf by c1 #9: multi [create /lost ephemeral, 9 of its parent; NoNode]
            0x10 by c1 #10: close ["/kept", "/new", "/parent/0000000000"]
            0x11 by c2 #5: delete /parent
            0x12 by c2 #6: create /new, 9 of its parent
        c2 getChildren /
            c2 #7 0x12 ["new", "other", "taken", "zookeeper"]
        stat /parent
            none
    "#]]);
}

#[test]
fn list_of_ephemerals_that_no_log_could_hold_is_left_out() {
    Script::new(World::configured(|options| options.txn_bytes_max = 127)).check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c2 open
            c2 connected for 6000 ms
        c2 create /dir
            c2 #1 0x3 /dir
        c1 create /dir/ephemeral-1 eph
            c1 #1 0x4 /dir/ephemeral-1
        c1 create /dir/ephemeral-2 eph
            c1 #2 0x5 /dir/ephemeral-2
        c1 create /dir/ephemeral-3 eph
            c1 #3 0x6 /dir/ephemeral-3
        c1 create /dir/ephemeral-4 eph
            c1 #4 0x7 /dir/ephemeral-4
        hold
        c1 create /dir/ephemeral-5 eph
        c1 delete /dir/ephemeral-1
        c1 close
        c2 delete /dir
        c2 create /dir
        settle
            c1 #5 0x8 /dir/ephemeral-5
            c1 #6 0x9 ok
            c1 #7 0xa ok
            c1 closed
            c2 #2 0xb ok
            c2 #3 0xc /dir
        log
            0x1 by c1 #0: open 6000
            0x2 by c2 #0: open 6000
            0x3 by c2 #1: create /dir, 1 of its parent
            0x4 by c1 #1: create /dir/ephemeral-1 ephemeral, 1 of its parent
            0x5 by c1 #2: create /dir/ephemeral-2 ephemeral, 2 of its parent
            0x6 by c1 #3: create /dir/ephemeral-3 ephemeral, 3 of its parent
            0x7 by c1 #4: create /dir/ephemeral-4 ephemeral, 4 of its parent
            0x8 by c1 #5: create /dir/ephemeral-5 ephemeral, 5 of its parent
            0x9 by c1 #6: delete /dir/ephemeral-1
            0xa by c1 #7: close [], no digest
            0xb by c2 #2: delete /dir
            0xc by c2 #3: create /dir, 2 of its parent
        c2 getChildren /
            c2 #4 0xc ["dir", "zookeeper"]
    "#]]);
}

#[test]
fn requests_after_close_are_of_no_session() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /a
            c1 #1 0x2 /a
        c1 create /c eph
            c1 #2 0x3 /c
        hold
        c1 close
        c1 create /b mode=9
        c1 create /b
        c1 ttl null for=0
        c1 ttl null
        c1 delete null
        c1 setData null
        c1 setACL null
        c1 reconfig
        c1 multi
        c1 multi create /b; delete /a
        c1 close
        c2 renew c1
        settle
            c1 closed
            c2 expired
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: create /a, 1 of its parent
            0x3 by c1 #2: create /c ephemeral, 2 of its parent
            0x4 by c1 #3: close ["/c"]
            0x5 by c1 #4: BadArguments, no digest
            0x6 by c1 #5: SessionExpired, no digest
            0x7 by c1 #6: BadArguments, no digest
            0x8 by c1 #7: SessionExpired, no digest
            0x9 by c1 #8: SessionExpired, no digest
            0xa by c1 #9: SessionExpired, no digest
            0xb by c1 #10: SessionExpired, no digest
            0xc by c1 #11: SessionExpired, no digest
            0xd by c1 #12: multi []
            0xe by c1 #13: multi [SessionExpired; RuntimeInconsistency]
            0xf by c1 #14: close []
    "#]]);
}
