//! What becomes of znodes: stats, names, owners, reaping.

use super::script::{Script, check};
use super::world::{WALL_MS, World, options};
use expect_test::expect;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, SessionId, Zxid};
use zoarium_tree::{Tree, TreeOptions};

#[test]
fn stats_change_as_apache_changes_them() {
    check(expect![[r#"
        at 100
        c1 open
            c1 connected for 6000 ms
        c1 create /p
            c1 #1 0x2 /p
        at 200
        c1 create /p/a data=one
            c1 #2 0x3 /p/a
        stat /p
            2/2/3 v0.1.0 0+1 created +100 modified +100
        at 300
        c1 setData /p/a data=three
            c1 #3 0x4 3/4/3 v1.0.0 5+0
        stat /p/a
            3/4/3 v1.0.0 5+0 created +200 modified +300
        stat /p
            2/2/3 v0.1.0 0+1 created +100 modified +100
        at 400
        c1 setACL /p/a acl=world:anyone:31
            c1 #4 0x5 3/4/3 v1.0.1 5+0
        stat /p/a
            3/4/3 v1.0.1 5+0 created +200 modified +300
        c1 create /p/b
            c1 #5 0x6 /p/b
        c1 delete /p/b
            c1 #6 0x7 ok
        stat /p
            2/2/7 v0.3.0 0+1 created +100 modified +100
        c1 delete /p/none
            c1 #7 0x8 NoNode
        stat /p
            2/2/7 v0.3.0 0+1 created +100 modified +100
        stat /
            0/0/2 v0.0.0 0+2 created +-1000000 modified +-1000000
    "#]]);
}

#[test]
fn sequential_names_count_creates_in_flight() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /p
            c1 #1 0x2 /p
        hold
        c1 create /p/s- seq
        c1 create /p/plain
        c1 create /p/s- ephseq
        c1 delete /p/plain
        c1 create /p/ seq
        c1 multi create /p/m- seq; create /p/m- seq; delete /none
        c1 create2 /p/s- seq
        c1 ttl /p/t- mode=6
        c1 container /p/c- seq
        settle
            c1 #2 0x3 /p/s-0000000000
            c1 #3 0x4 /p/plain
            c1 #4 0x5 /p/s-0000000002
            c1 #5 0x6 ok
            c1 #6 0x7 /p/0000000003
            c1 #7 0x8 [ok; ok; NoNode]
            c1 #8 0x9 /p/s-0000000004 9/9/9 v0.0.0 0+0
            c1 #9 0xa /p/t-0000000005 a/a/a v0.0.0 0+0
            c1 #10 0xb /p/c-0000000006 b/b/b v0.0.0 0+0
        stat /p
            2/2/b v0.8.0 0+6 created +0 modified +0
        c1 getChildren /p
            c1 #11 0xb ["0000000003", "c-0000000006", "s-0000000000", "s-0000000002", "s-0000000004", "t-0000000005"]
    "#]]);
}

#[test]
fn owners_follow_the_operation() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /eph eph
            c1 #1 0x2 /eph
        c1 create2 /eph2 eph
            c1 #2 0x3 /eph2 3/3/3 v0.0.0 0+0
        c1 container /container
            c1 #3 0x4 /container 4/4/4 v0.0.0 0+0
        c1 container /container-of-mode-0 mode=0
            c1 #4 0x5 /container-of-mode-0 5/5/5 v0.0.0 0+0
        c1 ttl /ttl for=1099511627775
            c1 #5 0x6 /ttl 6/6/6 v0.0.0 0+0
        c1 ttl /too-long for=1099511627776
            c1 #6 0x7 BadArguments
        c1 ttl /negative for=-1
            c1 #7 0x8 BadArguments
        c1 create /mode4 mode=4
            c1 #8 0x9 /mode4
        stat /eph
            2/2/2 v0.0.0 0+0 created +0 modified +0 of c1
        stat /eph2
            3/3/3 v0.0.0 0+0 created +0 modified +0 of c1
        stat /container
            4/4/4 v0.0.0 0+0 created +0 modified +0 container
        stat /container-of-mode-0
            5/5/5 v0.0.0 0+0 created +0 modified +0 container
        stat /ttl
            6/6/6 v0.0.0 0+0 created +0 modified +0 ttl 1099511627775
        stat /mode4
            9/9/9 v0.0.0 0+0 created +0 modified +0
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: create /eph ephemeral, 1 of its parent
            0x3 by c1 #2: create /eph2 ephemeral, 2 of its parent
            0x4 by c1 #3: create /container container, 3 of its parent
            0x5 by c1 #4: create /container-of-mode-0 container, 4 of its parent
            0x6 by c1 #5: create /ttl ttl 1099511627775, 5 of its parent
            0x7 by c1 #6: BadArguments, no digest
            0x8 by c1 #7: BadArguments, no digest
            0x9 by c1 #8: create /mode4, 6 of its parent
    "#]]);
}

#[test]
fn containers_and_ttl_znodes_are_reaped_when_due() {
    check(expect![[r#"
        c1 open 40000
            c1 connected for 40000 ms
        c1 container /never-used
            c1 #1 0x2 /never-used 2/2/2 v0.0.0 0+0
        c1 container /used
            c1 #2 0x3 /used 3/3/3 v0.0.0 0+0
        c1 create /used/child
            c1 #3 0x4 /used/child
        c1 delete /used/child
            c1 #4 0x5 ok
        c1 container /in-use
            c1 #5 0x6 /in-use 6/6/6 v0.0.0 0+0
        c1 create /in-use/child
            c1 #6 0x7 /in-use/child
        c1 ttl /old for=100
            c1 #7 0x8 /old 8/8/8 v0.0.0 0+0
        c1 ttl /full for=100
            c1 #8 0x9 /full 9/9/9 v0.0.0 0+0
        c1 create /full/child
            c1 #9 0xa /full/child
        c1 ttl /young for=70000
            c1 #10 0xb /young b/b/b v0.0.0 0+0
        log
            0x1 by c1 #0: open 40000
            0x2 by c1 #1: create /never-used container, 1 of its parent
            0x3 by c1 #2: create /used container, 2 of its parent
            0x4 by c1 #3: create /used/child, 1 of its parent
            0x5 by c1 #4: delete /used/child
            0x6 by c1 #5: create /in-use container, 3 of its parent
            0x7 by c1 #6: create /in-use/child, 1 of its parent
            0x8 by c1 #7: create /old ttl 100, 4 of its parent
            0x9 by c1 #8: create /full ttl 100, 5 of its parent
            0xa by c1 #9: create /full/child, 1 of its parent
            0xb by c1 #10: create /young ttl 70000, 6 of its parent
        at 20000
        c1 hear
        at 40000
        c1 hear
        at 59999
        log
        at 60000
        log
            0xc by 0x0 #0: reap /used
        c1 hear
        at 80000
        c1 hear
        at 100000
        c1 hear
        at 120000
        log
            0xd by 0x0 #0: reap /old
    "#]]);
}

/// Candidates wait for their turn, a tenth of a second each here.
#[test]
fn reaper_asks_again_when_the_turn_of_a_znode_comes() {
    Script::new(World::configured(|options| options.reaper_per_minute_max = 600)).check(expect![[
        r#"
        c1 open 40000
            c1 connected for 40000 ms
        c1 ttl /replaced for=100
            c1 #1 0x2 /replaced 2/2/2 v0.0.0 0+0
        c1 ttl /touched for=1000
            c1 #2 0x3 /touched 3/3/3 v0.0.0 0+0
        c1 container /first
            c1 #3 0x4 /first 4/4/4 v0.0.0 0+0
        c1 create /first/child
            c1 #4 0x5 /first/child
        c1 delete /first/child
            c1 #5 0x6 ok
        c1 container /used
            c1 #6 0x7 /used 7/7/7 v0.0.0 0+0
        c1 create /used/child
            c1 #7 0x8 /used/child
        c1 delete /used/child
            c1 #8 0x9 ok
        c1 ttl /gone for=100
            c1 #9 0xa /gone a/a/a v0.0.0 0+0
        at 30000
        c1 hear
        at 60000
        c1 delete /replaced
            c1 #10 0xc ok
        c1 create /replaced data=precious
            c1 #11 0xd /replaced
        c1 setData /touched
            c1 #12 0xe 3/e/3 v1.0.0 0+0
        c1 delete /used
            c1 #13 0xf ok
        c1 container /used
            c1 #14 0x10 /used 10/10/10 v0.0.0 0+0
        c1 delete /gone
            c1 #15 0x11 ok
        log
            0x1 by c1 #0: open 40000
            0x2 by c1 #1: create /replaced ttl 100, 1 of its parent
            0x3 by c1 #2: create /touched ttl 1000, 2 of its parent
            0x4 by c1 #3: create /first container, 3 of its parent
            0x5 by c1 #4: create /first/child, 1 of its parent
            0x6 by c1 #5: delete /first/child
            0x7 by c1 #6: create /used container, 4 of its parent
            0x8 by c1 #7: create /used/child, 1 of its parent
            0x9 by c1 #8: delete /used/child
            0xa by c1 #9: create /gone ttl 100, 5 of its parent
            0xb by 0x0 #0: reap /first
            0xc by c1 #10: delete /replaced
            0xd by c1 #11: create /replaced, 6 of its parent
            0xe by c1 #12: set /touched v1
            0xf by c1 #13: delete /used
            0x10 by c1 #14: create /used container, 7 of its parent
            0x11 by c1 #15: delete /gone
        at 60500
        log
            0x12 by 0x0 #0: BadVersion, no digest
            0x13 by 0x0 #0: BadVersion, no digest
            0x14 by 0x0 #0: BadVersion, no digest
            0x15 by 0x0 #0: NoNode, no digest
        c1 getChildren /
            c1 #16 0x15 ["replaced", "touched", "used", "zookeeper"]
    "#
    ]]);
}

#[test]
fn version_after_the_last_negative_one_is_zero() {
    for (version, next) in [(0, 1), (i32::MAX, i32::MIN), (-3, -2), (-2, 0)] {
        let path = "/a".into();
        let mut world = over(&[create("/a", 1), Txn::SetData { path, data: None, version }]);
        world.run("c1 open");
        world.run(&std::format!("c1 setData /a v={version}"));
        assert_eq!(world.world.front.tree.find("/a").unwrap().raw().version, next);
    }
}

/// The tree raises a cversion only to a higher one, as Apache's `DataTree` does, so it stands
/// still at its end and a sequential create meets the name before.
#[test]
fn cversion_ends_at_the_highest() {
    over(&[create("/p", 1), create("/p/x", i32::MAX - 1)]).check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        hold
        c1 create /p/s- seq
        c1 create /p/s- seq
        c1 create /p/s- seq
        settle
            c1 #1 0x4 /p/s-2147483646
            c1 #2 0x5 /p/s-2147483647
            c1 #3 0x6 NodeExists
        c1 create /p/s- seq
            c1 #4 0x7 NodeExists
        stat /p
            1/1/4 v0.-5.0 0+3 created +0 modified +0
    "#]]);
}

/// `emulate353TTLNodes`: the tree reads the owner, and the peer with it.
#[test]
fn old_ttl_znode_can_have_children() {
    let options = TreeOptions { emulate_353_ttl: true, ..TreeOptions::default() };
    let mut tree = Tree::new(options);
    apply(&mut tree, SessionId(i64::MIN | 5000), create_eph("/old"));
    Script::new(World::with(super::world::options(), tree)).check(expect![[r#"
        stat /old
            1/1/1 v0.0.0 0+0 created +0 modified +0 ttl 5000
        c1 open
            c1 connected for 6000 ms
        c1 create /old/a
            c1 #1 0x3 /old/a
    "#]]);
}

/// A world over a tree that has seen these transactions.
fn over(txns: &[Txn<'_>]) -> Script {
    let mut tree = Tree::new(TreeOptions::default());
    txns.iter().for_each(|txn| apply(&mut tree, SessionId::NONE, txn.clone()));
    Script::new(World::with(options(), tree))
}

fn apply(tree: &mut Tree, session: SessionId, txn: Txn<'_>) {
    let zxid = Zxid(tree.last_zxid().0 + 1);
    let header = TxnHeader { session, cxid: 0, zxid, time_ms: WALL_MS };
    tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
}

fn create(path: &str, parent_cversion: i32) -> Txn<'_> {
    let kind = CreateKind::Plain { ephemeral: false, with_stat: false };
    let (path, data, acl) = (path.into(), None, AclList::OPEN);
    Txn::Create(CreateTxn { path, data, acl, kind, parent_cversion })
}

fn create_eph(path: &str) -> Txn<'_> {
    let kind = CreateKind::Plain { ephemeral: true, with_stat: false };
    let (path, data, acl) = (path.into(), None, AclList::OPEN);
    Txn::Create(CreateTxn { path, data, acl, kind, parent_cversion: 1 })
}
