//! Every operation, once as it should go and once as it should not.

use crate::world::{World, soon};
use std::time::Duration;
use zoarium_client::acl::{Acl, AclEntry, Id, Perms};
use zoarium_client::{
    Client, Codec, Error, ErrorCode, Failure, Lifetime, PathError, ReadResult, Verdict, Written,
    Znode,
};

#[tokio::test]
async fn znode_is_made_read_written_and_deleted() {
    let world = World::start().await;
    let client = world.client().await;
    let made = client.create("/a").data(b"x").await.unwrap();
    assert_eq!((made.path.as_str(), made.stat.data_length), ("/a", 1));
    let read = client.get("/a").await.unwrap();
    assert_eq!((&read.data[..], read.stat), (&b"x"[..], made.stat));
    let stat = client.set("/a", b"yz").version(0).await.unwrap();
    assert_eq!((stat.version, stat.data_length), (1, 2));
    assert_eq!(client.exists("/a").await.unwrap(), Some(stat));
    assert!(client.set("/a", b"").version(0).await.unwrap_err().is_bad_version());
    assert!(client.delete("/a").version(0).await.unwrap_err().is_bad_version());
    client.delete("/a").version(1).await.unwrap();
    assert_eq!(client.exists("/a").await.unwrap(), None);
    let error = client.get("/a").await.unwrap_err();
    assert_eq!(error.to_string(), "GetData /a: the server answered NoNode (-101)");
    assert_eq!(error.verdict(), Verdict::Never);
    client.delete("/a").if_exists().await.unwrap();
}

#[tokio::test]
async fn znodes_of_every_kind_are_what_they_say() {
    let world = World::start().await;
    let client = world.client().await;
    let session = client.session_id().unwrap();
    let made = client.create("/e").ephemeral().await.unwrap();
    assert_eq!(made.stat.ephemeral_owner, session);
    let made = client.create("/q-").sequential().await.unwrap();
    assert_eq!(made.path, "/q-0000000001");
    let made = client.create("/").ephemeral().sequential().await.unwrap();
    assert_eq!(made.path, "/0000000002");
    client.create("/c").container().await.unwrap();
    client.create("/c/t").ttl(Duration::from_secs(60)).await.unwrap();
    client.create("/c/n").no_data().await.unwrap();
    assert_eq!(client.get("/c/n").await.unwrap().data, b""[..]);
    let mut ephemerals = client.ephemerals("").await.unwrap();
    ephemerals.sort();
    assert_eq!(ephemerals, ["/0000000002", "/e"]);
    assert_eq!(client.count_descendants("/c").await.unwrap(), 2);
    let refused = client.create("/e/x").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NoChildrenForEphemerals));
}

#[tokio::test]
async fn parents_are_made_where_they_are_missing() {
    let world = World::start().await;
    let client = world.client().await;
    assert!(client.create("/a/b/c").await.unwrap_err().is_no_node());
    client.create("/a/b/c").data(b"x").parents().await.unwrap();
    assert_eq!(client.get("/a/b").await.unwrap().data, b""[..]);
    client.create("/k/l/m").container_parents().await.unwrap();
    assert_eq!(client.children("/k").await.unwrap().names, ["l"]);
    let again = client.create("/a/b/c").parents().await.unwrap_err();
    assert!(again.is_node_exists());
    let below = client.chroot("/new/root").unwrap();
    assert_eq!(below.create("/x").parents().await.unwrap().path, "/x");
    assert!(client.exists("/new/root/x").await.unwrap().is_some());
}

#[tokio::test]
async fn trees_are_deleted_from_below() {
    let world = World::start().await;
    let client = world.client().await;
    client.create("/a").await.unwrap();
    let made: Vec<_> = (0..250)
        .map(|number| {
            let parent = format!("/a/b{number}");
            let child = format!("{parent}/c");
            client.transaction().create(parent).create(child).send()
        })
        .collect();
    for made in made {
        made.await.unwrap();
    }
    let refused = client.delete("/a").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotEmpty));
    client.delete("/a").recursive().await.unwrap();
    assert_eq!(client.exists("/a").await.unwrap(), None);
    assert!(client.delete("/a").recursive().await.unwrap_err().is_no_node());
    client.delete("/a").recursive().if_exists().await.unwrap();
    client.delete("/a").guaranteed().if_exists().await.unwrap();
}

#[tokio::test]
async fn transactions_are_done_as_a_whole_or_not_at_all() {
    let world = World::start().await;
    let client = world.client().await.chroot("/app").unwrap();
    client.create("/v").parents().await.unwrap();
    let made = Znode::new("/job-").data(b"1").ephemeral().sequential();
    let written = client
        .transaction()
        .check("/v", 0)
        .create("/dir")
        .create(made)
        .set("/v", b"new")
        .set_version("/v", b"newer", 1)
        .check_exists("/dir")
        .delete("/dir")
        .await
        .unwrap();
    let Written::Created(job) = &written[2] else { panic!("{written:?}") };
    assert_eq!(job.path, "/job-0000000002");
    assert!(matches!(written[4], Written::Set(stat) if stat.version == 2));
    assert!(matches!(written[6], Written::Deleted));
    let failed = client.transaction().create("/gone").delete_version("/v", 1).create("/x").await;
    let Err(Error::Request { failure, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(failure, Failure::Aborted { index: 1, code: ErrorCode::BadVersion });
    assert_eq!(client.exists("/gone").await.unwrap(), None);
    assert_eq!(client.transaction().await.unwrap(), []);
}

#[tokio::test]
async fn several_reads_are_one_request() {
    let world = World::start().await;
    let client = world.client().await;
    client.create("/a/b").data(b"x").parents().await.unwrap();
    let results = client.reads().get("/a/b").get("/none").children("/a").await.unwrap();
    assert!(matches!(&results[0], Ok(ReadResult::Data(it)) if it.data.as_deref() == Some(b"x")));
    assert_eq!(results[1], Err(Failure::Refused(ErrorCode::NoNode)));
    assert_eq!(results[2], Ok(ReadResult::Children(vec!["b".into()])));
}

#[tokio::test]
async fn acls_keep_others_out() {
    let world = World::start().await;
    let (owner, other) = (world.client().await, world.client().await);
    let refused = owner.create("/mine").acl(Acl::creator()).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidAcl));
    owner.authenticate("digest", "app:secret").await.unwrap();
    owner.create("/mine").acl(Acl::creator()).await.unwrap();
    assert_eq!(other.get("/mine").await.unwrap_err().code(), Some(ErrorCode::NoAuth));
    let (entries, _) = owner.acl("/mine").await.unwrap();
    let id = Acl::digest_id("app", "secret");
    assert_eq!(entries, [AclEntry { perms: Perms::ALL, id: id.clone() }]);
    assert!(owner.who_am_i().await.unwrap().contains(&Id::new("digest", "app")));
    let stat = owner.set_acl("/mine", Acl::open()).version(0).await.unwrap();
    assert_eq!(stat.aversion, 1);
    other.get("/mine").await.unwrap();
    let late = world.builder().auth("digest", "app:secret").connect().await.unwrap();
    late.set_acl("/mine", Acl::creator()).await.unwrap();
    late.get("/mine").await.unwrap();
}

#[tokio::test]
async fn bad_input_does_not_reach_the_network() {
    let client = Client::builder("127.0.0.1:1").start().unwrap();
    let at = |at| PathError::EmptyName { at };
    for (path, source) in [
        ("a", PathError::NotAbsolute),
        ("/a//b", at(3)),
        ("/a/", PathError::TrailingSlash),
        ("/\u{1}", PathError::InvalidCharacter { at: 1, character: '\u{1}' }),
    ] {
        let error = Error::Path { path: path.into(), source };
        assert_eq!(soon(client.get(path)).await.unwrap_err(), error);
        assert_eq!(soon(client.create(path)).await.unwrap_err(), error);
        assert_eq!(soon(client.transaction().check(path, 1)).await.unwrap_err(), error);
    }
    let container = soon(client.create("/a").container().sequential()).await;
    assert!(matches!(container, Err(Error::Options { .. })));
    let timeless = soon(client.create("/a").ttl(Duration::ZERO)).await;
    assert!(matches!(timeless, Err(Error::Options { .. })));
    let lifetime = Znode::new("/a").lifetime(Lifetime::Ttl(Duration::MAX));
    assert!(soon(client.transaction().create(lifetime)).await.is_err());
    let versioned = soon(client.delete("/a").version(1).guaranteed()).await;
    assert!(matches!(versioned, Err(Error::Options { .. })));
    let faulty = Client::connect("a:1,b:x").await.unwrap_err();
    assert_eq!(faulty.to_string(), "connect string: byte 6: a port is a number from 1 to 65535");
}

#[tokio::test]
async fn nothing_of_the_world_outside_a_chroot_shows() {
    let world = World::start().await;
    let client = world.client().await;
    let inside = client.chroot("/app/one").unwrap();
    inside.create("/x").ephemeral().parents().await.unwrap();
    client.create("/other").ephemeral().await.unwrap();
    assert_eq!(inside.ephemerals("").await.unwrap(), ["/x"]);
    assert_eq!(inside.ephemerals("/x").await.unwrap(), ["/x"]);
    assert_eq!(inside.children("/").await.unwrap().names, ["x"]);
    let error = inside.get("/none").await.unwrap_err();
    assert_eq!(error.to_string(), "GetData /none: the server answered NoNode (-101)");
    let (_, watch) = inside.get("/x").watch().await.unwrap();
    let mut all = inside.watch("/").recursive().await.unwrap();
    client.set("/app/one/x", b"").await.unwrap();
    assert_eq!(&*soon(watch).await.unwrap().path, "/x");
    let change = soon(all.next()).await.unwrap();
    assert!(matches!(change, zoarium_client::Change::Event(event) if &*event.path == "/x"));
    assert!(inside.config().await.is_ok());
}

/// Turns every byte around.
#[derive(Debug)]
struct Inverse;

impl Codec for Inverse {
    fn compress(&self, _: &str, data: &[u8]) -> Vec<u8> {
        data.iter().map(|byte| !byte).collect()
    }

    fn decompress(&self, _: &str, kept: &[u8]) -> Result<Vec<u8>, String> {
        if kept.is_empty() { Err("nothing is kept".into()) } else { Ok(self.compress("", kept)) }
    }
}

#[tokio::test]
async fn data_is_compressed_where_that_is_asked_for() {
    let world = World::start().await;
    let client = world.builder().codec(Inverse).connect().await.unwrap();
    client.create("/a").data(&[1, 2]).compressed().await.unwrap();
    assert_eq!(client.get("/a").await.unwrap().data[..], [254, 253]);
    client.set("/a", &[0]).compressed().await.unwrap();
    assert_eq!(client.get("/a").decompressed().await.unwrap().data[..], [0]);
    client.set("/a", b"").await.unwrap();
    let broken = client.get("/a").decompressed().await;
    assert!(matches!(broken, Err(Error::Compression { .. })));
    let without = world.client().await;
    assert!(matches!(without.get("/a").decompressed().await, Err(Error::Options { .. })));
    assert!(matches!(without.set("/a", b"").compressed().await, Err(Error::Options { .. })));
}
