//! Servers that are measured, alone or as an ensemble: Apache's, ours, ours of an earlier commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use zoarium_bench::settings::Side;

use crate::process::Process;
use crate::tools::{Tools, wait_for};
use crate::wire;

/// How long a server may take until it serves, with millions of znodes to load.
const SERVE_LIMIT: Duration = Duration::from_secs(180);

/// Whose server it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Zoarium,
    Apache,
    /// A binary of ours, built from another commit.
    Earlier {
        commit: String,
        binary: PathBuf,
    },
}

impl Maker {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Zoarium => "zoarium",
            Self::Apache => "apache",
            Self::Earlier { commit, .. } => commit,
        }
    }

    /// The program and arguments that run a server with a configuration file.
    fn command_line(&self, tools: &Tools, cfg: &Path) -> Result<Vec<String>> {
        let cfg = cfg.display().to_string();
        let ours =
            |binary: &Path| vec![binary.display().to_string(), "server".to_owned(), cfg.clone()];
        Ok(match self {
            Self::Zoarium => ours(&tools.zoarium()?),
            Self::Earlier { binary, .. } => ours(binary),
            // The heap that Apache's own scripts give, and otherwise what the JVM chooses.
            Self::Apache => [
                "java",
                "-Xmx1g",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
                "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-cp",
                &tools.class_path(),
                "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                &cfg,
            ]
            .map(str::to_owned)
            .to_vec(),
        })
    }
}

/// One server.
#[derive(Debug)]
struct Member {
    port: u16,
    dir: PathBuf,
    program: Vec<String>,
    process: Option<Process>,
}

/// The servers of one side. Dropping it kills them.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) name: String,
    members: Vec<Member>,
}

impl Contender {
    /// Directories below `dir` and configurations; nothing runs yet. `lines` are added to zoo.cfg.
    pub(super) fn prepare(
        tools: &Tools,
        dir: &Path,
        maker: &Maker,
        servers: u16,
        lines: &[String],
    ) -> Result<Self> {
        let first = tools.ports(3 * servers);
        let mut members = Vec::new();
        for index in 0..servers {
            let (port, dir) =
                (first + index, dir.join(maker.name()).join(format!("{}", index + 1)));
            fs::create_dir_all(dir.join("data"))?;
            // Apache's zoo_sample.cfg; what differs are limits that a load from one host would hit.
            let mut text = format!(
                "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nclientPort={port}\n\
                 clientPortAddress=127.0.0.1\nmaxClientCnxns=0\nmaxSessionTimeout=600000\n\
                 admin.enableServer=false\n4lw.commands.whitelist=*\n",
                dir.join("data").display()
            );
            for other in (0..servers).filter(|_| servers > 1) {
                let (quorum, election) = (first + servers + other, first + 2 * servers + other);
                text.push_str(&format!("server.{}=127.0.0.1:{quorum}:{election}\n", other + 1));
            }
            text.extend(lines.iter().flat_map(|line| [line.as_str(), "\n"]));
            let cfg = dir.join("zoo.cfg");
            fs::write(&cfg, text)?;
            fs::write(dir.join("data/myid"), format!("{}\n", index + 1))?;
            let program = maker.command_line(tools, &cfg)?;
            members.push(Member { port, dir, program, process: None });
        }
        Ok(Self { name: maker.name().to_owned(), members })
    }

    /// Starts all servers on empty directories and waits until they serve.
    pub(super) fn start(
        tools: &Tools,
        dir: &Path,
        maker: &Maker,
        servers: u16,
        lines: &[String],
    ) -> Result<Self> {
        let mut contender = Self::prepare(tools, dir, maker, servers, lines)?;
        (0..contender.members.len()).try_for_each(|index| contender.launch(index))?;
        (0..contender.members.len()).try_for_each(|index| contender.wait_serving(index))?;
        Ok(contender)
    }

    /// Starts a server on its directory as it is.
    pub(super) fn launch(&mut self, index: usize) -> Result<()> {
        let member = &mut self.members[index];
        ensure!(member.process.is_none(), "server {} runs already", index + 1);
        let log = member.dir.join("server.log");
        member.process = Some(Process::start(&member.program, &member.dir, &log)?);
        Ok(())
    }

    /// Waits until a server that was launched serves.
    pub(super) fn wait_serving(&mut self, index: usize) -> Result<()> {
        let name = format!("{} {}", self.name, index + 1);
        let member = &mut self.members[index];
        let process = member.process.as_mut().context("it does not run")?;
        let mut ended = Ok(());
        let serves = wait_for(&format!("server {name} to serve"), SERVE_LIMIT, || {
            ended = process.check_running(&name);
            let text = wire::four_letter_word(member.port, "srvr");
            ensure!(ended.is_err() || text?.contains("Mode:"), "it does not say what it is");
            Ok(())
        });
        ended.and(serves).with_context(|| process.log_tail())
    }

    /// SIGTERM, then waits for the end.
    pub(super) fn stop(&mut self, index: usize) -> Result<()> {
        self.members[index].process.take().map_or(Ok(()), Process::stop)
    }

    /// The client port of a server.
    pub(super) fn port(&self, index: usize) -> u16 {
        self.members[index].port
    }

    /// The processes that run.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.members.iter().filter_map(|member| member.process.as_ref()).map(Process::id).collect()
    }

    /// For the load generator.
    pub(super) fn side(&self) -> Result<Side> {
        let addresses = self.members.iter().filter(|member| member.process.is_some());
        let addresses: Vec<_> = addresses.map(|it| format!("127.0.0.1:{}", it.port)).collect();
        let servers = addresses.join(",").parse().context("addresses of the servers")?;
        Ok(Side { name: self.name.clone(), servers, pids: self.pids() })
    }

    /// What a server has logged so far.
    pub(super) fn log(&self, index: usize) -> Result<String> {
        let log = fs::read(self.members[index].dir.join("server.log"))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    /// The ends of all logs, for a failure.
    pub(super) fn log_tails(&self) -> String {
        let processes = self.members.iter().filter_map(|member| member.process.as_ref());
        processes.map(Process::log_tail).collect::<Vec<_>>().join("\n")
    }
}
