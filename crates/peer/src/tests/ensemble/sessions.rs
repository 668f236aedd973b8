//! Sessions of an ensemble: their leader watches over them, wherever their clients are.

use super::script::{check, check_with};
use super::world::Setup;
use expect_test::expect;

#[test]
fn session_is_opened_and_closed_through_any_server() {
    check_with(
        Setup { observers: 1, ..Setup::default() },
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c4 open 4
                c4 connected for 6000 ms
            c1 create /a eph
                c1 #1 0x100000003 /a
            c4 create /b eph
                c4 #1 0x100000004 /b
            sessions 3
                c1 c4 in 7990
            c1 close
                c1 #2 0x100000005 ok
                c1 closed
            c4 exists /a
                c4 #2 0x100000005 NoNode
            c4 close
                c4 #3 0x100000006 ok
                c4 closed
            sessions 3
                none
        "#]],
    );
}

#[test]
fn session_opens_once_a_quorum_has_it() {
    check(expect![[r#"
        stall 1
        stall 2
        c1 open 1
        c3 open 3
        unstall 2
            c1 connected for 6000 ms
            c3 connected for 6000 ms
        unstall 1
    "#]]);
}

#[test]
fn session_expires_on_its_leader_and_closes_its_connection() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 open 2
            c2 connected for 6000 ms
        c1 create /a eph
            c1 #1 0x100000003 /a
        c2 lively
        c2 exists /a watch
            c2 #1 0x100000003 100000003/100000003/100000003 v0.0.0 0+0
        pass 7000
        pass 3000
            c1 closed
            c2 NodeDeleted /a
        c2 exists /a
            c2 #2 0x100000004 NoNode
    "#]]);
}

/// It waits to be told.
#[test]
fn learner_does_not_expire_sessions_by_itself() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        hold 1 3
        pass 9000
        free 1 3
            c1 closed
    "#]]);
}

/// For twenty timeouts.
#[test]
fn touches_keep_a_session_whose_client_only_pings_or_reads() {
    check_with(
        Setup { observers: 1, ..Setup::default() },
        expect![[r#"
        c1 open 1 4000
            c1 connected for 4000 ms
        c4 open 4 4000
            c4 connected for 4000 ms
        c1 create /a eph
            c1 #1 0x100000003 /a
        c4 create /b eph
            c4 #1 0x100000004 /b
        c1 lively
        c4 lively
        pass 80000
        c1 exists /b
            c1 #2 0x100000004 100000004/100000004/100000004 v0.0.0 0+0
        c4 exists /a
            c4 #2 0x100000004 100000003/100000003/100000003 v0.0.0 0+0
        c1 drop
        pass 9000
        c4 exists /a
            c4 #3 0x100000005 NoNode
    "#]],
    );
}

#[test]
fn client_that_moves_keeps_its_session() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c1 create /a eph
            c1 #1 0x100000002 /a
        c1 drop
        c2 renew c1 2 9000
            c2 connected for 9000 ms
        c2 create /b eph
            c2 #1 0x100000003 /b
        c2 close
            c2 #2 0x100000004 ok
            c2 closed
        c3 renew c1 3
            c3 expired
    "#]]);
}

/// An answer would tell the client that the request failed; so the connection is closed.
#[test]
fn moved_session_is_refused_where_it_was() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 renew c1 2
            c2 connected for 6000 ms
        c1 create /a
            c1 #1 unanswered
            c1 closed
        c2 create /b
            c2 #1 0x100000003 /b
        c1 late create /c
    "#]]);
}

#[test]
fn multi_of_a_moved_session_is_no_answer_either() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 renew c1 3
            c2 connected for 6000 ms
        c1 multi create /a; create /b
            c1 #1 unanswered
            c1 closed
        c2 exists /a
            c2 #1 0x100000002 NoNode
    "#]]);
}

#[test]
fn client_that_leaves_the_leader_loses_its_connection_there() {
    check(expect![[r#"
        c1 open 3
            c1 connected for 6000 ms
        c2 renew c1 1
            c1 closed
            c2 connected for 6000 ms
        c2 create /a
            c2 #1 0x100000002 /a
        c3 renew c1 3
            c3 connected for 6000 ms
        c2 create /b
            c2 #2 unanswered
            c2 closed
        c3 create /c
            c3 #1 0x100000004 /c
    "#]]);
}

#[test]
fn forged_password_gets_nothing() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 renew c1 1 forged
            c2 expired
        c3 renew c1 2 forged
            c3 expired
        c4 renew c1 3 forged
            c4 expired
        c1 create /a
            c1 #1 0x100000002 /a
    "#]]);
}

#[test]
fn session_that_is_over_is_expired_everywhere() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c1 close
            c1 #1 0x100000002 ok
            c1 closed
        c2 renew c1 1
            c2 expired
        c3 renew c1 2
            c3 expired
        c4 renew c1 3
            c4 expired
    "#]]);
}

#[test]
fn session_cannot_be_renewed_while_it_is_closing() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        stall 1
        stall 2
        c1 close
        c2 renew c1 2
        c3 renew c1 3
            c3 expired
        unstall 1
            c1 #1 0x100000002 ok
            c1 closed
            c2 expired
        unstall 2
    "#]]);
}

#[test]
fn client_that_goes_before_it_hears_whether_its_session_lives() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c1 drop
        hold 2 3
        c2 renew c1 2
        c2 drop
        c3 renew c1 2
        free 2 3
            c3 connected for 6000 ms
        c3 create /a
            c3 #1 0x100000002 /a
    "#]]);
}

#[test]
fn two_come_with_the_same_session() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        hold 1 3
        hold 2 3
        c2 renew c1 1
            c1 closed
        c3 renew c1 1
        c4 renew c1 2
        free 1 3
            c2 connected for 6000 ms
            c2 closed
            c3 connected for 6000 ms
        free 2 3
            c4 connected for 6000 ms
        c4 create /a
            c4 #1 0x100000002 /a
        c3 create /b
            c3 #1 unanswered
            c3 closed
    "#]]);
}

#[test]
fn client_that_goes_before_its_session_is_there() {
    check(expect![[r#"
        hold 1 3
        c1 open 1
        c1 drop
        free 1 3
        pass 9000
        sessions 3
            none
    "#]]);
}

/// The client numbers its requests anew, and must not be told what became of the old ones.
#[test]
fn renewal_waits_for_what_the_session_has_asked_elsewhere() {
    check_with(
        Setup { observers: 1, ..Setup::default() },
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            stall 1
            stall 2
            c1 create /a
            c2 renew c1 4
            unstall 1
                c2 connected for 6000 ms
                c1 #1 0x100000002 /a
            unstall 2
            c2 create /c
                c2 #1 0x100000003 /c
        "#]],
    );
}

/// It has the number of the new one's request under way, and comes before it.
#[test]
fn late_request_of_the_old_connection_costs_the_new_one_at_most() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        hold 1 3
        c1 create /a
        c2 renew c1 2
            c2 connected for 6000 ms
        hold 2 3
        c2 create /b
        free 1 3
            c1 #1 unanswered
            c1 closed
        free 2 3
            c2 #1 unanswered
            c2 closed
        c3 renew c1 2
            c3 connected for 6000 ms
        c3 create /c
            c3 #1 0x100000004 /c
    "#]]);
}

#[test]
fn client_that_has_seen_more_is_turned_away() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 open 2 6000 seen=100000001
            c2 connected for 6000 ms
        c3 open 2 6000 seen=100000003
            c3 closed
    "#]]);
}

#[test]
fn client_may_have_seen_the_beginning_of_the_epoch() {
    check(expect![[r#"
        c1 open 1 6000 seen=100000000
            c1 connected for 6000 ms
        c2 open 2 6000 seen=100000002
            c2 closed
    "#]]);
}

#[test]
fn timeouts_are_negotiated_by_the_server_asked() {
    check(expect![[r#"
        c1 open 1 1
            c1 connected for 4000 ms
        c2 open 2 1000000
            c2 connected for 40000 ms
        c3 renew c1 3 9000
            c3 connected for 9000 ms
        sessions 3
            c1 in 9990, c2 in 41990
    "#]]);
}
