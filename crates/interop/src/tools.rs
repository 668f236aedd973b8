//! Where the harness keeps things, and how it starts other programs.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// First port tried when `INTEROP_PORT` is not set.
const PORT_FIRST: u16 = 21_000;
/// How many ports a run uses at most.
const PORT_COUNT: u16 = 1000;
/// Pause between two looks at something that is awaited.
const POLL: Duration = Duration::from_millis(20);

/// Directories and ports shared by all checks.
#[derive(Debug)]
pub(crate) struct Tools {
    /// Caches and run directories: `target/interop`.
    pub(crate) root: PathBuf,
    /// This crate's sources, for the client programs.
    pub(crate) source: PathBuf,
    first_port: u16,
    taken: Mutex<Taken>,
}

/// Which ports are in use, and where to look for the next ones.
#[derive(Debug, Default)]
struct Taken {
    ports: BTreeSet<u16>,
    /// Counted from the first port. Ports are used in turn, so that a connection that lingers meets
    /// no new server.
    next: u16,
}

/// Neighbouring ports that are free for others again when this is dropped.
#[derive(Debug)]
pub(crate) struct Ports<'a> {
    tools: &'a Tools,
    pub(crate) first: u16,
    count: u16,
}

impl Drop for Ports<'_> {
    fn drop(&mut self) {
        let mut taken = self.tools.taken();
        for port in self.first..self.first + self.count {
            taken.ports.remove(&port);
        }
    }
}

impl Tools {
    pub(crate) fn new() -> Result<Self> {
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(target) => PathBuf::from(target),
            None => source.join("../../target"),
        };
        let root = target.join("interop");
        fs::create_dir_all(&root).with_context(|| format!("create {}", root.display()))?;
        let first = match env::var("INTEROP_PORT") {
            Ok(port) => port.parse().context("INTEROP_PORT")?,
            Err(_) => PORT_FIRST,
        };
        let taken = Mutex::new(Taken::default());
        Ok(Self { root: root.canonicalize()?, source, first_port: first, taken })
    }

    /// A port on 127.0.0.1 that nobody listens on and no other check was given.
    pub(crate) fn port(&self) -> u16 {
        self.ports(1)
    }

    /// The first of `count` neighbouring free ports, for as long as this program runs.
    pub(crate) fn ports(&self, count: u16) -> u16 {
        let mut taken = self.taken();
        loop {
            let offset = if taken.next + count > PORT_COUNT { 0 } else { taken.next };
            taken.next = offset + count;
            let range = self.first_port + offset..self.first_port + offset + count;
            let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
            if range.clone().all(|port| !taken.ports.contains(&port) && is_free(port)) {
                taken.ports.extend(range.clone());
                return range.start;
            }
        }
    }

    /// As [`Tools::ports`], until the value is dropped.
    pub(crate) fn lease(&self, count: u16) -> Ports<'_> {
        Ports { tools: self, first: self.ports(count), count }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh, empty directory in memory where there is such a thing, so that a machine with slow
    /// disks does not make a test of something else slow. Elsewhere it is `run_dir`'s.
    pub(crate) fn memory_dir(&self, name: &str) -> Result<PathBuf> {
        let memory = Path::new("/dev/shm");
        let dir = memory.join(format!("interop-{}", self.first_port)).join(name);
        let emptied = match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        match emptied.and_then(|()| fs::create_dir_all(&dir)) {
            Ok(()) => Ok(dir),
            Err(_) => self.run_dir(&format!("{name}-data")),
        }
    }

    /// A fresh, empty directory for one run of something.
    pub(crate) fn run_dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.root.join("run").join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("empty {}", dir.display()))?;
        }
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(dir)
    }

    /// The class path of Apache's client and server.
    pub(crate) fn class_path(&self) -> String {
        format!("{}/*", self.root.join("jars").display())
    }

    /// The class path of Apache's server 3.8.0.
    pub(crate) fn class_path_38(&self) -> String {
        format!("{}/*", self.root.join("jars-3.8").display())
    }

    /// Apache's server version, from the name of its jar.
    pub(crate) fn apache_version(&self) -> Result<String> {
        let jars = self.root.join("jars");
        for entry in fs::read_dir(&jars).with_context(|| format!("read {}", jars.display()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let version = name.strip_prefix("zookeeper-").and_then(|s| s.strip_suffix(".jar"));
            if let Some(version) = version.filter(|v| v.starts_with(|c: char| c.is_ascii_digit())) {
                return Ok(version.to_owned());
            }
        }
        bail!("no zookeeper-*.jar in {}; run `interop setup`", jars.display())
    }

    /// The Python of the virtual environment that holds kazoo.
    pub(crate) fn python(&self) -> PathBuf {
        self.root.join("venv/bin/python")
    }

    /// The Zoarium binary: `$ZOARIUM`, or the release build.
    pub(crate) fn zoarium(&self) -> Result<PathBuf> {
        let path = match env::var_os("ZOARIUM") {
            Some(path) => PathBuf::from(path),
            None => self.root.join("../release/zoarium"),
        };
        path.canonicalize().with_context(|| format!("no Zoarium binary at {}", path.display()))
    }
}

/// A command that dies with the thread that started it, so that nothing outlives a failed run.
pub(crate) fn bound(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command.stdin(Stdio::null());
    command
}

/// Looks until `look` finds something; fails with `what` and the last refusal after `limit`.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context(format!("waited {limit:?} for {what}")));
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// Runs a command to its end; a failing exit becomes an error with the end of its output.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, last_lines(&text_of(&output), 30));
    }
    Ok(text_of(&output))
}

/// As [`run`], but kills the command after `limit`. Output goes through a file, so that a
/// grandchild that keeps it open cannot hold up the harness.
pub(crate) fn run_within(command: &mut Command, limit: Duration, log: &Path) -> Result<String> {
    let file = fs::File::create(log).with_context(|| format!("create {}", log.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("not done in {limit:?}\n{}", last_lines(&lossy(log)?, 30));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = lossy(log)?;
    if !status.success() {
        bail!("{status}\n{}", last_lines(&text, 30));
    }
    Ok(text)
}

fn lossy(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

fn text_of(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

/// The last `count` lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// True when a program of this name is on `PATH`.
pub(crate) fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// Copies a directory with all that is in it, into an existing or a new one.
pub(crate) fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
