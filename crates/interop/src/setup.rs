//! Installs what the checks need, each part once, all under `target/interop`.
//!
//! A part is a directory with a stamp file that holds the manifest it was made from; it is made
//! again when the manifest changes. System packages are asked for only when a program is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result};

use crate::report::say;
use crate::tools::{Tools, on_path, run};

/// Two checks may need the same part, and apt allows one caller at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The version whose sdist carries `kazoo/tests`.
const KAZOO: &str = "kazoo==2.11.0";

/// Everything, for a fresh machine.
pub(crate) fn all(tools: &Tools) -> Result<()> {
    jars(tools)?;
    jars_38(tools)?;
    python(tools)?;
    kazoo_source(tools)?;
    c_client(tools)?;
    go_client(tools)?;
    node(tools)?;
    Ok(())
}

/// Apache's server, its Java client and Curator.
pub(crate) fn jars(tools: &Tools) -> Result<()> {
    maven(tools, "jars", "pom.xml")?;
    // `java Program.java` compiles, so a bare JRE is not enough.
    packages(&[("javac", "openjdk-17-jdk-headless")])
}

/// Apache's server 3.8.0. Distributions carry it too, but each another release.
pub(crate) fn jars_38(tools: &Tools) -> Result<()> {
    maven(tools, "jars-3.8", "pom-3.8.xml")
}

/// Copies what a Maven project depends on.
fn maven(tools: &Tools, name: &str, project: &str) -> Result<()> {
    let manifest = tools.source.join("clients/java").join(project);
    part(tools, name, &manifest, |dir| {
        packages(&[("java", "openjdk-17-jdk-headless"), ("mvn", "maven")])?;
        let mut command = Command::new("mvn");
        command.args(["-q", "-B", "-f"]).arg(&manifest);
        command.arg("dependency:copy-dependencies");
        command.arg(format!("-DoutputDirectory={}", dir.display()));
        run(&mut command)
    })
}

/// What makes certificates.
pub(crate) fn openssl() -> Result<()> {
    packages(&[("openssl", "openssl")])
}

/// A virtual environment with kazoo and what its tests import.
pub(crate) fn python(tools: &Tools) -> Result<()> {
    let manifest = tools.source.join("clients/python/requirements.txt");
    part(tools, "venv", &manifest, |dir| {
        packages(&[("python3", "python3")])?;
        let venv = |dir: &Path| run(Command::new("python3").args(["-m", "venv"]).arg(dir));
        if venv(dir).is_err() {
            apt(&["python3-venv"])?;
            venv(dir)?;
        }
        let mut pip = Command::new(dir.join("bin/pip"));
        run(pip.args(["install", "-q", "-r"]).arg(&manifest))
    })
}

/// Kazoo's sources with its tests, unpacked in `target/interop/kazoo`.
pub(crate) fn kazoo_source(tools: &Tools) -> Result<()> {
    let manifest = tools.source.join("clients/python/requirements.txt");
    part(tools, "kazoo", &manifest, |dir| {
        let mut pip = Command::new(tools.python());
        pip.args(["-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", KAZOO, "-d"]);
        run(pip.arg(dir))?;
        let archive = fs::read_dir(dir)?.next().context("pip left no kazoo sdist")??.path();
        let mut tar = Command::new("tar");
        run(tar.args(["xz", "--strip-components=1", "-f"]).arg(archive).arg("-C").arg(dir))
    })
}

/// The C program, built against Debian's multi-threaded client; and `cli_mt`.
pub(crate) fn c_client(tools: &Tools) -> Result<()> {
    let manifest = tools.source.join("clients/c/client.c");
    part(tools, "c", &manifest, |dir| {
        packages(&[("gcc", "gcc")])?;
        if !Path::new("/usr/include/zookeeper/zookeeper.h").exists() {
            apt(&["libzookeeper-mt-dev", "libc6-dev"])?;
        }
        let mut gcc = Command::new("gcc");
        gcc.args(["-Wall", "-Werror", "-DTHREADED", "-o"]).arg(dir.join("client")).arg(&manifest);
        run(gcc.args(["-lzookeeper_mt", "-lpthread"]))
    })
}

/// The Go program.
pub(crate) fn go_client(tools: &Tools) -> Result<()> {
    let source = tools.source.join("clients/go");
    part(tools, "go", &source.join("main.go"), |dir| {
        packages(&[("go", "golang-go")])?;
        let mut go = Command::new("go");
        go.current_dir(&source).env("GOFLAGS", "-modcacherw").args(["build", "-o"]);
        go.env("GOPATH", dir.join("path")).env("GOCACHE", dir.join("cache"));
        run(go.arg(dir.join("client")).arg("."))
    })
}

/// Both Node.js clients; `zookeeper` compiles the C client while it installs.
pub(crate) fn node(tools: &Tools) -> Result<()> {
    let manifest = tools.source.join("clients/node/package.json");
    part(tools, "node", &manifest, |dir| {
        packages(&[("node", "nodejs"), ("npm", "npm")])?;
        packages(&[("cmake", "cmake"), ("make", "make"), ("g++", "g++"), ("python3", "python3")])?;
        fs::copy(&manifest, dir.join("package.json"))?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(dir);
        npm.env("npm_config_cache", tools.root.join("npm-cache"));
        let text = run(&mut npm)?;
        let native = dir.join("node_modules/zookeeper");
        if native.join("build/Release/zookeeper.node").exists() {
            return Ok(text);
        }
        // Newer npm does not run a package's own build until it is told to.
        run(Command::new("node").arg("scripts/prepublish.js").current_dir(&native))?;
        run(Command::new("npm").args(["run", "build"]).current_dir(&native))
    })
}

/// Makes `target/interop/<name>` with `make` unless its stamp equals `manifest`.
fn part(
    tools: &Tools,
    name: &str,
    manifest: &Path,
    make: impl FnOnce(&Path) -> Result<String>,
) -> Result<()> {
    let _guard = ONE_AT_A_TIME.lock().map_err(|_| anyhow::anyhow!("another set-up failed"))?;
    let wanted =
        fs::read_to_string(manifest).with_context(|| format!("read {}", manifest.display()))?;
    let dir = tools.root.join(name);
    let stamp = dir.join("interop.stamp");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    say(&format!("setting up {name}"));
    empty(&dir)?;
    make(&dir).with_context(|| format!("set up {name}"))?;
    fs::write(&stamp, wanted)?;
    Ok(())
}

fn empty(dir: &PathBuf) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("empty {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))
}

/// Installs the packages whose program is not on `PATH`.
fn packages(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(program, _)| !on_path(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() { Ok(()) } else { apt(&missing) }
}

/// Installs Debian packages; refreshes the package lists only if that is needed.
pub(crate) fn apt(packages: &[&str]) -> Result<()> {
    say(&format!("installing {}", packages.join(" ")));
    let install = || {
        let mut apt = as_root("apt-get")?;
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        run(apt.args(["install", "-y", "-q", "--no-install-recommends"]).args(packages))
    };
    if install().is_err() {
        run(as_root("apt-get")?.args(["update", "-q"]))?;
        install()?;
    }
    Ok(())
}

/// A command with root's rights: continuous integration often runs as another user with sudo.
pub(crate) fn as_root(program: &str) -> Result<Command> {
    if run(Command::new("id").arg("-u"))?.trim() == "0" {
        return Ok(Command::new(program));
    }
    let mut sudo = Command::new("sudo");
    sudo.arg(program);
    Ok(sudo)
}
