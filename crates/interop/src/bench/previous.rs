//! Our own server as it was at another commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::report::say;
use crate::tools::{Tools, bound, run};

/// The binary of a commit, named as git names commits. It is built in a worktree of its own below
/// `scratch` and kept under `target/interop/commits`.
///
/// Returns the commit's short name as well.
pub(super) fn binary(tools: &Tools, scratch: &Path, commit: &str) -> Result<(String, PathBuf)> {
    let named = format!("{commit}^{{commit}}");
    let name = git(&["rev-parse", "--verify", "--short=10", &named])
        .with_context(|| format!("--against {commit}: expected apache or a commit"))?;
    let commits = tools.root.join("commits");
    let binary = commits.join(format!("zoarium-{name}"));
    if binary.exists() {
        return Ok((name, binary));
    }
    say(&format!("building {commit} ({name})"));
    fs::create_dir_all(&commits)?;
    let tree = scratch.join(format!("source-{name}"));
    git(&["worktree", "prune"])?;
    git(&["worktree", "add", "--detach", "--quiet", &tree.display().to_string(), &name])?;
    let built = build(&tree, &commits.join("target"));
    fs::remove_dir_all(&tree)?;
    git(&["worktree", "prune"])?;
    // Under its name only when it is complete.
    let partial = binary.with_extension("partial");
    fs::copy(built?, &partial)?;
    fs::rename(&partial, &binary)?;
    Ok((name, binary))
}

fn build(tree: &Path, target: &Path) -> Result<PathBuf> {
    let mut cargo = bound(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--package", "zoarium", "--target-dir"]).arg(target);
    // Progress is for the person who waits.
    let status = cargo.current_dir(tree).status().with_context(|| format!("start {cargo:?}"))?;
    ensure!(status.success(), "{cargo:?}: {status}");
    Ok(target.join("release/zoarium"))
}

fn git(arguments: &[&str]) -> Result<String> {
    run(Command::new("git").args(arguments)).map(|text| text.trim().to_owned())
}
