//! `zoarium four-letter`.

use clap::Args;
use serde_json::{Map, Value, json};
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::time::Duration;
use zoarium_monitor::target::Target;
use zoarium_monitor::word::{AskError, Word, ask};
use zoarium_monitor::words::conf::Conf;
use zoarium_monitor::words::connections::Connection;
use zoarium_monitor::words::metrics::Metrics;
use zoarium_monitor::words::srvr::Srvr;
use zoarium_monitor::words::watches::{WatchSummary, WatchedPath};

/// What to ask whom.
///
/// conf, cons, dirs, dump, envi, hash, isro, mntr, ruok, srvr, stat, wchc, wchp, wchs; crst and srst
/// reset statistics. A server answers what 4lw.commands.whitelist in its zoo.cfg allows.
#[derive(Args, Debug)]
pub(crate) struct FourLetterArguments {
    /// The word.
    #[arg(value_name = "WORD")]
    word: Word,
    /// The servers, as HOST or HOST:PORT.
    #[arg(value_name = "HOST", default_value = "127.0.0.1:2181", value_delimiter = ',')]
    hosts: Vec<Target>,
    /// How long to wait for an answer, in seconds.
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS", value_parser = super::status::patience)]
    timeout: f64,
    /// An object with an answer for each server: typed where this program knows how.
    #[arg(long)]
    json: bool,
}

/// Asks and shows the answers. It is a failure if a server does not answer.
pub(crate) fn run(arguments: &FourLetterArguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answers = match runtime {
        Ok(runtime) => runtime.block_on(ask_all(arguments)),
        Err(error) => {
            let _closed = writeln!(stderr(), "zoarium four-letter: {error}");
            return ExitCode::FAILURE;
        }
    };
    let all_answered = answers.iter().all(|(_, answer)| answer.is_ok());
    let shown = if arguments.json { document(arguments.word, &answers) } else { text(&answers) };
    // Who closes standard output has seen enough.
    let _closed = stdout().write_all(shown.as_bytes());
    if all_answered { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Answers = Vec<(Target, Result<String, AskError>)>;

async fn ask_all(arguments: &FourLetterArguments) -> Answers {
    let patience = Duration::from_secs_f64(arguments.timeout);
    let mut answers = Vec::new();
    for host in &arguments.hosts {
        answers.push((host.clone(), ask(host, arguments.word, patience).await));
    }
    answers
}

/// The answers as they came; those of several servers under headings. Failures go where errors go.
fn text(answers: &Answers) -> String {
    let mut out = String::new();
    for (target, answer) in answers {
        match answer {
            Ok(answer) => {
                if answers.len() > 1 {
                    out += &format!("== {target}\n");
                }
                out += answer;
                if !answer.ends_with('\n') {
                    out.push('\n');
                }
            }
            Err(error) => {
                let _closed = writeln!(stderr(), "zoarium four-letter: {target}: {error}");
            }
        }
    }
    out
}

fn document(word: Word, answers: &Answers) -> String {
    let answer = |(target, answer): &(Target, Result<String, AskError>)| {
        let value = match answer {
            Ok(text) => json!({ "answer": typed(word, text) }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        (target.to_string(), value)
    };
    let all: Map<String, Value> = answers.iter().map(answer).collect();
    format!("{:#}\n", Value::Object(all))
}

fn typed(word: Word, text: &str) -> Value {
    match word {
        Word::Srvr => json!(Srvr::parse(text)),
        Word::Stat => {
            json!({ "server": Srvr::parse(text), "connections": Connection::parse_all(text) })
        }
        Word::Cons => json!(Connection::parse_all(text)),
        Word::Conf => json!(Conf::parse(text)),
        Word::Mntr => json!(Metrics::parse(text)),
        Word::Wchs => json!(WatchSummary::parse(text)),
        Word::Wchp => json!(WatchedPath::parse_all(text)),
        Word::Crst
        | Word::Dirs
        | Word::Dump
        | Word::Envi
        | Word::Gtmk
        | Word::Hash
        | Word::Isro
        | Word::Ruok
        | Word::Srst
        | Word::Wchc => json!(text.trim_end().lines().collect::<Vec<_>>()),
    }
}
