//! `cargo xtask sim`: servers and clients in a seeded simulation.

use crate::run::{cargo, succeed};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// The tests of recipes that run for seeds.
const RECIPES: [&str; 3] = ["under_faults", "caches::cache_becomes", "barriers::members_enter"];

/// How many seeds of each recipe are run unless told.
const RECIPE_SEEDS: u64 = 100;

/// Builds the simulation and hands all arguments to it, with the commit that a seed belongs to.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some((first, rest)) = arguments.split_first()
        && first == "--recipes"
    {
        return recipes(&Recipes::read(rest)?);
    }
    let mut sim = cargo();
    sim.args(["run", "--quiet", "--release", "--package", "zoarium-ensemble-sim", "--"]);
    succeed(sim.args(arguments).args(["--commit", &commit()]))
}

/// What `--recipes` is followed by.
#[derive(Debug, Default)]
struct Recipes {
    seed: Option<u64>,
    start: Option<u64>,
    seeds: Option<u64>,
    names: Vec<String>,
}

impl Recipes {
    fn read(words: &[String]) -> Result<Self> {
        let (mut read, mut words) = (Self::default(), words.iter());
        while let Some(word) = words.next() {
            let mut number = || -> Result<Option<u64>> {
                let value = words.next().with_context(|| format!("{word} needs a number"))?;
                Ok(Some(value.parse().with_context(|| format!("{word} {value}"))?))
            };
            match word.as_str() {
                "--seed" => read.seed = number()?,
                "--start" => read.start = number()?,
                "--seeds" => read.seeds = number()?,
                name if !name.starts_with('-') => read.names.push(name.to_owned()),
                _ => bail!("sim --recipes does not know {word}"),
            }
        }
        Ok(read)
    }
}

/// Runs recipes under faults for many seeds, as optimized as the simulation; each stops at the first
/// that fails, and says how to run it again. One seed tells what it does.
fn recipes(wanted: &Recipes) -> Result<()> {
    let mut test = cargo();
    test.args(["test", "--quiet", "--profile", "sim", "--package", "zoarium-recipes"]);
    test.args(["--test", "recipes", "--"]);
    match wanted.names.is_empty() {
        true => test.args(RECIPES),
        false => test.args(&wanted.names),
    };
    test.args(["--skip", "planted"]);
    match wanted.seed {
        Some(seed) => {
            let lines = ["--nocapture", "--test-threads", "1"];
            test.args(lines).env("RECIPES_SEED", seed.to_string())
        }
        None => test
            .env("RECIPES_START", wanted.start.unwrap_or(0).to_string())
            .env("RECIPES_SEEDS", wanted.seeds.unwrap_or(RECIPE_SEEDS).to_string()),
    };
    succeed(&mut test)
}

/// The commit that is checked out, and whether there are changes on top of it.
fn commit() -> String {
    let described = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let described = described.ok().filter(|output| output.status.success());
    let text = described.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
