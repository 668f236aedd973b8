//! `zoarium lab list`.

use super::{Exit, Fault};
use clap::Args;
use std::io::Write;
use zoarium_lab::{Kind, json};

/// What to show.
#[derive(Args, Debug)]
pub(crate) struct ListArguments {
    /// Only this protocol, with its settings.
    #[arg(value_name = "PROTOCOL")]
    protocol: Option<String>,
    /// As one JSON document, with settings, scripts and claims.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ListArguments, out: &mut dyn Write) -> Result<Exit, Fault> {
    let only = arguments.protocol.as_deref().map(Kind::find).transpose();
    let only = only.map_err(Fault::Unusable)?;
    if arguments.json {
        writeln!(out, "{:#}", json::catalogue())?;
        return Ok(Exit::Held);
    }
    for kind in Kind::ALL.into_iter().filter(|kind| only.is_none_or(|only| only == *kind)) {
        writeln!(out, "{} ({})\n{}\n", kind.title(), kind.key(), kind.paper())?;
        for scenario in kind.scenarios() {
            let title = scenario.title.split_once(": ").map_or(scenario.title, |(_, end)| end);
            writeln!(out, "  {:28} {title}", scenario.name)?;
        }
        writeln!(out)?;
        if only.is_some() {
            writeln!(out, "  settings, as --set KEY=VALUE:\n")?;
            for setting in kind.settings() {
                let (key, values) = (setting.key, &setting.values);
                writeln!(out, "  {key:16} {} ({values}; {})", setting.help, setting.default)?;
            }
            writeln!(out)?;
        }
    }
    Ok(Exit::Held)
}
