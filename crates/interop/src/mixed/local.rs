//! Local sessions: known to one server until they make an ephemeral.

use anyhow::{Result, ensure};

use crate::ensemble::{Ensemble, Plan, Role, Sid, Status, Wiring};
use crate::server::Kind;
use crate::session::Session;
use crate::tools::Tools;

const CFG: &[&str] = &["localSessionsEnabled=true", "localSessionsUpgradingEnabled=true"];

/// One server of ours follows, one leads; then the other way round is the same ensemble seen from
/// the other side: sessions are opened at each.
pub(super) fn sessions(tools: &Tools, name: &str, ours: Kind, other: Kind) -> Result<String> {
    for (leader, follower) in [(ours, other), (other, ours)] {
        let plan = Plan {
            name: format!("{}-{}", name.replace('/', "-"), leader.name()),
            members: vec![
                (follower, Role::Participant),
                (follower, Role::Participant),
                (leader, Role::Participant),
            ],
            lines: CFG,
            wiring: Wiring::Proxies,
        };
        let ensemble = Ensemble::start_led_by(tools, &plan, 3)?;
        for sid in ensemble.sids() {
            let played = upgraded(&ensemble, sid);
            played.map_err(|error| ensemble.explain(error))?;
        }
        ensemble.agree()?;
    }
    Ok(String::new())
}

/// A new session makes no transaction; with its first ephemeral it becomes global and can move.
fn upgraded(ensemble: &Ensemble<'_>, sid: Sid) -> Result<()> {
    let port = ensemble.member(sid).addresses.client;
    let before = Status::of(port)?.zxid;
    let mut session = ensemble.session(sid)?;
    session.exists("/")?;
    let after = Status::of(port)?.zxid;
    ensure!(before == after, "a local session at server {sid} took zxid {after:#x}");

    let path = format!("/local-{sid}");
    session.create(&path, b"", 1)?;
    let elsewhere = ensemble.member(sid % 3 + 1).addresses.client;
    let mut moved = Session::resume(elsewhere, session.id, &session.password)?;
    moved.sync()?;
    ensure!(moved.exists(&path)?, "the ephemeral is gone after the move from server {sid}");
    moved.close()?;
    let mut other = ensemble.session(sid)?;
    other.sync()?;
    ensure!(!other.exists(&path)?, "the ephemeral outlives the session of server {sid}");
    other.close()
}
