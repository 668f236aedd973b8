//! The gate that every change passes.

use crate::run::{cargo, succeed};
use crate::{instructions, interop, known_bugs, layers, sim, tidy};
use anyhow::Result;
use std::time::Instant;

/// One step of the gate.
type Step = (&'static str, fn() -> Result<()>);

const QUICK: &[Step] = &[
    ("formatting", || succeed(cargo().args(["fmt", "--all", "--check"]))),
    ("house rules", tidy::check),
    ("layers", layers::check),
    ("known bugs", known_bugs::check),
    ("lints", || {
        succeed(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    }),
    ("tests", || succeed(cargo().args(["test", "--workspace", "--quiet"]))),
    ("documentation", || {
        let mut doc = cargo();
        doc.args(["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]);
        succeed(doc.env("RUSTDOCFLAGS", "-D warnings"))
    }),
];

const SLOW: &[Step] = &[
    ("features that nothing here uses", || {
        let test = ["test", "--package", "zoarium-client", "--features", "srv", "--lib", "srv"];
        succeed(cargo().args(test).arg("--quiet"))
    }),
    ("dependencies", dependencies),
    ("simulation", || {
        sim::run(&["--seeds".to_owned(), "200".to_owned()])?;
        sim::run(&["--planted".to_owned()])
    }),
    ("instructions", || instructions::run(&[])),
    ("interop", || interop::run(&["setup".to_owned()]).and_then(|()| interop::run(&[]))),
];

/// What needs nothing but the Rust toolchain.
pub(crate) fn quick() -> Result<()> {
    run(QUICK)
}

/// Everything.
pub(crate) fn all() -> Result<()> {
    run(QUICK)?;
    run(SLOW)
}

/// Mends what can be mended by machine.
pub(crate) fn fix() -> Result<()> {
    let fix = ["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--quiet"];
    succeed(cargo().args(fix))?;
    succeed(cargo().args(["test", "--workspace", "--quiet"]).env("UPDATE_EXPECT", "1"))?;
    succeed(cargo().args(["fmt", "--all"]))
}

#[expect(clippy::print_stderr, reason = "progress is for the person who waits")]
fn run(steps: &[Step]) -> Result<()> {
    for (name, step) in steps {
        let began = Instant::now();
        eprintln!("── {name}");
        step().map_err(|error| error.context(*name))?;
        eprintln!("── {name}: ok, {:.1} s", began.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Installs cargo-deny if it is not there, and runs it.
fn dependencies() -> Result<()> {
    let installed = cargo().args(["deny", "--version"]).output()?.status.success();
    if !installed {
        succeed(cargo().args(["install", "cargo-deny", "--locked", "--debug", "--quiet"]))?;
    }
    succeed(cargo().args(["deny", "check", "licenses", "bans", "sources"]))
}
