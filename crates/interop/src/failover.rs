//! Real clients of a three-server ensemble, which lose first the leader and then the server they
//! are connected to: their session goes on elsewhere.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::Options;
use crate::clients::Program;
use crate::ensemble::{Ensemble, Plan, Sid};
use crate::mixed::took;
use crate::report::Report;
use crate::server::Kind;
use crate::setup;
use crate::tools::{Tools, wait_for};
use crate::wire;

/// How long a client may take to reconnect; some wait a while between attempts.
const RECONNECT_LIMIT: Duration = Duration::from_secs(40);

const PROGRAMS: &[&str] = &["java", "python", "c", "go", "node-pure", "node-native"];

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    let wanted = |name: &&&str| format!("failover/{name}").contains(&options.filter);
    for name in PROGRAMS.iter().filter(wanted) {
        let program = Program::prepare(tools, name)?;
        report.result(&format!("failover/{name}"), failover(tools, options.server, name, program));
    }
    Ok(())
}

fn failover(tools: &Tools, kind: Kind, name: &str, program: Program) -> Result<String> {
    let began = Instant::now();
    let plan = Plan::of(&format!("failover-{name}"), &[kind; 3]);
    let mut ensemble = Ensemble::start_led_by(tools, &plan, 3)?;
    let addresses: Vec<String> =
        ensemble.client_ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let dir = ensemble.dir.clone();
    let played = program.play(&addresses.join(","), &dir, &mut || lose_servers(&mut ensemble));
    let detail = played.map_err(|error| ensemble.explain(error))?;
    ensemble.wait_all()?;
    ensemble.agree()?;
    Ok(format!("{detail}; {}", took(began)))
}

fn lose_servers(ensemble: &mut Ensemble<'_>) -> Result<()> {
    let leader = ensemble.wait_leader()?;
    ensemble.kill(leader)?;
    ensemble.wait_leader()?;
    ensemble.join(leader)?;
    ensemble.wait_all()?;
    let connected = home(ensemble)?;
    ensemble.kill(connected)?;
    ensemble.wait_leader()?;
    ensemble.join(connected)?;
    home(ensemble).map(drop)
}

/// The server that the client is connected to.
fn home(ensemble: &Ensemble<'_>) -> Result<Sid> {
    wait_for("the client to find a server", RECONNECT_LIMIT, || {
        let has_session = |sid: &Sid| {
            let port = ensemble.member(*sid).addresses.client;
            wire::four_letter_word(port, "cons").is_ok_and(|text| text.contains("sid=0x"))
        };
        ensemble.sids().into_iter().find(has_session).context("no server has a session")
    })
}
