//! A standalone server, Apache's or ours, with its own directory and port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::tools::{Tools, bound, last_lines, run};
use crate::wire;

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a server may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// Pause between two looks at a starting or stopping server.
const POLL: Duration = Duration::from_millis(10);

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Apache,
    Zoarium,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Zoarium => "zoarium",
        }
    }
}

/// A running (or stopped) standalone server. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) port: u16,
    /// Holds `zoo.cfg`, `server.log` and `data`.
    pub(crate) dir: PathBuf,
    program: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Starts a server on an empty directory. `name` tells its directory from others; `lines` are
    /// added to zoo.cfg.
    pub(crate) fn start(tools: &Tools, kind: Kind, name: &str, lines: &[&str]) -> Result<Self> {
        let mut server = Self::prepare(tools, kind, name, lines)?;
        server.restart()?;
        Ok(server)
    }

    /// As [`Server::start`], without starting: the data directory can be filled first.
    pub(crate) fn prepare(tools: &Tools, kind: Kind, name: &str, lines: &[&str]) -> Result<Self> {
        let dir = tools.run_dir(&format!("{name}-{}", kind.name()))?;
        let port = tools.port();
        fs::create_dir(dir.join("data"))?;
        let mut text = format!(
            "tickTime=2000\ndataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\n\
             maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=*\n",
            dir.join("data").display()
        );
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        fs::write(dir.join("zoo.cfg"), text)?;
        let program = command_line(tools, kind, &dir)?;
        Ok(Self { kind, port, dir, program, child: None })
    }

    /// Starts the process on the directory as it is, and waits until it serves.
    pub(crate) fn restart(&mut self) -> Result<()> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let mut command = bound(&self.program[0]);
        command.args(&self.program[1..]).current_dir(&self.dir);
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("start {command:?}"))?;
        self.child = Some(child);
        self.wait_until_serving()
    }

    fn wait_until_serving(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok()?) {
                bail!("{} server ended: {status}\n{}", self.kind.name(), self.log_tail());
            }
            if wire::four_letter_word(self.port, "srvr").is_ok_and(|text| text.contains("Mode:")) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{} server does not serve\n{}", self.kind.name(), self.log_tail());
            }
            std::thread::sleep(POLL);
        }
    }

    /// SIGKILL: nothing that is not on disk survives.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().context("kill the server")?;
            child.wait()?;
        }
        Ok(())
    }

    /// SIGTERM, then waits for the end.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        run(Command::new("kill").args(["-TERM", &child.id().to_string()]))?;
        let deadline = Instant::now() + STOP_LIMIT;
        while child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("{} server ignored SIGTERM\n{}", self.kind.name(), self.log_tail());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// The whole log so far.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.log_path())?).into_owned())
    }

    fn log_tail(&self) -> String {
        self.log().map_or_else(|error| format!("{error:#}"), |log| last_lines(&log, 15))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when the process is gone already, which is what is wanted.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The program and arguments that run a server of `kind` on `dir/zoo.cfg`.
fn command_line(tools: &Tools, kind: Kind, dir: &Path) -> Result<Vec<String>> {
    let cfg = dir.join("zoo.cfg").display().to_string();
    let words: Vec<String> = match kind {
        Kind::Zoarium => {
            vec![tools.zoarium()?.display().to_string(), "server".to_owned(), cfg]
        }
        Kind::Apache => {
            let mut words: Vec<String> = apache_jvm(tools);
            words.push("org.apache.zookeeper.server.quorum.QuorumPeerMain".to_owned());
            words.push(cfg);
            words
        }
    };
    Ok(words)
}

/// A small JVM that starts fast and logs to standard error.
pub(crate) fn apache_jvm(tools: &Tools) -> Vec<String> {
    let class_path = tools.class_path();
    [
        "java",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Dfile.encoding=UTF-8",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-cp",
        &class_path,
    ]
    .map(str::to_owned)
    .to_vec()
}
