//! `cargo xtask interop`: builds the server and the interop checks, then runs the checks.

use crate::run::succeed;
use anyhow::Result;
use std::process::Command;

/// Builds release binaries and hands all arguments to `interop`. A `ZOARIUM` in the environment
/// names another server binary and saves its build.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    if std::env::var_os("ZOARIUM").is_none() {
        succeed(Command::new(&cargo).args(["build", "--release", "--package", "zoarium"]))?;
    }
    let mut interop = Command::new(&cargo);
    interop.args(["run", "--quiet", "--release", "--package", "zoarium-interop", "--"]);
    succeed(interop.args(arguments))
}
