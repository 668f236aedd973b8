//! While the disk is full.

use super::script::check;
use expect_test::expect;

#[test]
fn full_disk_refuses_new_sessions_and_writes_until_it_has_room() {
    check(expect![[r#"
        c1 open 6000
            c1 connected for 6000 ms
        c2 open 40000
            c2 connected for 40000 ms
        c1 create /a eph
            c1 #1 0x3 /a
        c2 create /b eph
            c2 #1 0x4 /b
        disk full
        c2 create /c
            c2 #2 0x4 SystemError
        c2 multi
            c2 #3 0x4 SystemError
        c2 getData /b
            c2 #4 0x4 Some("") 4/4/4 v0.0.0 0+0
        c2 sync /b
            c2 #5 0x4 /b
        c3 open
            c3 closed
        c4 renew c2 40000
            c2 closed
            c4 connected for 40000 ms
        at 8000
            c1 closed
        c4 create /d
            c4 #1 0x5 SystemError
        c4 close
            c4 #2 0x6 ok
            c4 closed
        disk ok
        c5 open
            c5 connected for 6000 ms
        c5 create /e
            c5 #1 0x8 /e
        log
            0x1 by c1 #0: open 6000
            0x2 by c2 #0: open 40000
            0x3 by c1 #1: create /a ephemeral, 1 of its parent
            0x4 by c2 #1: create /b ephemeral, 2 of its parent
            0x5 by c1 #0: close ["/a"]
            0x6 by c2 #2: close ["/b"]
            0x7 by c5 #0: open 6000
            0x8 by c5 #1: create /e, 3 of its parent
    "#]]);
}

#[test]
fn reaper_waits_while_the_disk_is_full() {
    check(expect![[r#"
        c1 open 40000
            c1 connected for 40000 ms
        c1 ttl /a for=10
            c1 #1 0x2 /a 2/2/2 v0.0.0 0+0
        disk full
        at 60000
            c1 closed
        stat /a
            2/2/2 v0.0.0 0+0 created +0 modified +0 ttl 10
        disk ok
        at 120000
        log
            0x1 by c1 #0: open 40000
            0x2 by c1 #1: create /a ttl 10, 1 of its parent
            0x3 by c1 #0: close []
            0x4 by 0x0 #0: reap /a
    "#]]);
}

#[test]
fn write_that_waits_for_the_disk_holds_up_its_own_connection_only() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c2 open
            c2 connected for 6000 ms
        hold
        c1 create /a
        disk full
        c2 create /b
        c2 getData /
        c1 create /c
        disk ok
        settle
            c2 #1 0x2 SystemError
            c2 #2 0x2 Some("") 0/0/0 v0.-1.0 0+1
            c1 #1 0x3 /a
            c1 #2 0x3 SystemError
    "#]]);
}
