//! The command line of a client: every command of Apache's `zkCli.sh`, with its options and output,
//! and more.
//!
//! A command goes one way: words (`words.rs`) become a call by the command table (`call.rs`,
//! `table.rs`), the call is carried out on the public interface of `zoarium-client` (`commands.rs`),
//! and what comes of it are replies (`reply.rs`), which are printed as text or as JSON, or a
//! failure (`failure.rs`), which is printed and becomes an exit code.
//!
//! There are two manners. In Apache's ([`Manner::Apache`]) commands are read, done and answered to
//! the letter as `zkCli.sh` does, so that scripts written for it go on to work. In our own there
//! are more commands, JSON, questions before much is deleted, and suggestions.
//!
//! It does not speak to files or directories of servers: those are the offline tools.
//!
//! Start at [`run`] and `shell.rs`.

mod acl_text;
mod call;
mod commands;
mod failure;
mod hexdump;
mod history;
mod interactive;
mod link;
mod nearest;
mod options;
mod output;
mod reply;
mod script;
mod shell;
mod subtree;
mod table;
mod time;
mod watches;
mod words;
mod zkcli;

pub use call::Manner;
pub use options::ShellArguments;
pub use zkcli::{run as run_zkcli, words_for as zkcli_words};

use failure::{Exit, Failure};
use output::Output;
use shell::{Shell, Ways};
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

/// Runs a shell in our manner: one command, a script, or as long as somebody types. The result is
/// 0 if all was done, 1 if something was refused, 2 if it makes no sense, 3 if there is no server, 4
/// if it needs a yes, 127 if there is no such command.
pub fn run(arguments: &ShellArguments) -> ExitCode {
    let is_script = arguments.file.is_some() || !stdin().is_terminal();
    let is_interactive = arguments.command.is_empty() && !is_script;
    let ways = Ways {
        manner: Manner::Own,
        is_json: arguments.json,
        is_sure: arguments.yes,
        is_interactive,
    };
    let output = Output::new(stdout(), stderr());
    let target = match arguments.target() {
        Ok(target) => target,
        Err(failure) => return code(complain(&output, &failure)),
    };
    let runtime = match runtime(is_interactive) {
        Ok(runtime) => runtime,
        Err(failure) => return code(complain(&output, &failure)),
    };
    let mut shell = Shell::new(ways, target, output.clone());
    let exit = {
        let _entered = runtime.enter();
        shell.open().map_err(|failure| complain(&output, &failure))
    };
    if let Err(exit) = exit {
        return code(exit);
    }
    runtime.spawn(shell.watches.clone().run());
    let exit = if is_interactive {
        interactive::run(&mut shell, &runtime)
    } else if arguments.command.is_empty() {
        runtime.block_on(script::run(&mut shell, arguments.file.as_deref(), arguments.keep_going))
    } else {
        runtime.block_on(shell.run(arguments.command.clone()))
    };
    runtime.block_on(shell.close());
    runtime.shutdown_background();
    code(exit)
}

/// A runtime for a shell: one that goes on while somebody types, if somebody does.
fn runtime(is_interactive: bool) -> Result<Runtime, Failure> {
    let mut builder = match is_interactive {
        true => Builder::new_multi_thread(),
        false => Builder::new_current_thread(),
    };
    let built = builder.worker_threads(1).enable_all().build();
    built.map_err(|error| Failure::Said(format!("no runtime: {error}")))
}

fn complain(output: &Output, failure: &Failure) -> Exit {
    output.err(&format!("{}\n", failure.text(Manner::Own)));
    failure.exit(Manner::Own)
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
