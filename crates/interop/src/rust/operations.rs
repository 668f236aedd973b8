//! Every operation of the client, and what it means.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use zoarium_client::acl::{Acl, AclEntry, Id, Perms};
use zoarium_client::{
    Change, Client, ErrorCode, EventType, Failure, ReadResult, State, Verdict, Watch, Written,
    Znode,
};

use super::soon;

/// Goes through all of them; the result says how much that was.
pub(super) async fn all(server: &str) -> Result<String> {
    let client = Client::connect(format!("{server}/rust")).await?;
    let root = Client::connect(server).await?;
    root.create("/rust").await?;
    znodes(&client).await.context("znodes")?;
    kinds(&client).await.context("kinds of znodes")?;
    acls(&client).await.context("ACLs")?;
    transactions(&client).await.context("transactions")?;
    order(&client).await.context("order")?;
    watches(&client, &root).await.context("watches")?;
    recursive(&client).await.context("recursive deletes")?;
    ensemble(&client).await.context("the ensemble")?;
    sessions(server).await.context("sessions")?;
    let metrics = client.metrics();
    let requests: u64 =
        metrics.operations.iter().map(|it| it.done + it.refused + it.unanswered).sum();
    soon("the close", client.close()).await??;
    Ok(format!("{requests} requests of {} kinds", metrics.operations.len()))
}

async fn znodes(client: &Client) -> Result<()> {
    let made = client.create("/a").data(b"x").await?;
    ensure!(made.path == "/a", "{made:?}");
    ensure!(client.get("/a").await?.stat == made.stat, "create and get show another stat");
    let stat = client.set("/a", b"yz").version(0).await?;
    ensure!(client.exists("/a").await? == Some(stat), "set and exists show another stat");
    ensure!((stat.version, stat.data_length) == (1, 2), "{stat:?}");
    let error = client.set("/a", b"").version(0).await.err().context("a wrong version")?;
    ensure!(error.is_bad_version() && error.verdict() == Verdict::Never, "{error}");
    ensure!(client.create("/a").await.err().is_some_and(|it| it.is_node_exists()));
    ensure!(client.get("/b").await.err().is_some_and(|it| it.is_no_node()));
    ensure!(client.exists("/b").await?.is_none());
    client.create("/none").no_data().await?;
    ensure!(client.get("/none").await?.data.is_empty());
    let mut names = client.children("/").await?.names;
    names.sort();
    ensure!(names == ["a", "none"], "{names:?}");
    client.delete("/none").version(0).await?;
    client.delete("/none").if_exists().await?;
    ensure!(client.delete("/none").await.err().is_some_and(|it| it.is_no_node()));
    let large = vec![7; 500_000];
    client.set("/a", &large[..]).await?;
    ensure!(client.get("/a").await?.data == large, "large data came back changed");
    let error = client.set("/a", vec![0; 2 << 20]).await.err().context("too long")?;
    ensure!(error.verdict() == Verdict::Never, "{error}");
    client.sync().await?;
    Ok(())
}

async fn kinds(client: &Client) -> Result<()> {
    let session = client.session_id();
    let ephemeral = client.create("/e").ephemeral().await?;
    ensure!(Some(ephemeral.stat.ephemeral_owner) == session, "{ephemeral:?}");
    let error = client.create("/e/child").await.err().context("a child of an ephemeral")?;
    ensure!(error.code() == Some(ErrorCode::NoChildrenForEphemerals), "{error}");
    let job = client.create("/job-").ephemeral().sequential().protected().await?;
    let mut owned = client.ephemerals("").await?;
    owned.sort();
    ensure!(owned == [job.path.as_str(), "/e"], "{owned:?}");
    client.create("/q/w/e-").sequential().parents().await?;
    client.create("/c/d").container_parents().await?;
    client.create("/t").ttl(Duration::from_secs(100)).await?;
    client.create("/t-").ttl(Duration::from_secs(100)).sequential().await?;
    client.create("/container").container().await?;
    ensure!(client.count_descendants("/q").await? == 2, "descendants");
    client.delete("/e").guaranteed().await?;
    client.delete(&job.path).await?;
    Ok(())
}

async fn acls(client: &Client) -> Result<()> {
    client.create("/acl").await?;
    let stat = client.set_acl("/acl", Acl::read_only()).version(0).await?;
    ensure!(stat.aversion == 1, "{stat:?}");
    let (entries, _) = client.acl("/acl").await?;
    let world = AclEntry { perms: Perms::READ, id: Id::new("world", "anyone") };
    ensure!(entries == [world], "{entries:?}");
    let refused = client.set("/acl", b"").await.err().context("a write to what is read-only")?;
    ensure!(refused.code() == Some(ErrorCode::NoAuth), "{refused}");
    client.authenticate("digest", "app:secret").await?;
    client.create("/mine").acl(Acl::creator()).await?;
    let (entries, _) = client.acl("/mine").await?;
    ensure!(entries[0].id == Acl::digest_id("app", "secret"), "{entries:?}");
    let identities = client.who_am_i().await?;
    ensure!(identities.iter().any(|id| id.scheme == "digest"), "{identities:?}");
    ensure!(identities.iter().any(|id| id.scheme == "ip"), "{identities:?}");
    Ok(())
}

async fn transactions(client: &Client) -> Result<()> {
    let sequential = Znode::new("/n-").data(b"x").sequential();
    let written = client
        .transaction()
        .create("/txn")
        .create(sequential)
        .set_version("/txn", b"y", 0)
        .check("/txn", 1)
        .check_exists("/txn")
        .await?;
    let [Written::Created(made), Written::Created(numbered), Written::Set(set), checked @ ..] =
        &written[..]
    else {
        bail!("{written:?}");
    };
    ensure!(made.path == "/txn" && numbered.path.starts_with("/n-"), "{written:?}");
    ensure!(set.version == 1 && checked == [Written::Checked, Written::Checked], "{written:?}");
    let aborted = client.transaction().delete("/txn").check("/nowhere", 0).await;
    let aborted = aborted.err().context("a transaction with a part that fails")?;
    let why = Failure::Aborted { index: 1, code: ErrorCode::NoNode };
    ensure!(aborted.to_string().ends_with(&why.to_string()), "{aborted}");
    ensure!(client.exists("/txn").await?.is_some(), "half of a transaction was done");
    ensure!(client.transaction().await?.is_empty());
    client.transaction().set("/txn", b"z").delete_version("/txn", 2).await?;
    let reads = client.reads().get("/a").children("/q").get("/txn").await?;
    let [Ok(ReadResult::Data(_)), Ok(ReadResult::Children(names)), Err(failure)] = &reads[..]
    else {
        bail!("{reads:?}");
    };
    ensure!(names == &["w"] && failure.code() == Some(ErrorCode::NoNode), "{reads:?}");
    Ok(())
}

/// Everything is sent before anything is answered.
async fn order(client: &Client) -> Result<()> {
    client.create("/order").await?;
    let writes: Vec<_> =
        (0..900).map(|n| client.set("/order", format!("{n}").into_bytes()).send()).collect();
    let read = client.get("/order").send();
    for (index, write) in writes.into_iter().enumerate() {
        // Only some are waited for.
        if index % 3 == 0 {
            let version = write.await?.version;
            ensure!(usize::try_from(version)? == index + 1, "write {index}: version {version}");
        }
    }
    let read = read.await?;
    ensure!(&read.data[..] == b"899" && read.stat.version == 900, "{read:?}");
    Ok(())
}

async fn event(watch: &mut Watch) -> Result<(EventType, String)> {
    match soon("an event", watch.next()).await? {
        Some(Change::Event(event)) => Ok((event.kind, event.path.to_string())),
        other => bail!("{other:?} in the place of an event"),
    }
}

async fn watches(client: &Client, other: &Client) -> Result<()> {
    use EventType::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};
    let mut all = client.watch("/").recursive().await?;
    let (none, made) = client.exists("/w").watch().await?;
    let (_, child) = client.children("/").watch().await?;
    ensure!(none.is_none(), "{none:?}");
    other.create("/rust/w").await?;
    let made = soon("the create", made).await??;
    ensure!((made.kind, &*made.path) == (NodeCreated, "/w"), "{made:?}");
    ensure!(soon("the child", child).await??.kind == NodeChildrenChanged);
    let mut one = client.watch("/w").await?;
    // Under a persistent watch, and a persistent one beside a recursive one.
    let (_, set) = client.get("/w").watch().await?;
    other.set("/rust/w", b"1").await?;
    ensure!(soon("the set", set).await??.kind == NodeDataChanged);
    other.set("/rust/w", b"2").await?;
    other.create("/rust/w/x").await?;
    other.delete("/rust/w/x").await?;
    other.delete("/rust/w").await?;
    for (kind, path) in [
        (NodeCreated, "/w"),
        (NodeDataChanged, "/w"),
        (NodeDataChanged, "/w"),
        (NodeCreated, "/w/x"),
        (NodeDeleted, "/w/x"),
        (NodeDeleted, "/w"),
    ] {
        let told = event(&mut all).await?;
        ensure!(told == (kind, path.to_owned()), "{told:?}, not {kind:?} of {path}");
    }
    for kind in
        [NodeDataChanged, NodeDataChanged, NodeChildrenChanged, NodeChildrenChanged, NodeDeleted]
    {
        let told = event(&mut one).await?;
        ensure!(told == (kind, "/w".to_owned()), "{told:?}, not {kind:?}");
    }
    drop((one, all));
    soon("the removal of the watches", client.sync()).await??;
    ensure!(client.metrics().watches == 0);
    Ok(())
}

async fn recursive(client: &Client) -> Result<()> {
    for path in ["/r/a/b", "/r/a/c", "/r/d"] {
        client.create(path).parents().await?;
    }
    let error = client.delete("/r").await.err().context("a delete of what has children")?;
    ensure!(error.code() == Some(ErrorCode::NotEmpty), "{error}");
    client.delete("/r").recursive().await?;
    ensure!(client.exists("/r").await?.is_none());
    Ok(())
}

async fn ensemble(client: &Client) -> Result<()> {
    // That of a standalone server is empty.
    client.config().await?;
    // Refused by every server that is set up as these are, each in its way.
    let refused = client.reconfigure().leaving("1").await.err().context("a change of members")?;
    ensure!(refused.verdict() == Verdict::Never, "{refused}");
    Ok(())
}

async fn sessions(server: &str) -> Result<()> {
    let first = Client::connect(server).await?;
    first.create("/rust/mine-e").ephemeral().await?;
    let credentials = first.detach().context("credentials")?;
    let resumed = Client::builder(server).resume(credentials).connect().await?;
    ensure!(resumed.session_id() == Some(credentials.session), "another session");
    ensure!(resumed.exists("/rust/mine-e").await?.is_some());
    soon("the close", resumed.close()).await??;
    let over = Client::builder(server).resume(credentials).ends_with_session().connect().await;
    ensure!(over.is_err(), "a closed session went on");
    let intruder = Client::builder(server).auth("nonsense", "x").start()?;
    let mut states = intruder.states();
    let refused = async { while !states.next().await.is_some_and(|it| it.is_final()) {} };
    soon("the refusal", Box::pin(refused)).await?;
    ensure!(intruder.state() == State::AuthFailed, "{:?}", intruder.state());
    Ok(())
}
