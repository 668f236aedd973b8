//! Compares the crates' dependencies on each other with the table in ARCHITECTURE.md.

use crate::run::cargo;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Which crate may use which others.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// The line before the table.
const MARK: &str = "<!-- layers -->";

/// The prefix of package names that the table leaves out.
const PREFIX: &str = "zoarium-";

/// # Errors
/// If an arrow is not in the table, or the table has one that is not there.
pub(crate) fn check() -> Result<()> {
    let text = std::fs::read_to_string("ARCHITECTURE.md").context("ARCHITECTURE.md")?;
    let allowed = table(&text).context("ARCHITECTURE.md has no table after <!-- layers -->")?;
    let metadata = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let actual = arrows(&serde_json::from_slice(&metadata.stdout)?);
    if actual != allowed {
        bail!("ARCHITECTURE.md says\n{}\nbut the crates say\n{}", show(&allowed), show(&actual));
    }
    Ok(())
}

/// The rows `| crate | uses, uses |` after the mark.
fn table(text: &str) -> Option<Arrows> {
    let (_, after) = text.split_once(MARK)?;
    let rows = after.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let mut cells = line.split('|').map(|cell| cell.trim().replace('`', ""));
        let name = cells.nth(1).unwrap_or_default();
        let uses = cells.next().unwrap_or_default();
        let uses = uses.split(", ").filter(|name| !name.is_empty()).map(str::to_owned);
        (name, uses.collect())
    };
    Some(rows.map(row).collect())
}

fn arrows(metadata: &Value) -> Arrows {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let arrows = packages.map(|package| {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let own = dependencies.filter(|it| it["kind"].is_null() && !it["path"].is_null());
        (short(&package["name"]), own.map(|it| short(&it["name"])).collect())
    });
    arrows.collect()
}

fn short(name: &Value) -> String {
    let name = name.as_str().unwrap_or_default();
    name.strip_prefix(PREFIX).unwrap_or(name).to_owned()
}

fn show(arrows: &Arrows) -> String {
    let row = |(name, uses): (&String, &BTreeSet<String>)| {
        let uses: Vec<_> = uses.iter().map(String::as_str).collect();
        format!("  {name}: {}", uses.join(", "))
    };
    arrows.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_read_as_it_stands() {
        let text = "x\n<!-- layers -->\n\n| crate | uses |\n|---|---|\n| `a` | |\n| `b` | `a`, `c` |\n\n| other |";
        let table = table(text).unwrap();
        assert_eq!(show(&table), "  a: \n  b: a, c");
    }
}
