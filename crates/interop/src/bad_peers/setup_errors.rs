//! Servers that an operator has set up wrongly.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::ensemble::{Ensemble, Sid};

/// The follower that is set up wrongly.
const VICTIM: Sid = 1;
/// The server whose directory it takes.
const OTHER: Sid = 2;
/// How long a server that cannot work may take to say so and end.
const END_LIMIT: Duration = Duration::from_secs(60);
/// How long a server that should be left out is watched.
const WATCH: Duration = Duration::from_secs(3);

/// A second server with the id of a running one, on ports of its own, with an empty directory.
pub(super) fn duplicate_id(ensemble: &mut Ensemble<'_>) -> Result<String> {
    stranger(ensemble, VICTIM, "duplicate")
}

/// The same with the largest id, which all others let itself connect to them.
pub(super) fn duplicate_of_the_leader(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let leader = ensemble.wait_leader()?;
    stranger(ensemble, leader, "duplicate-of-the-leader")
}

/// A server with an id that the ensemble does not have.
pub(super) fn wrong_cluster(ensemble: &mut Ensemble<'_>) -> Result<String> {
    stranger(ensemble, 7, "stranger")
}

/// Starts a server that is none of the ensemble's with a configuration that names its servers.
fn stranger(ensemble: &mut Ensemble<'_>, sid: Sid, name: &str) -> Result<String> {
    let mut stranger = ensemble.stranger(sid, name)?;
    std::thread::sleep(WATCH);
    stranger.member.kill()?;
    stranger.member.log()
}

/// The follower's directory says that it is another server, which runs.
pub(super) fn wrong_myid(ensemble: &mut Ensemble<'_>) -> Result<String> {
    ensemble.stop(VICTIM)?;
    let myid = ensemble.member(VICTIM).data.join("myid");
    fs::write(&myid, format!("{OTHER}\n"))?;
    ends(ensemble).context("with another server's id")?;
    fs::write(&myid, format!("{VICTIM}\n"))?;
    ensemble.join(VICTIM)?;
    Ok(String::new())
}

/// The follower is pointed at the directory of another server, which runs on it.
pub(super) fn directory_of_another(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let own = ensemble.member(VICTIM).data.display().to_string();
    let other = ensemble.member(OTHER).data.display().to_string();
    with_config(ensemble, |text| {
        text.replace(&format!("dataDir={own}"), &format!("dataDir={other}"))
    })
}

/// The follower's configuration has everybody but itself.
pub(super) fn not_in_config(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let own = format!("server.{VICTIM}=");
    with_config(ensemble, |text| {
        text.lines()
            .filter(|line| !line.starts_with(&own))
            .map(|line| format!("{line}\n"))
            .collect()
    })
}

/// Starts the follower with another configuration, which must not work, and then with its own.
fn with_config(ensemble: &mut Ensemble<'_>, edit: impl Fn(&str) -> String) -> Result<String> {
    ensemble.stop(VICTIM)?;
    let path = ensemble.member(VICTIM).dir.join("zoo.cfg");
    let before = fs::read_to_string(&path)?;
    edited(&path, &before, edit)?;
    ends(ensemble)?;
    fs::write(&path, before)?;
    ensemble.join(VICTIM)?;
    Ok(String::new())
}

fn edited(path: &Path, before: &str, edit: impl Fn(&str) -> String) -> Result<()> {
    let after = edit(before);
    ensure!(after != before, "nothing to change in {}", path.display());
    Ok(fs::write(path, after)?)
}

/// The follower starts, and ends by itself.
fn ends(ensemble: &mut Ensemble<'_>) -> Result<()> {
    ensemble.start(VICTIM)?;
    let process = ensemble.member_mut(VICTIM).process.as_mut().context("no process")?;
    process.wait_for_end(END_LIMIT)?;
    ensemble.kill(VICTIM)
}
