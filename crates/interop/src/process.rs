//! A server's process: started, stopped, killed, paused; its output in a log file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::tools::{bound, last_lines, run, wait_for};

/// How long a server may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// How long SIGSTOP may take to reach the last thread.
const PAUSE_LIMIT: Duration = Duration::from_secs(60);
/// Pause between two looks at a stopping process.
const POLL: Duration = Duration::from_millis(10);

/// A process that was started. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program in `dir`; what it prints is added to `log`.
    pub(crate) fn start(program: &[String], dir: &Path, log: &Path) -> Result<Self> {
        let file = fs::OpenOptions::new().create(true).append(true).open(log)?;
        let (name, arguments) = program.split_first().context("no program to start")?;
        let mut command = bound(name);
        command.args(arguments).current_dir(dir);
        command.stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("start {command:?}"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails with the end of the log when the process has ended.
    pub(crate) fn check_running(&mut self, name: &str) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{name} server ended: {status}\n{}", self.log_tail()),
        }
    }

    /// SIGKILL: nothing that is not on disk survives.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill().context("kill the server")?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, then waits for the end.
    pub(crate) fn stop(mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        self.signal("TERM")?;
        let deadline = Instant::now() + STOP_LIMIT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("SIGTERM was ignored\n{}", self.log_tail());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// SIGSTOP, then waits until every thread has stopped.
    ///
    /// The signal is delivered to one thread, which has to be given a processor before it can stop
    /// the others; until then they go on, and on a busy machine they answer what comes next.
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal("STOP")?;
        wait_for("all threads to stop", PAUSE_LIMIT, || {
            for task in fs::read_dir(format!("/proc/{}/task", self.id()))? {
                let stat = fs::read_to_string(task?.path().join("stat"))?;
                // The state follows the name, which is in parentheses and may hold anything.
                let state = stat.rsplit_once(") ").context("no state")?.1;
                ensure!(state.starts_with('T'), "one does not: {stat}");
            }
            Ok(())
        })
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Sends a signal by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let id = self.id().to_string();
        run(Command::new("kill").args([&format!("-{name}"), &id])).map(drop)
    }

    /// Waits until the process ends by itself.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("still running after {limit:?}\n{}", self.log_tail());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    pub(crate) fn log_tail(&self) -> String {
        match fs::read(&self.log) {
            Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes), 15),
            Err(error) => format!("{}: {error}", self.log.display()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process is gone already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
