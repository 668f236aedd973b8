//! Where the harness keeps things, and how it starts other programs.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// First port tried when `INTEROP_PORT` is not set.
const PORT_FIRST: u16 = 21_000;

/// Directories and ports shared by all checks.
#[derive(Debug)]
pub(crate) struct Tools {
    /// Caches and run directories: `target/interop`.
    pub(crate) root: PathBuf,
    /// This crate's sources, for the client programs.
    pub(crate) source: PathBuf,
    next_port: AtomicU16,
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
        Ok(Self { root: root.canonicalize()?, source, next_port: AtomicU16::new(first) })
    }

    /// A port on 127.0.0.1 that nobody listens on and no other check was given.
    pub(crate) fn port(&self) -> u16 {
        self.ports(1)
    }

    /// The first of `count` neighbouring free ports.
    pub(crate) fn ports(&self, count: u16) -> u16 {
        loop {
            let first = self.next_port.fetch_add(count, Ordering::Relaxed);
            if (first..first + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
                return first;
            }
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
