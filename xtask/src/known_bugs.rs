//! Every test that `docs/known-bugs.md` names exists.

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;

const TABLE: &str = "docs/known-bugs.md";

/// # Errors
/// With every name that is neither a file, a test nor a planted bug.
pub(crate) fn check() -> Result<()> {
    let table = std::fs::read_to_string(TABLE).context(TABLE)?;
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "crates/*.rs"])
        .output()
        .context("list the project's files with git")?;
    let mut sources = String::new();
    for name in String::from_utf8(listed.stdout)?.lines().filter(|name| Path::new(name).exists()) {
        sources.push_str(&std::fs::read_to_string(name).with_context(|| name.to_owned())?);
    }
    let proofs = proofs(&table);
    ensure!(!proofs.is_empty(), "{TABLE} names no tests");
    let missing: Vec<String> = proofs
        .into_iter()
        .filter(|(_, proof)| !exists(proof, &sources))
        .map(|(line, proof)| format!("{TABLE}:{line}: there is no {proof}"))
        .collect();
    if !missing.is_empty() {
        bail!("{}", missing.join("\n"));
    }
    Ok(())
}

/// What stands in backquotes in the last column, with its line.
fn proofs(table: &str) -> Vec<(usize, &str)> {
    let mut proofs = Vec::new();
    for (index, line) in table.lines().enumerate() {
        let Some(last) = line.strip_prefix('|').and_then(|line| line.rsplit('|').nth(1)) else {
            continue;
        };
        proofs.extend(last.split('`').skip(1).step_by(2).map(|proof| (index + 1, proof)));
    }
    proofs
}

/// Whether there is such a file, test, or variant of the planted bugs.
fn exists(proof: &str, sources: &str) -> bool {
    if proof.contains('/') {
        return Path::new("crates").join(proof).is_file();
    }
    sources.contains(&format!("fn {proof}(")) || sources.contains(&format!("Bug::{proof}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_in_the_last_column() {
        let table = "text `not this`\n| bug | `nor this` | `one`, `a/two.rs` |\n";
        assert_eq!(proofs(table), [(2, "one"), (2, "a/two.rs")]);
    }

    #[test]
    fn missing_names_are_found() {
        let sources = "#[test]\nfn it_is_there() {}\nlet bug = Bug::Planted;\n";
        assert!(exists("it_is_there", sources) && exists("Planted", sources));
        assert!(!exists("it_is", sources) && !exists("no/such/file.rs", sources));
    }
}
