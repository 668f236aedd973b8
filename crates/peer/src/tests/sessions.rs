//! The life of sessions.

use super::script::{Script, check, handshake};
use super::world::{WALL_MS, World, options};
use crate::{Connect, PeerOptions};
use expect_test::expect;
use std::collections::BTreeSet;
use std::format;
use std::vec::Vec;
use zoarium_proto::txn::{LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{ConnId, SessionId, Zxid};
use zoarium_tree::{Tree, TreeOptions};

#[test]
fn timeout_is_negotiated() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 4000 ms
        c2 open -5
            c2 connected for 4000 ms
        c3 open 4001
            c3 connected for 4001 ms
        c4 open 2147483647
            c4 connected for 40000 ms
        log
            0x1 by c1 #0: open 4000
            0x2 by c2 #0: open 4000
            0x3 by c3 #0: open 4001
            0x4 by c4 #0: open 40000
        c5 renew c1 9000
            c1 closed
            c5 connected for 9000 ms
        c6 renew c4 100000
            c4 closed
            c6 connected for 40000 ms
    "#]]);
}

#[test]
fn session_opens_once_it_is_durable() {
    check(expect![[r#"
        hold
        c1 open
        c2 open
        persist 1
            c1 connected for 6000 ms
        c1 create /a eph
        persist
            c2 connected for 6000 ms
            c1 #1 0x3 /a
    "#]]);
}

#[test]
fn renewal_moves_the_session_and_closes_the_connection_before() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /a eph
            c1 #1 0x2 /a
        c2 renew c1
            c1 closed
            c2 connected for 6000 ms
        c2 create /b eph
            c2 #1 0x3 /b
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: create /a ephemeral, 1 of its parent
            0x3 by c1 #1: create /b ephemeral, 2 of its parent
        c2 close
            c2 #2 0x4 ok
            c2 closed
        log
            0x4 by c1 #2: close ["/a", "/b"]
    "#]]);
}

#[test]
fn forged_password_gets_nothing_and_leaves_the_connection_alone() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /a eph
            c1 #1 0x2 /a
        c2 renew c1 6000 forged
            c2 expired
        stat /a
            2/2/2 v0.0.0 0+0 created +0 modified +0 of c1
        c3 renew c1
            c1 closed
            c3 connected for 6000 ms
    "#]]);
}

#[test]
fn client_that_drops_keeps_its_session_until_the_timeout() {
    check(expect![[r#"
        at 500
        c1 open 6000
            c1 connected for 6000 ms
        c1 create /a eph
            c1 #1 0x2 /a
        c1 drop
        at 7999
        stat /a
            2/2/2 v0.0.0 0+0 created +500 modified +500 of c1
        at 8000
        stat /a
            none
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: create /a ephemeral, 1 of its parent
            0x3 by c1 #0: close ["/a"]
        c2 renew c1
            c2 expired
    "#]]);
}

#[test]
fn client_that_is_heard_of_keeps_its_session() {
    check(expect![[r#"
        c1 open 6000
            c1 connected for 6000 ms
        c2 open 6000
            c2 connected for 6000 ms
        at 5000
        c1 hear
        at 8000
            c2 closed
        log
            0x1 by c1 #0: open 6000
            0x2 by c2 #0: open 6000
            0x3 by c2 #0: close []
        at 9999
        c1 hear
        at 12000
        at 16000
            c1 closed
        log
            0x4 by c1 #0: close []
    "#]]);
}

#[test]
fn request_is_a_sign_of_life() {
    check(expect![[r#"
        c1 open 6000
            c1 connected for 6000 ms
        at 5000
        c1 sync /
            c1 #1 0x1 /
        at 11999
        c1 create /a
            c1 #2 0x2 /a
        at 18000
            c1 closed
    "#]]);
}

#[test]
fn expiry_closes_the_connection_after_its_events() {
    check(expect![[r#"
        c1 open 6000
            c1 connected for 6000 ms
        c2 open 40000
            c2 connected for 40000 ms
        c1 create /a eph
            c1 #1 0x3 /a
        c1 create /b eph
            c1 #2 0x4 /b
        c1 exists /a watch
            c1 #3 0x4 3/3/3 v0.0.0 0+0
        c2 exists /b watch
            c2 #1 0x4 4/4/4 v0.0.0 0+0
        c2 getChildren / watch
            c2 #2 0x4 ["a", "b", "zookeeper"]
        at 8000
            c1 NodeDeleted /a
            c2 NodeChildrenChanged /
            c2 NodeDeleted /b
            c1 closed
        log
            0x1 by c1 #0: open 6000
            0x2 by c2 #0: open 40000
            0x3 by c1 #1: create /a ephemeral, 1 of its parent
            0x4 by c1 #2: create /b ephemeral, 2 of its parent
            0x5 by c1 #0: close ["/a", "/b"]
    "#]]);
}

#[test]
fn shorter_timeout_counts_from_the_renewal() {
    check(expect![[r#"
        c1 open 40000
            c1 connected for 40000 ms
        at 1000
        c2 renew c1 4000
            c1 closed
            c2 connected for 4000 ms
        at 5999
        at 6000
            c2 closed
    "#]]);
}

#[test]
fn slow_disk_does_not_eat_into_a_new_session() {
    check(expect![[r#"
        hold
        c1 open 6000
        at 5000
        settle
            c1 connected for 6000 ms
        at 11999
        at 12000
            c1 closed
    "#]]);
}

#[test]
fn session_that_expires_before_it_is_durable_opens_and_closes() {
    check(expect![[r#"
        hold
        c1 open 6000
        at 8000
        settle
            c1 connected for 6000 ms
            c1 closed
        log
            0x1 by 0x100000f42400000 #0: open 6000
            0x2 by 0x100000f42400000 #0: close []
    "#]]);
}

#[test]
fn restart_gives_every_session_its_timeout_in_full() {
    check(expect![[r#"
        c1 open 6000
            c1 connected for 6000 ms
        c2 open 10000
            c2 connected for 10000 ms
        c1 create /a eph
            c1 #1 0x3 /a
        at 5000
        restart
        at 11999
        stat /a
            3/3/3 v0.0.0 0+0 created +0 modified +0 of c1
        c3 renew c1
            c3 connected for 6000 ms
        at 20000
            c3 closed
        log
            0x4 by c2 #0: close []
            0x5 by c1 #0: close ["/a"]
    "#]]);
}

#[test]
fn restart_loses_only_what_was_not_durable() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /a
            c1 #1 0x2 /a
        hold
        c1 create /b
        c1 create /c
        persist 1
            c1 #2 0x3 /b
        restart
        settle
        c2 renew c1
            c2 connected for 6000 ms
        c2 create /c
            c2 #1 0x4 /c
        c2 getChildren /
            c2 #2 0x4 ["a", "b", "c", "zookeeper"]
    "#]]);
}

#[test]
fn session_ids_are_unique_after_a_restart_with_the_clock_set_back() {
    let mut script = Script::new(World::new());
    let mut seen = Vec::new();
    for (wall_ms, conns) in [(0, 1..=3), (0, 4..=6), (-900_000, 7..=9), (5000, 10..=12)] {
        script.world.wall_ms = WALL_MS + wall_ms;
        script.world.restart();
        for conn in conns {
            script.run(&format!("c{conn} open"));
            seen.push(script.session_of(ConnId(conn)));
        }
    }
    assert_all_differ(&seen);
}

fn assert_all_differ(sessions: &[SessionId]) {
    let distinct: BTreeSet<SessionId> = sessions.iter().copied().collect();
    assert_eq!(distinct.len(), sessions.len(), "{sessions:?}");
}

/// Whoever had the session still has its id and password.
#[test]
fn session_id_of_a_closed_session_is_not_used_again_when_the_clock_is_set_back() {
    let mut script = Script::new(World::new());
    let mut seen = Vec::new();
    for conn in (1..10).step_by(3) {
        for conn in conn..conn + 3 {
            script.run(&format!("c{conn} open"));
            seen.push(script.session_of(ConnId(conn)));
        }
        // All but the first of each life end, so nothing on disk tells of their ids.
        script.run(&format!("c{} close\nc{} close", conn + 1, conn + 2));
        script.world.wall_ms = WALL_MS - 900_000;
        script.world.restart();
    }
    assert_all_differ(&seen);
}

/// An epoch's counter begins anew, and so says nothing of how many sessions there were before it.
#[test]
fn session_id_of_a_closed_session_is_not_used_again_in_the_next_epoch() {
    let known = SessionId::first(1, WALL_MS.cast_unsigned() + 5000);
    let mut seen = std::vec![known];
    for epoch in 1..=3 {
        let mut tree = Tree::new(TreeOptions::default());
        let zxid = Zxid::new(epoch, 7);
        let header = TxnHeader { session: known, cxid: 0, zxid, time_ms: 0 };
        let txn = Txn::CreateSession { timeout_ms: 6000 };
        tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
        let mut script = Script::new(World::with(options(), tree));
        script.run("c1 open");
        seen.push(script.session_of(ConnId(1)));
    }
    assert_all_differ(&seen);
}

/// The data of an ensemble: the highest id is another server's.
#[test]
fn session_ids_are_of_this_server() {
    for server_id in [1, 127, 128, 255] {
        let mut tree = Tree::new(TreeOptions::default());
        for (zxid, other) in (1..).zip([1_u8, 3, 127, 128, 255]) {
            let session = SessionId::first(other, 2_000_000);
            let header = TxnHeader { session, cxid: 0, zxid: Zxid(zxid), time_ms: 0 };
            let txn = Txn::CreateSession { timeout_ms: 6000 };
            tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
        }
        let known = tree.sessions().clone();
        let options = PeerOptions { server_id, ..options() };
        let mut script = Script::new(World::with(options, tree));
        script.run("c1 open");
        let session = script.session_of(ConnId(1));
        assert_eq!(session.server_id(), server_id);
        assert!(!known.contains_key(&session), "{session} twice");
    }
}

#[test]
fn read_only_is_answered_as_it_was_asked() {
    for (asked, told) in [
        (None, "c1 connected for 6000 ms"),
        (Some(false), "c1 connected for 6000 ms read-only=false"),
        (Some(true), "c1 connected for 6000 ms read-only=false"),
    ] {
        let mut world = World::new();
        world.connect(Connect { read_only: asked, ..handshake(ConnId(1), SessionId::NONE, 6000) });
        world.settle();
        assert_eq!(world.front.told, [told]);
    }
}

#[test]
fn client_that_has_seen_more_is_turned_away() {
    let mut script = Script::new(World::new());
    script.run("c1 open");
    for (conn, last_zxid_seen, told) in [
        (2, 1, "c2 connected for 6000 ms"),
        (3, 3, "c3 closed"),
        (4, 2, "c4 connected for 6000 ms"),
    ] {
        let connect = handshake(ConnId(conn), SessionId::NONE, 6000);
        script.world.connect(Connect { last_zxid_seen, ..connect });
        script.world.settle();
        assert_eq!(script.world.front.told.pop().as_deref(), Some(told));
    }
}

#[test]
fn buckets_show_who_expires_when() {
    let mut script = Script::new(World::new());
    script.run("c1 open 4000\nc2 open 5000\nc3 open 6000\nat 1000\nc1 hear\nat 2000");
    let buckets = script.world.peer.session_buckets();
    let shown: Vec<_> = buckets.map(|(at, ids)| (at.since_origin().as_secs(), ids.len())).collect();
    assert_eq!(shown, [(6, 2), (8, 1)]);
}
