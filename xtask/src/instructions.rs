//! `cargo xtask instructions`: counts what each hot path costs, and compares with the table.
//!
//! Instructions are the same on a busy machine and a quiet one, so a regression fails a build
//! instead of being noticed later. They are not time: cache misses and system calls do not show.

use crate::run::{cargo, succeed};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::process::Command;

/// Lines `path instructions`, the latter for each operation.
const TABLE: &str = "crates/hot-paths/instructions.txt";

/// The program, built for release.
const PACKAGE: &str = "zoarium-hot-paths";

/// Each path runs with both counts of operations; the beginning is the same, and does not count.
const OPERATIONS: [u64; 2] = [1024, 3072];

/// How many per cent more than the table says are put down to another compiler or C library.
const TOLERANCE_PERCENT: u64 = 5;

/// Counts, and compares with the table; with `--write` replaces the table.
///
/// # Errors
/// If a path has become dearer, or cannot be counted.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let writes = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--write"] => true,
        [..] => bail!("usage: cargo xtask instructions [--write]"),
    };
    if !has_valgrind() {
        print("!! instructions are NOT counted: there is no valgrind, and apt-get installs none");
        return Ok(());
    }
    succeed(cargo().args(["build", "--quiet", "--release", "--package", PACKAGE]))?;
    let table = std::fs::read_to_string(TABLE).context(TABLE)?;
    let mut counted = String::new();
    let mut dearer = Vec::new();
    for (path, before) in rows(&table)? {
        let count = count(path)?;
        let limit = before + before * TOLERANCE_PERCENT / 100;
        writeln!(counted, "{path} {count}")?;
        print(&format!("{path:>14} {count:>7}   table {before:>7}"));
        if count > limit {
            dearer.push(format!("{path}: {count} instead of {before}"));
        }
    }
    if writes {
        return std::fs::write(TABLE, counted).context(TABLE);
    }
    if !dearer.is_empty() {
        bail!(
            "more instructions for each operation than in {TABLE}: {}\nif it is worth it, say why \
             and run `cargo xtask instructions --write`",
            dearer.join(", ")
        );
    }
    Ok(())
}

fn rows(table: &str) -> Result<Vec<(&str, u64)>> {
    let row = |line| {
        let (path, count) = str::split_once(line, ' ')?;
        Some((path, count.parse().ok()?))
    };
    table.lines().map(|line| row(line).with_context(|| format!("{TABLE}: {line:?}"))).collect()
}

/// Instructions for each operation of a path.
fn count(path: &str) -> Result<u64> {
    let [few, many] = OPERATIONS;
    let between = total(path, many)?.saturating_sub(total(path, few)?);
    Ok(between / (many - few))
}

/// Instructions of a whole run.
fn total(path: &str, operations: u64) -> Result<u64> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    valgrind.arg(format!("{target}/release/hot-paths")).args([path, &operations.to_string()]);
    let output = valgrind.output().context("start valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    instructions(&text).with_context(|| format!("valgrind has counted nothing:\n{text}"))
}

/// The number in cachegrind's line `==1234== I refs: 5,678`.
fn instructions(text: &str) -> Option<u64> {
    let is_total = |line: &&str| line.contains(" I ") && line.contains("refs:");
    let (_, number) = text.lines().find(is_total)?.rsplit_once(':')?;
    number.trim().replace(',', "").parse().ok()
}

/// Whether there is a valgrind, perhaps only now.
fn has_valgrind() -> bool {
    let succeeds = |command: &mut Command| command.output().is_ok_and(|it| it.status.success());
    let is_there = || succeeds(Command::new("valgrind").arg("--version"));
    let install = ["install", "-y", "-q", "--no-install-recommends", "valgrind"];
    is_there() || (succeeds(Command::new("apt-get").args(install)) && is_there())
}

#[expect(clippy::print_stderr, reason = "progress is for the person who waits")]
fn print(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_instructions_is_read() {
        let text = "==7== Cachegrind\n==7== \n==7== I   refs:      1,234,567\n";
        assert_eq!(instructions(text), Some(1_234_567));
        assert_eq!(instructions("==7== I refs"), None);
    }

    #[test]
    fn table_has_a_path_and_a_number_in_each_line() {
        assert_eq!(rows("a 1\nb-c 23\n").unwrap(), [("a", 1), ("b-c", 23)]);
        assert!(rows("a one\n").is_err());
    }
}
