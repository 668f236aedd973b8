//! Changes of membership in a mixed ensemble: a server joins, changes its role, the leader leaves
//! and comes back; led by one implementation and by the other.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::Options;
use crate::ensemble::{Ensemble, Mode, Plan, Role, Sid, Wiring};
use crate::mixed::took;
use crate::report::Report;
use crate::server::Kind;
use crate::session::{Reply, Session};
use crate::setup;
use crate::tools::{Tools, wait_for};
use crate::wire::{Jute, NULL, Reader, Text, op};

const CFG: &[&str] = &["reconfigEnabled=true", "standaloneEnabled=false"];
const CONFIG: &str = "/zookeeper/config";
/// The servers that begin, the largest leading, and the one that joins.
const LEADER: Sid = 3;
const JOINER: Sid = 4;
/// How long a new configuration may take to reach every server.
const SPREAD_LIMIT: Duration = Duration::from_secs(40);

/// Error codes of reconfig.
const NO_AUTH: i32 = -102;
const BAD_VERSION: i32 = -103;
const NEW_CONFIG_NO_QUORUM: i32 = -13;

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    setup::jars_38(tools)?;
    let ours = options.server;
    let mut pairings = Vec::new();
    for other in [Kind::Apache38, Kind::Apache] {
        pairings.extend([(ours, other), (other, ours)]);
    }
    pairings.push((ours, ours));
    pairings.dedup();
    for (leader, follower) in pairings {
        let name = format!("reconfig/{}-leads-{}", leader.name(), follower.name());
        if name.contains(&options.filter) {
            report.result(&name, story(tools, &name, leader, follower));
        }
    }
    Ok(())
}

fn story(tools: &Tools, name: &str, leader: Kind, follower: Kind) -> Result<String> {
    let began = Instant::now();
    let voter = |kind| (kind, Role::Participant);
    let plan = Plan {
        name: name.replace('/', "-"),
        // The joiner says of itself that it observes, and is told what it is.
        members: vec![voter(follower), voter(follower), voter(leader), (follower, Role::Observer)],
        lines: CFG,
        wiring: Wiring::Direct,
    };
    let mut ensemble = Ensemble::prepare(tools, &plan)?;
    let played = play(&mut ensemble);
    played.map_err(|error| ensemble.explain(error))?;
    Ok(took(began))
}

fn play(ensemble: &mut Ensemble<'_>) -> Result<()> {
    begin(ensemble).context("begin with three servers")?;
    refusals(ensemble)?;
    ensemble.join(JOINER).context("start the fourth")?;

    ensemble.member_mut(JOINER).role = Role::Participant;
    let as_participant = line(ensemble, JOINER);
    change(ensemble, LEADER, &as_participant, "").context("the fourth joins")?;
    ensemble.wait_serving(JOINER, Some(Mode::Follower))?;
    ensemble.member_mut(JOINER).role = Role::Observer;
    let as_observer = line(ensemble, JOINER);
    change(ensemble, LEADER, &as_observer, "").context("the fourth becomes an observer")?;
    ensemble.wait_serving(JOINER, Some(Mode::Observer))?;
    change(ensemble, JOINER, &as_participant, "").context("and a participant again")?;
    ensemble.member_mut(JOINER).role = Role::Participant;

    // The leader leaves: somebody else leads at once, and it goes on as one without a vote.
    change(ensemble, 1, "", "3").context("the leader leaves")?;
    // Apache's leader finds out that nobody follows it any more when its next tick comes.
    ensemble.wait_serving(LEADER, Some(Mode::Follower))?;
    let next = ensemble.wait_leader()?;
    ensure!(next != LEADER, "a server without a vote leads");
    ensemble.wait_all()?;
    ensemble.session(1)?.create("/without-3", b"", 0)?;
    let back = line(ensemble, LEADER);
    change(ensemble, 2, &back, "").context("and gets its vote back")?;

    bulk(ensemble).context("all members named at once")?;
    ensemble.agree()?;
    // Every server knows the ensemble from its own files.
    for sid in ensemble.sids() {
        ensemble.kill(sid)?;
    }
    for sid in ensemble.sids() {
        ensemble.start(sid)?;
    }
    ensemble.wait_all().context("start from the files")?;
    same_config(ensemble, None)?;
    ensemble.agree().map(drop)
}

/// Three servers that know each other, and a fourth that knows them.
fn begin(ensemble: &mut Ensemble<'_>) -> Result<()> {
    let lines: Vec<String> = ensemble.members.iter().map(|member| member.own_line(true)).collect();
    for member in &ensemble.members {
        let known = if member.sid() == JOINER { &lines[..] } else { &lines[..3] };
        member.configure(known, CFG)?;
    }
    ensemble.start(LEADER)?;
    ensemble.start(1)?;
    ensemble.wait_serving(LEADER, Some(Mode::Leader))?;
    ensemble.join(2)?;
    ensemble.wait_all()
}

fn refusals(ensemble: &Ensemble<'_>) -> Result<()> {
    let mut session = ensemble.session(1)?;
    let err = reconfig(&mut session, "", "2", None, -1)?.err;
    ensure!(err == NO_AUTH, "reconfig by anybody answered {err}");
    session.become_super()?;
    let err = reconfig(&mut session, "", "2", None, 77)?.err;
    ensure!(err == BAD_VERSION, "reconfig of another version answered {err}");
    let nowhere = "server.9=127.0.0.1:1:2:participant;127.0.0.1:3";
    let far = "server.8=127.0.0.1:4:5:participant;127.0.0.1:6";
    let err = reconfig(&mut session, &format!("{nowhere},{far}"), "1,2", None, -1)?.err;
    ensure!(err == NEW_CONFIG_NO_QUORUM, "a membership without a quorum answered {err}");
    session.close()
}

/// Proposes a change through server `at`, and waits until all servers that run know it.
fn change(ensemble: &Ensemble<'_>, at: Sid, joining: &str, leaving: &str) -> Result<()> {
    let mut session = ensemble.session(at)?;
    session.become_super()?;
    // Where the change makes the server leave its leader, the reply may be lost with it.
    let asked = reconfig(&mut session, joining, leaving, None, -1);
    if let Ok(reply) = &asked {
        ensure!(reply.err == 0, "reconfig answered {}", reply.err);
    }
    same_config(ensemble, Some((joining, leaving)))
}

fn bulk(ensemble: &Ensemble<'_>) -> Result<()> {
    let mut session = ensemble.session(1)?;
    session.become_super()?;
    let reply = session.must(op::GET_DATA, Jute::new().text(CONFIG).bool(false))?;
    let text = String::from_utf8(Reader::new(&reply.body).text()?.unwrap_or_default().to_vec())?;
    let (lines, version) = text.rsplit_once("\nversion=").context("no version in the config")?;
    let version = i64::from_str_radix(version, 16)?;
    let members = lines.replace('\n', ",");
    let reply = reconfig(&mut session, "", "", Some(&members), version)?;
    ensure!(reply.err == 0, "reconfig answered {}", reply.err);
    same_config(ensemble, None)
}

/// All servers that run show the same membership, which has `joining` and not `leaving` in it.
fn same_config(ensemble: &Ensemble<'_>, change: Option<(&str, &str)>) -> Result<()> {
    wait_for("one configuration on all servers", SPREAD_LIMIT, || {
        let mut texts = Vec::new();
        for member in ensemble.members.iter().filter(|member| member.is_running()) {
            let mut session = member.session()?;
            session.sync()?;
            texts.push(String::from_utf8(session.data(CONFIG)?)?);
            session.close()?;
        }
        let first = texts.first().context("no server runs")?;
        ensure!(texts.iter().all(|text| text == first), "configurations differ: {texts:#?}");
        if let Some((joining, leaving)) = change {
            ensure!(first.contains(joining), "{joining} is not in {first}");
            let gone = format!("server.{leaving}=");
            ensure!(leaving.is_empty() || !first.contains(&gone), "{gone} is in {first}");
        }
        Ok(())
    })
}

fn line(ensemble: &Ensemble<'_>, sid: Sid) -> String {
    ensemble.member(sid).own_line(true)
}

/// The request; an empty list of servers is null, as Apache's clients send it.
fn reconfig(
    session: &mut Session,
    joining: &str,
    leaving: &str,
    members: Option<&str>,
    version: i64,
) -> Result<Reply> {
    let list = |text: &str| if text.is_empty() { NULL } else { Text::from(text) };
    let body = Jute::new().text(list(joining)).text(list(leaving));
    session.call(op::RECONFIG, body.text(list(members.unwrap_or_default())).long(version))
}
