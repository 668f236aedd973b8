//! A disk that is full: one server's data lies on a small file system in memory.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::on_own_disk;
use crate::Options;
use crate::ensemble::{Ensemble, Plan, Sid};
use crate::history::load::Load;
use crate::mixed::took;
use crate::report::Report;
use crate::setup;
use crate::tools::{Tools, run as run_command};

/// Room for some logs and snapshots.
const DISK: &str = "size=16m,mode=0777";
/// How long the disk stays full: the load writes several blocks of log in that time.
const FULL: Duration = Duration::from_secs(4);
/// How long a server may take to come back by itself once there is room again.
const RECOVERY: Duration = Duration::from_secs(20);

pub(super) fn run(tools: &Tools, report: &Report, options: &Options) {
    for (name, sid) in [("faults/full-disk-leader", 3), ("faults/full-disk-follower", 1)] {
        let mount = |ensemble: &Ensemble<'_>| Disk::mount(&ensemble.member(sid).data);
        on_own_disk(tools, report, options, (Plan::of, name, sid), mount, judged);
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
    let load = Load::start(ensemble, "/full-disk")?;
    disk.fill()?;
    std::thread::sleep(FULL);
    load.wait_progress().context("while the disk is full")?;
    disk.free()?;
    let by_itself = back(ensemble, sid)?;
    load.wait_progress().context("with room again")?;
    let history = load.finish(ensemble)?;
    let how = if by_itself { "it went on by itself" } else { "it had to be started again" };
    Ok(format!("{how}; {}; {}", history.summary(), took(began)))
}

/// Waits for the server; starts it again if it does not serve. True if that was not needed.
fn back(ensemble: &mut Ensemble<'_>, sid: Sid) -> Result<bool> {
    let deadline = Instant::now() + RECOVERY;
    while Instant::now() < deadline {
        if ensemble.member(sid).status().is_ok() {
            return Ok(true);
        }
        let member = ensemble.member_mut(sid);
        if member.process.as_mut().is_some_and(|process| process.check_running("").is_err()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    ensemble.kill(sid)?;
    ensemble.join(sid)?;
    Ok(false)
}

/// A mounted file system; unmounted when this is dropped.
struct Disk {
    dir: PathBuf,
}

impl Disk {
    fn mount(dir: &Path) -> Result<Self> {
        let mut mount = setup::as_root("mount")?;
        run_command(mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(dir))?;
        Ok(Self { dir: dir.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.dir.join("filler")
    }

    /// Takes the last free byte.
    fn fill(&self) -> Result<()> {
        let mut filler = fs::File::create(self.filler())?;
        for grain in [1 << 16, 1 << 12, 1] {
            loop {
                match filler.write_all(&vec![0x5a; grain]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("fill the disk"),
                }
            }
        }
        Ok(())
    }

    fn free(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("free the disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A file system that stays mounted does no harm but to use memory.
        drop(setup::as_root("umount").map(|mut umount| umount.arg(&self.dir).output()));
    }
}
