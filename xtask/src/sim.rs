//! `cargo xtask sim`: servers and clients in a seeded simulation.

use crate::run::succeed;
use anyhow::Result;
use std::process::Command;

/// Builds the simulation and hands all arguments to it, with the commit that a seed belongs to.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut sim = Command::new(&cargo);
    sim.args(["run", "--quiet", "--release", "--package", "zoarium-ensemble-sim", "--"]);
    succeed(sim.args(arguments).args(["--commit", &commit()]))
}

/// The commit that is checked out, and whether there are changes on top of it.
fn commit() -> String {
    let described = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let described = described.ok().filter(|output| output.status.success());
    let text = described.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
