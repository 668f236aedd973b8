//! What clients of a mixed ensemble see: writes, syncs, watches, sessions that move, elections.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{FOLLOWER, HEIR, LEADER, OBSERVER};
use crate::ensemble::network::Link;
use crate::ensemble::{Ensemble, Sid};
use crate::history::load::Load;
use crate::session::{Session, create_body};
use crate::wire::{Jute, Reader, op};

const SESSION_MOVED: i32 = -118;
/// How late the bytes to a server are that has not caught up when a session comes.
const LATE: Duration = Duration::from_millis(20);

/// Every kind of transaction through every server, and what one acknowledges, another shows after
/// a sync.
pub(super) fn serves(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let sids = ensemble.sids();
    let mut sessions: Vec<(Sid, Session)> =
        sids.iter().map(|sid| Ok((*sid, ensemble.session(*sid)?))).collect::<Result<_>>()?;
    for index in 0..sessions.len() {
        let (sid, session) = &mut sessions[index];
        let root = format!("/serves-{sid}");
        every_transaction(session, &root).with_context(|| format!("through server {sid}"))?;
        for (reader, session) in &mut sessions {
            session.sync()?;
            let data = session.data(&format!("{root}/multi"))?;
            ensure!(data == b"n", "server {reader} shows {data:?} after a sync");
        }
    }
    for (_, session) in sessions {
        session.close()?;
    }
    let tree = ensemble.agree()?;
    ensure!(!tree.keys().any(|path| path.ends_with("/ephemeral")), "an ephemeral is left");
    Ok(format!("{} znodes", tree.len()))
}

fn every_transaction(session: &mut Session, root: &str) -> Result<()> {
    let path = |name: &str| format!("{root}/{name}");
    session.create(root, b"root", 0)?;
    session.create(&path("ephemeral"), b"mine", 1)?;
    session.create(&path("sequential-"), b"", 2)?;
    session.create(&path("é✓"), "ü".as_bytes(), 0)?;
    session.must(op::CREATE_CONTAINER, create_body(&path("container"), b"c", 4))?;
    session.set(root, b"new")?;
    let acl = Jute::new().text(root).int(2).int(31).text("world").text("anyone");
    session.must(op::SET_ACL, acl.int(1).text("ip").text("10.0.0.0/8").int(-1))?;
    let multi = Jute::new().int(op::CREATE).byte(0).int(-1);
    let multi = multi.raw(&create_body(&path("multi"), b"m", 0).bytes());
    let multi = multi.int(op::SET_DATA).byte(0).int(-1).text(&path("multi")).text("n").int(0);
    session.must(op::MULTI, multi.int(-1).byte(1).int(-1))?;
    let failing = Jute::new().int(op::CREATE).byte(0).int(-1);
    let failing = failing.raw(&create_body(&path("never"), b"", 0).bytes());
    let failing = failing.int(op::CHECK).byte(0).int(-1).text(root).int(99);
    session.must(op::MULTI, failing.int(-1).byte(1).int(-1))?;
    let again = session.call(op::CREATE, create_body(root, b"again", 0))?;
    ensure!(again.err == -110, "a second create answered {}", again.err);
    session.create(&path("gone"), b"", 0)?;
    session.delete(&path("gone"))?;
    Ok(())
}

/// A session goes from server to server with its ephemeral; where it was before, it may write no
/// more.
pub(super) fn session_moves(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let sids = ensemble.sids();
    let mut session = ensemble.session(LEADER)?;
    session.create("/moving", b"", 1)?;
    let (id, password) = (session.id, session.password.clone());
    // One of the servers hears of every transaction after the clients of the others.
    ensemble.network()?.set(LEADER, HEIR, Link::Slow(LATE));
    let route: Vec<Sid> = [OBSERVER, FOLLOWER, LEADER, HEIR, OBSERVER, HEIR].to_vec();
    for (count, sid) in route.iter().enumerate() {
        ensure!(sids.contains(sid), "no server {sid}");
        let port = ensemble.member(*sid).addresses.client;
        let mut here = Session::resume(port, id, &password)
            .with_context(|| format!("move the session to server {sid}"))?;
        here.set("/moving", count.to_string().as_bytes())?;
        // The connection before is closed, or its writes are refused.
        if let Ok(reply) = session.call(op::SET_DATA, Jute::new().text("/moving").text("x").int(-1))
        {
            ensure!(reply.err == SESSION_MOVED, "a write from the old server: {}", reply.err);
        }
        let reply = here.must(op::GET_DATA, Jute::new().text("/moving").bool(false))?;
        let data = Reader::new(&reply.body).text()?.unwrap_or_default().to_vec();
        ensure!(data == count.to_string().as_bytes(), "{data:?} after move {count}");
        session = here;
    }
    session.close()?;
    ensemble.network()?.heal();
    let tree = ensemble.agree()?;
    ensure!(!tree.contains_key("/moving"), "the ephemeral of a closed session is left");
    Ok(format!("{} moves", route.len()))
}

/// The heir is killed; its voters are the first leader and a follower of the other kind, with equal
/// history, so the first leader wins again.
pub(super) fn election_back(ensemble: &mut Ensemble<'_>) -> Result<String> {
    ensemble.wait_logged()?;
    ensemble.kill(HEIR)?;
    ensemble.wait_led_by(LEADER)?;
    ensemble.join(HEIR)?;
    ensemble.agree()?;
    Ok(String::new())
}

/// Clients work while the leader is killed and comes back.
pub(super) fn load(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let load = Load::start(ensemble, "/load")?;
    let leader = ensemble.wait_leader()?;
    ensemble.kill(leader)?;
    load.wait_progress()?;
    ensemble.join(leader)?;
    ensemble.wait_all()?;
    load.wait_progress()?;
    Ok(load.finish(ensemble)?.summary())
}
