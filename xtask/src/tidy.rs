//! House rules that a machine can check.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// No file is longer, in lines.
const FILE_LINES_MAX: usize = 800;

/// Words that say a change is not finished. Spelled in halves, so as not to find themselves.
const UNFINISHED: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("unimple", "mented!")];

/// Attributes that would hide a failing test.
const HIDDEN_TESTS: [&str; 2] = [concat!("#[ig", "nore"), concat!("#[should_", "panic")];

/// Reads every file that git tracks or does not ignore.
///
/// # Errors
/// With all that is wrong.
pub(crate) fn check() -> Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("list the project's files with git")?;
    let listed = String::from_utf8(listed.stdout)?;
    let mut faults = Vec::new();
    for name in listed.lines().filter(|name| name.ends_with(".rs")) {
        let path = Path::new(name);
        if path.exists() {
            let text = std::fs::read_to_string(path).with_context(|| name.to_owned())?;
            faults.extend(faults_of(name, &text));
        }
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(())
}

fn faults_of(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        faults
            .push(format!("{name}: {lines} lines, at most {FILE_LINES_MAX}: split it by subject"));
    }
    if name.ends_with("/mod.rs") && !name.contains("/tests/") {
        faults.push(format!("{name}: name the module's file after it, not mod.rs"));
    }
    for (number, line) in text.lines().enumerate() {
        let at = format!("{name}:{}", number + 1);
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(*word)) {
            faults
                .push(format!("{at}: {word}: finish it, or say in the changelog what is missing"));
        }
        if let Some(word) = HIDDEN_TESTS.iter().find(|word| line.contains(*word)) {
            faults.push(format!("{at}: {word}: a test runs and passes, or goes"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_fault() {
        let long = "\n".repeat(FILE_LINES_MAX + 1);
        let unfinished = format!("// {} later", UNFINISHED[0]);
        let hidden = format!("{}]", HIDDEN_TESTS[0]);
        for (name, text) in
            [("a.rs", &*long), ("a/mod.rs", ""), ("a.rs", &*unfinished), ("a.rs", &*hidden)]
        {
            assert_eq!(faults_of(name, text).len(), 1, "{name} {text:?}");
        }
        assert_eq!(faults_of("a.rs", "fn main() {}\n"), Vec::<String>::new());
    }
}
