//! Project automation: `cargo xtask COMMAND`.

mod check;
mod instructions;
mod interop;
mod known_bugs;
mod layers;
mod run;
mod sim;
mod tidy;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  check          formatting, lints, tests, documentation, house rules, whether the tests that
                 docs/known-bugs.md names exist; changes nothing
  check --all    that, the licences of all dependencies, 200 seeds and all planted bugs of the
                 simulation, and the interop checks: what CI runs
  instructions [--write]
                 counts the instructions of the hot paths under valgrind; fails if there are more
                 than the table says
  fix            formats and applies what clippy and expect-test can mend
  interop [NAME…] [--server zoarium|apache]
                 real ZooKeeper clients and Apache's server against Zoarium (`interop --help`)
  bench compare [WORKLOAD…] [--against apache|COMMIT]… [--servers N] [--quick] [--write]
                 our server beside Apache's and our own of other commits (`bench help`)
  bench curves [STORY…] [--short]
                 large trees, many watches and connections, joining, pauses
  sim [--seeds N] [--start S] | --seed S | --script FILE | --planted | --exhaust | --speed
                 servers and clients in a seeded simulation with faults and checkers
  sim --recipes [NAME] [--seeds N] [--start S] | --seed S
                 recipes under faults, all or those with NAME in their tests' names; a single seed
                 prints what its clients ask for and when";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check::quick(),
        ["check", "--all"] => check::all(),
        ["fix"] => check::fix(),
        ["instructions", ..] => instructions::run(&arguments[1..]),
        ["interop", ..] => interop::run(&arguments[1..]),
        ["bench", ..] => interop::run(&arguments),
        ["sim", ..] => sim::run(&arguments[1..]),
        [] => bail!("{USAGE}"),
        [..] => bail!("unknown command {:?}\n{USAGE}", arguments.join(" ")),
    }
}
