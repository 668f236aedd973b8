//! A standalone server, Apache's or ours, with its own directory and port.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::Process;
use crate::tools::Tools;
use crate::wire;

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Pause between two looks at a starting server.
const POLL: Duration = Duration::from_millis(10);

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Apache's newest.
    Apache,
    /// Apache's 3.8.0.
    Apache38,
    Zoarium,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Apache38 => "apache38",
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
    process: Option<Process>,
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
        let program = command_line(tools, kind, &dir.join("zoo.cfg"), "512m")?;
        Ok(Self { kind, port, dir, program, process: None })
    }

    /// Sets a property of the JVM, from the next start on.
    pub(crate) fn define(&mut self, property: &str) {
        self.program.insert(1, format!("-D{property}"));
    }

    /// Starts the process on the directory as it is, and waits until it serves.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process = Some(Process::start(&self.program, &self.dir, &self.log_path())?);
        self.wait_until_serving()
    }

    fn wait_until_serving(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(process) = self.process.as_mut() {
                process.check_running(self.kind.name())?;
            }
            if wire::four_letter_word(self.port, "srvr").is_ok_and(|text| text.contains("Mode:")) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let tail = self.process.as_ref().map(Process::log_tail).unwrap_or_default();
                bail!("{} server does not serve\n{tail}", self.kind.name());
            }
            std::thread::sleep(POLL);
        }
    }

    /// SIGKILL: nothing that is not on disk survives.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// SIGTERM, then waits for the end.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::stop)
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
}

/// The program and arguments that run a server of `kind` with a configuration file. `heap` is the
/// most memory that a JVM may use.
pub(crate) fn command_line(
    tools: &Tools,
    kind: Kind,
    cfg: &Path,
    heap: &str,
) -> Result<Vec<String>> {
    let cfg = cfg.display().to_string();
    let jars = match kind {
        Kind::Zoarium => {
            return Ok(vec![tools.zoarium()?.display().to_string(), "server".to_owned(), cfg]);
        }
        Kind::Apache => tools.class_path(),
        Kind::Apache38 => tools.class_path_38(),
    };
    let mut words = small_jvm(heap);
    let main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
    words.extend(["-cp", &jars, main, &cfg].map(str::to_owned));
    Ok(words)
}

/// A small JVM that starts fast and logs to standard error.
fn small_jvm(heap: &str) -> Vec<String> {
    [
        "java",
        &format!("-Xmx{heap}"),
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Dfile.encoding=UTF-8",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
    ]
    .map(str::to_owned)
    .to_vec()
}
