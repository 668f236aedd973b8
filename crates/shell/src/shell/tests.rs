//! Whole commands against a server in this process.

mod world;

use super::*;
use expect_test::{Expect, expect};
use world::World;

async fn check(world: &World, line: &str, code: Exit, expected: Expect) {
    let (exit, text) = world.run(line).await;
    expected.assert_eq(&text);
    assert_eq!(exit, code, "{line}: {text}");
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_is_there() {
    let world = World::start().await;
    world.done("create /a").await;
    world.done("create /a/b").await;
    let refused = Exit::Refused;
    check(
        &world,
        "get /a/b/c/d",
        refused,
        expect![[r#"
        Node does not exist: /a/b/c/d; the nearest above it is /a/b
    "#]],
    )
    .await;
    check(
        &world,
        "create /x/y",
        refused,
        expect![[r#"
        Node does not exist: /x/y; the nearest above it is /
    "#]],
    )
    .await;
    check(&world, "get --json /a/c", refused, expect![[r#"
        {"error":{"message":"Node does not exist: /a/c; the nearest above it is /a","code":"NoNode","path":"/a/c","ancestor":"/a"}}
    "#]]).await;
    check(
        &world,
        "ls a",
        Exit::Misused,
        expect![[r#"
        Path must start with / character: "a"
    "#]],
    )
    .await;
}

#[tokio::test]
async fn nothing_much_is_deleted_or_changed_without_a_yes() {
    let world = World::start().await;
    for line in ["create /a", "create /a/b", "create /a/b/c", "create /t"] {
        world.done(line).await;
    }
    for (line, what) in [
        ("deleteall /a", "deleteall /a deletes 3 znodes"),
        ("rmr /a", "deleteall /a deletes 3 znodes"),
        // The root and what servers keep for themselves stay.
        ("deleteall /", "deleteall / deletes 4 znodes"),
        ("mv /a /m", "mv /a /m moves 3 znodes"),
        ("setAcl -R /a world:anyone:r", "setAcl -R /a sets the ACL of 3 znodes"),
        ("cp --overwrite /a /t", "cp to /t replaces the data of 1 znodes"),
    ] {
        let unconfirmed = format!("{what}: not done without --yes\n");
        assert_eq!(world.run(line).await, (Exit::Unconfirmed, unconfirmed));
    }
    let all = "/a\n/a/b\n/a/b/c\n".to_owned();
    assert_eq!(world.run("ls -R /a").await, (Exit::Done, all.clone()));
    assert_eq!(world.run("deleteall --dry-run /a").await, (Exit::Done, all));
    world.done("deleteall --yes /").await;
    assert_eq!(world.run("ls /").await, (Exit::Done, "[zookeeper]\n".to_owned()));
}

#[tokio::test]
async fn acls_are_set_after_a_preview() {
    let world = World::start().await;
    world.done("create /a").await;
    world.done("create /a/b x world:anyone:r").await;
    check(
        &world,
        "acl /a world:anyone:r",
        Exit::Unconfirmed,
        expect![[r#"
            /a: world:anyone:cdrwa -> world:anyone:r
            acl /a sets the ACL of 1 znodes: not done without --yes
        "#]],
    )
    .await;
    world.done("acl --yes /a world:anyone:r").await;
    assert_eq!(world.run("acl /a world:anyone:r").await, (Exit::Done, String::new()));
}

#[tokio::test]
async fn copies_and_exports_are_like_what_they_are_of() {
    let world = World::start().await;
    for line in [
        "create /a data",
        "create /a/null",
        "create /a/empty \"\"",
        "create /a/acl x ip:127.0.0.1:cdrwa,world:anyone:r",
        "create -e /a/ephemeral",
    ] {
        world.done(line).await;
    }
    world.done("cp /a /copy").await;
    check(
        &world,
        "diff --acl /a /copy",
        Exit::Refused,
        expect![[r#"
        - /a/ephemeral
    "#]],
    )
    .await;
    let file = world.file("export.json");
    world.done(&format!("export /copy {file}")).await;
    world.done(&format!("import {file} /back")).await;
    check(&world, "diff --acl /copy /back", Exit::Done, expect![""]).await;
    check(
        &world,
        "cp /copy /back",
        Exit::Refused,
        expect![[r#"
        Node already exists: /back
    "#]],
    )
    .await;
    check(
        &world,
        "mv --yes /back /moved",
        Exit::Done,
        expect![[r#"
        4 moved
    "#]],
    )
    .await;
    check(&world, "diff --acl /copy /moved", Exit::Done, expect![""]).await;
    check(
        &world,
        "mv --yes /a /b",
        Exit::Misused,
        expect![[r#"
        /a/ephemeral is an ephemeral, and belongs to its session
    "#]],
    )
    .await;
    let other = World::start().await;
    other.done("create /copy data").await;
    let line = format!("diff --with {} /copy", other.address());
    check(
        &world,
        &line,
        Exit::Refused,
        expect![[r#"
        - /copy/acl
        - /copy/empty
        - /copy/null
    "#]],
    )
    .await;
}

#[tokio::test]
async fn older_spellings_do_what_they_did() {
    let world = World::start().await;
    world.done("create -s -e /s x").await;
    world.done("create /a x").await;
    check(
        &world,
        "get /a watch",
        Exit::Done,
        expect![[r#"
        'get path [watch]' has been deprecated. Please use 'get [-s] [-w] path' instead.
        x
    "#]],
    )
    .await;
    check(
        &world,
        "set /a y 5",
        Exit::Refused,
        expect![[r#"
        version No is not valid : /a
    "#]],
    )
    .await;
    check(
        &world,
        "set /a y 0",
        Exit::Done,
        expect![[r#"
        WatchedEvent state:SyncConnected type:NodeDataChanged path:/a zxid: ZXID
    "#]],
    )
    .await;
    check(
        &world,
        "delete /a 0",
        Exit::Refused,
        expect![[r#"
        'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.
        version No is not valid : /a
    "#]],
    )
    .await;
    check(&world, "rmr --yes /a", Exit::Done, expect![""]).await;
}

#[tokio::test]
async fn an_event_for_several_watches_is_told_once() {
    let world = World::start().await;
    world.done("create /a").await;
    for line in ["get -w /a", "ls -w /a", "addWatch /a"] {
        world.done(line).await;
    }
    check(
        &world,
        "delete /a",
        Exit::Done,
        expect![[r#"
        WatchedEvent state:SyncConnected type:NodeDeleted path:/a zxid: ZXID
    "#]],
    )
    .await;
    check(
        &world,
        "removewatches /a -c",
        Exit::Refused,
        expect![[r#"
        KeeperErrorCode = No such watcher for /a
    "#]],
    )
    .await;
}

#[tokio::test]
async fn find_and_tree_pass_over_what_they_may_not_read() {
    let world = World::start().await;
    for line in [
        "create /jobs",
        "create /jobs/lock-1 abc",
        "create -e /jobs/worker",
        "create /jobs/secret x world:anyone:a",
    ] {
        world.done(line).await;
    }
    check(
        &world,
        "tree /jobs --depth 1",
        Exit::Done,
        expect![[r#"
        /jobs
        ├── lock-1
        └── worker (ephemeral of SESSION)
        not readable: /jobs/secret
    "#]],
    )
    .await;
    check(
        &world,
        "find --name lock-* --data b /",
        Exit::Done,
        expect![[r#"
        /jobs/lock-1
        not readable: /jobs/secret
    "#]],
    )
    .await;
    check(
        &world,
        "find --owner any /jobs",
        Exit::Done,
        expect![[r#"
        /jobs/worker
        not readable: /jobs/secret
    "#]],
    )
    .await;
    check(
        &world,
        "find --older soon /",
        Exit::Misused,
        expect![[r#"
        "soon" makes no sense as --older
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_at_once() {
    let world = World::start().await;
    let address = world.address();
    world.done("create /a").await;
    world.stop().await;
    let (exit, text) = world::other_shell(&address, "ls /").await;
    assert_eq!(exit, Exit::Unconnected);
    assert!(text.starts_with(&format!("cannot connect to {address}: ")), "{text}");
}

#[tokio::test]
async fn a_lost_connection_comes_back_by_itself() {
    let mut world = World::start().await;
    world.done("create /a x").await;
    world.done("get -w /a").await;
    world.restart().await;
    // A read is tried again by itself; of a write that was under way nobody knows what became.
    world.done("get /a").await;
    check(
        &world,
        "set /a y",
        Exit::Done,
        expect![[r#"
        WatchedEvent state:SyncConnected type:NodeDataChanged path:/a zxid: ZXID
    "#]],
    )
    .await;
}
