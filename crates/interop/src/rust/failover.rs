//! A client of three servers that loses first the leader and then its own server.

use anyhow::{Context, Result, ensure};
use tokio::task::JoinHandle;
use zoarium_client::{Change, Client, State, Verdict, Watch};

use super::{block_on, soon};
use crate::ensemble::{Ensemble, Mode, Plan, Role, Sid, Wiring};
use crate::server::Kind;
use crate::tools::Tools;

/// What the writer was told.
#[derive(Debug, Default)]
struct Written {
    done: Vec<i32>,
    unknown: usize,
    not_done: usize,
}

pub(super) fn run(tools: &Tools, kind: Kind) -> Result<String> {
    let plan = Plan {
        name: "rust-failover".to_owned(),
        members: vec![(kind, Role::Participant); 3],
        lines: &["reconfigEnabled=true", "standaloneEnabled=false"],
        wiring: Wiring::Direct,
    };
    let mut ensemble = Ensemble::prepare(tools, &plan)?;
    let played = (1..=3).try_for_each(|sid| ensemble.start(sid)).and_then(|()| {
        ensemble.wait_leader()?;
        ensemble.wait_all()?;
        block_on(story(&mut ensemble))
    });
    played.map_err(|error| ensemble.explain(error))
}

/// The server that the client is with.
fn home(ensemble: &Ensemble<'_>, client: &Client) -> Option<Sid> {
    let State::Connected(connected) = client.state() else { return None };
    let is_it = |sid: &Sid| ensemble.member(*sid).addresses.client == connected.server.port;
    ensemble.sids().into_iter().find(is_it)
}

async fn connected(client: &Client) -> Result<()> {
    let mut states = client.states();
    let connected = async { while !states.next().await.is_some_and(|it| it.is_connected()) {} };
    soon("a connection", Box::pin(connected)).await
}

async fn story(ensemble: &mut Ensemble<'_>) -> Result<String> {
    // It is told of one server, and finds out about the others.
    let known = format!("127.0.0.1:{}", ensemble.member(1).addresses.client);
    let client = Client::builder(known).auth("digest", "super:pw").follows_ensemble();
    let client = client.connect().await?;
    let session = client.session_id().context("a session")?;
    client.create("/e").ephemeral().await?;
    client.create("/count").await?;
    let watch = client.watch("/").recursive().await?;
    let writer = tokio::spawn(write(client.clone()));
    let leader = ensemble.wait_leader()?;
    ensemble.kill(leader)?;
    ensemble.wait_leader()?;
    connected(&client).await?;
    ensemble.join(leader)?;
    ensemble.wait_all()?;
    let home = loop {
        connected(&client).await?;
        if let Some(home) = home(ensemble, &client) {
            break home;
        }
    };
    ensemble.kill(home)?;
    ensemble.wait_leader()?;
    soon("a read", read_until_answered(&client)).await?;
    ensure!(client.session_id() == Some(session), "the session was lost");
    ensure!(client.exists("/e").await?.is_some(), "the ephemeral is gone");
    client.create("/end").await?;
    let written = judge(&client, writer).await?;
    let told = told(watch).await?;
    ensemble.join(home)?;
    reconfigure(&client, ensemble).await.context("reconfigure")?;
    let connections = client.metrics().connections;
    ensure!(connections > 1 && told.gaps > 0, "{connections} connections, {told:?}");
    soon("the close", client.close()).await??;
    Ok(format!(
        "{} writes, {} of unknown outcome and {} not done; {} connections, {} events, {} gaps",
        written.done.len() + written.unknown + written.not_done,
        written.unknown,
        written.not_done,
        connections,
        told.events,
        told.gaps
    ))
}

async fn read_until_answered(client: &Client) {
    while client.get("/count").await.is_err() {}
}

/// Writes one after the other, until there is `/end`.
async fn write(client: Client) -> Result<Written> {
    let mut written = Written::default();
    loop {
        let write = client.set("/count", b"x").send();
        let end = client.exists("/end").send();
        match write.await {
            Ok(stat) => written.done.push(stat.version),
            Err(error) => match error.verdict() {
                Verdict::Unknown => written.unknown += 1,
                Verdict::Retry => written.not_done += 1,
                Verdict::Never => return Err(error.into()),
            },
        }
        if matches!(end.await, Ok(Some(_))) {
            return Ok(written);
        }
    }
}

/// What was acknowledged is there, and nothing else but what may have been done.
async fn judge(client: &Client, writer: JoinHandle<Result<Written>>) -> Result<Written> {
    let written = soon("the writer", writer).await???;
    let versions = &written.done;
    ensure!(versions.is_sorted_by(|a, b| a < b), "versions do not grow");
    let last = client.get("/count").await?.stat.version;
    let done = usize::try_from(last)?;
    let least = versions.len();
    ensure!((least..=least + written.unknown).contains(&done), "version {last}, {written:?}");
    ensure!(versions.last().is_none_or(|version| *version <= last), "a write was lost");
    Ok(written)
}

#[derive(Debug, Default)]
struct Told {
    events: usize,
    gaps: usize,
}

/// All that the watch was told until the end.
async fn told(mut watch: Watch) -> Result<Told> {
    let mut told = Told::default();
    loop {
        match soon("the last event", watch.next()).await?.context("the watch is over")? {
            Change::Gap => told.gaps += 1,
            Change::Event(event) if &*event.path == "/end" => return Ok(told),
            Change::Event(_) => told.events += 1,
        }
    }
}

/// A server leaves and joins again.
async fn reconfigure(client: &Client, ensemble: &mut Ensemble<'_>) -> Result<()> {
    ensemble.wait_all()?;
    let leader = ensemble.wait_leader()?;
    let home = home(ensemble, client);
    let mut others = ensemble.sids().into_iter().filter(|sid| *sid != leader);
    let sid = others.find(|sid| Some(*sid) != home).context("a server to do without")?;
    let line = ensemble.member(sid).own_line(true);
    let without = client.reconfigure().leaving(sid.to_string()).await?;
    ensure!(!String::from_utf8_lossy(&without.data).contains(&line), "{without:?}");
    let with = client.reconfigure().joining(line.clone()).await?;
    ensure!(String::from_utf8_lossy(&with.data).contains(&line), "{with:?}");
    ensemble.wait_serving(sid, Some(Mode::Follower))?;
    Ok(())
}
