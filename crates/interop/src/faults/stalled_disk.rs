//! A disk that takes nothing for a while: one server's data lies on a file system of its own, which
//! is frozen. Writes wait in it and fail nobody.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::on_own_disk;
use crate::Options;
use crate::ensemble::{Ensemble, Plan, Sid};
use crate::history::load::Load;
use crate::mixed::took;
use crate::report::Report;
use crate::session::Session;
use crate::setup;
use crate::tools::{Tools, run as run_command};
use crate::wire::{Hello, REPLY_TIMEOUT};

/// The smallest file system that takes some blocks of log.
const DISK_BYTES: u64 = 64 << 20;
/// A third of syncLimit, as freezing and thawing take their time on a busy disk; twice the session's
/// timeout, which client, follower and leader must not spend waiting for a processor.
const FOLLOWER_FROZEN: Duration = Duration::from_millis(3000);
const SESSION_TIMEOUT_MS: i32 = 1500;
/// Between signs of life of that session.
const PULSE: Duration = Duration::from_millis(100);

pub(super) fn run(tools: &Tools, report: &Report, options: &Options) {
    for (name, sid) in [("faults/stalled-disk-leader", 3), ("faults/stalled-disk-follower", 1)] {
        let mount =
            |ensemble: &Ensemble<'_>| Disk::mount(&ensemble.member(sid).data, &ensemble.dir);
        on_own_disk(tools, report, options, (Plan::patient, name, sid), mount, judged);
    }
}

fn judged(ensemble: &mut Ensemble<'_>, disk: &Disk, sid: Sid) -> Result<String> {
    let began = Instant::now();
    fs::write(disk.dir.join("myid"), format!("{sid}\n"))?;
    for sid in [3, 2] {
        ensemble.start(sid)?;
    }
    ensemble.wait_all()?;
    ensemble.join(1)?;
    let load = Load::start(ensemble, "/stalled-disk")?;
    let story = match ensemble.wait_leader()? == sid {
        true => others_go_on_without_the_leaders(ensemble, disk, &load, sid)?,
        false => sessions_of_the_follower_live_on(ensemble, disk, sid)?,
    };
    ensemble.wait_all().context("after the stall")?;
    load.wait_progress().context("after the stall")?;
    let history = load.finish(ensemble)?;
    Ok(format!("{story}; {}; {}", history.summary(), took(began)))
}

/// The others' disks are a quorum without the leader's, so nobody has to wait until it makes way:
/// it leads in the same epoch all the time.
fn others_go_on_without_the_leaders(
    ensemble: &Ensemble<'_>,
    disk: &Disk,
    load: &Load,
    leader: Sid,
) -> Result<String> {
    let epoch = || anyhow::Ok(ensemble.member(leader).status()?.zxid >> 32);
    let before = epoch()?;
    disk.freeze()?;
    let frozen = Instant::now();
    let progress = load.wait_progress().context("while the leader's disk stands still");
    let gap = frozen.elapsed();
    disk.thaw()?;
    progress?;
    let leads = ensemble.wait_leader()?;
    ensure!(leads == leader, "it made way for server {leads} after at most {gap:?}");
    ensure!(epoch()? == before, "it was elected again after at most {gap:?}");
    Ok(format!("the others went on after {:.1} s", gap.as_secs_f64()))
}

/// The session reads and pings there. Its leader hears of it through the server's own pings, and so
/// must not wait for the disk either.
fn sessions_of_the_follower_live_on(
    ensemble: &Ensemble<'_>,
    disk: &Disk,
    sid: Sid,
) -> Result<String> {
    let port = ensemble.client_ports()[usize::from(sid) - 1];
    let hello = Hello { timeout_ms: SESSION_TIMEOUT_MS, ..Hello::default() };
    let session = Session::connect(port, &hello, REPLY_TIMEOUT)?;
    let mut session = session.context("the new session was refused")?;
    disk.freeze()?;
    let frozen = Instant::now();
    let mut longest = Duration::ZERO;
    let mut lived = Ok(());
    while lived.is_ok() && frozen.elapsed() < FOLLOWER_FROZEN {
        let asked = Instant::now();
        lived = session.exists("/").map(drop);
        longest = longest.max(asked.elapsed());
        std::thread::sleep(PULSE);
    }
    disk.thaw()?;
    lived.context("read through a follower whose disk stands still")?;
    session.create("/of-the-session", b"", 1).context("its session is over")?;
    session.close()?;
    Ok(format!("its sessions lived on, reads took {} ms at most", longest.as_millis()))
}

/// A mounted file system in a file; thawed and unmounted when this is dropped.
struct Disk {
    dir: PathBuf,
}

impl Disk {
    fn mount(dir: &Path, beside: &Path) -> Result<Self> {
        let image = beside.join("disk.img");
        File::create(&image)?.set_len(DISK_BYTES)?;
        run_command(setup::as_root("mkfs.ext4")?.arg("-q").arg(&image))?;
        run_command(setup::as_root("mount")?.args(["-o", "loop"]).arg(&image).arg(dir))?;
        let disk = Self { dir: dir.to_owned() };
        run_command(setup::as_root("chmod")?.arg("0777").arg(dir))?;
        Ok(disk)
    }

    fn freeze(&self) -> Result<()> {
        run_command(setup::as_root("fsfreeze")?.arg("--freeze").arg(&self.dir)).map(drop)
    }

    fn thaw(&self) -> Result<()> {
        run_command(setup::as_root("fsfreeze")?.arg("--unfreeze").arg(&self.dir)).map(drop)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // One that is not frozen cannot be thawed, and one that stays mounted does no harm.
        drop(self.thaw());
        drop(setup::as_root("umount").map(|mut umount| umount.arg(&self.dir).output()));
    }
}
