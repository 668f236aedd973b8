//! Commands from a file or a pipe.

use crate::call::Manner;
use crate::failure::{Exit, Failure};
use crate::shell::Shell;
use crate::words::open_quote;
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;
use tokio::sync::mpsc;

/// Lines that are read before they are carried out.
const AHEAD: usize = 16;

/// Carries out a script, or standard input. In our manner it stops at the first command that
/// fails, unless it is to go on; blank lines and those that begin with `#` are passed over.
/// The result is that of the last command that failed; in Apache's manner that of the last command.
pub(crate) async fn run(shell: &mut Shell, file: Option<&Path>, keeps_going: bool) -> Exit {
    let file = file.filter(|path| *path != Path::new("-"));
    let reader: Box<dyn BufRead + Send> = match file.map(|path| (path, File::open(path))) {
        None => Box::new(BufReader::new(stdin())),
        Some((_, Ok(open))) => Box::new(BufReader::new(open)),
        Some((path, Err(source))) => {
            let failure = Failure::File { path: path.to_owned(), source };
            shell.print_failure(&failure);
            return failure.exit(shell.ways.manner);
        }
    };
    // Reading is blocking, and watches are to be heard meanwhile.
    let (sender, mut lines) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        for line in reader.lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let mut exit = Exit::Done;
    let mut number = 0_usize;
    while let Some(line) = lines.recv().await {
        number += 1;
        let done = match shell.ways.manner {
            Manner::Apache if line.is_empty() => continue,
            Manner::Apache => shell.run_line(&line).await,
            Manner::Own => match own_line(shell, &line).await {
                Some(done) => done,
                None => continue,
            },
        };
        if shell.has_quit || shell.output.is_closed() {
            break;
        }
        match (shell.ways.manner, done) {
            (Manner::Apache, done) => exit = done,
            (Manner::Own, Exit::Done) => {}
            (Manner::Own, failed) => {
                exit = failed;
                if !keeps_going {
                    let name = file.map_or("line".into(), |file| file.display().to_string() + ":");
                    shell.output.err(&format!("stopped at {name} {number}: {line}\n"));
                    break;
                }
            }
        }
    }
    exit
}

/// Carries out a line in our manner, if there is a command in it.
pub(crate) async fn own_line(shell: &mut Shell, line: &str) -> Option<Exit> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    if let Some(at) = open_quote(line) {
        let failure = Failure::Said(format!("the quote at column {} has no partner", at + 1));
        shell.print_failure(&failure);
        return Some(failure.exit(Manner::Own));
    }
    Some(shell.run_line(line).await)
}
