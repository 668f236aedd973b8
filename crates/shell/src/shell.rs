//! A shell: it carries out one command after the other.

use crate::call::{Call, Manner, parse};
use crate::commands;
use crate::failure::{Exit, Failure};
use crate::history::History;
use crate::link::{Target, lost};
use crate::output::Output;
use crate::reply::Reply;
use crate::table::{self, Verb};
use crate::watches::Watches;
use crate::words::words;
use std::io::{BufRead, IsTerminal, stderr, stdin};
use std::sync::{Arc, Mutex, PoisonError};
use zoarium_client::{Client, ErrorCode};

/// The client of a shell, for those who look at it from aside: prompt and completion.
pub(crate) type Current = Arc<Mutex<Option<Client>>>;

/// What a shell is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ways {
    pub(crate) manner: Manner,
    pub(crate) is_json: bool,
    /// Questions are answered with yes.
    pub(crate) is_sure: bool,
    /// Somebody sits at it.
    pub(crate) is_interactive: bool,
}

#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) ways: Ways,
    pub(crate) output: Output,
    pub(crate) target: Target,
    pub(crate) watches: Watches,
    pub(crate) current: Current,
    pub(crate) history: History,
    /// Apache's client keeps the mode of the last `addWatch` for the next.
    pub(crate) last_mode_is_persistent: bool,
    /// Whether the present command prints JSON, and answers questions with yes.
    call_is_json: bool,
    call_is_sure: bool,
    pub(crate) has_quit: bool,
}

impl Shell {
    pub(crate) fn new(ways: Ways, target: Target, output: Output) -> Self {
        let tells_states = ways.is_interactive;
        let watches = Watches::new(output.clone(), ways.manner, ways.is_json, tells_states);
        Self {
            ways,
            output,
            target,
            watches,
            current: Current::default(),
            history: History::default(),
            last_mode_is_persistent: false,
            call_is_json: false,
            call_is_sure: false,
            has_quit: false,
        }
    }

    /// Opens a session, in the background.
    pub(crate) fn open(&mut self) -> Result<(), Failure> {
        let client = self.target.start()?;
        self.watches.follow(&client);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
        Ok(())
    }

    /// Closes the session, if there is one.
    pub(crate) async fn close(&mut self) {
        let client = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(client) = client {
            // What cannot be closed ends with its timeout.
            let _unconfirmed = client.close().await;
            self.watches.tell();
        }
    }

    /// Lets go of the session, which ends with its timeout.
    pub(crate) fn detach(&mut self) {
        let client = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(client) = client {
            self.watches.printing(Some(false));
            client.detach();
        }
    }

    /// The client.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone().ok_or(Failure::NotConnected)
    }

    /// Waits until there is a connection.
    pub(crate) async fn ready(&self) -> Result<(), Failure> {
        let client = self.client()?;
        let ready = self.target.ready(&client).await;
        self.watches.tell();
        ready
    }

    /// Carries out a line, and prints what comes of it.
    pub(crate) async fn run_line(&mut self, line: &str) -> Exit {
        self.history.push(line.to_owned());
        self.run(words(line).into_iter().map(|word| word.text).collect()).await
    }

    /// Carries out a command, and prints what comes of it.
    pub(crate) async fn run(&mut self, words: Vec<String>) -> Exit {
        let manner = self.ways.manner;
        if manner == Manner::Apache && self.is_over() && needs_session(&words) {
            self.output.out("Not connected\n");
            return Exit::Done;
        }
        let done = match parse(&words, manner) {
            Ok(call) if call.spec.verb == Verb::Redo => match commands::redone(self, &call) {
                Ok(Some(words)) => return Box::pin(self.run(words)).await,
                Ok(None) => Ok(()),
                Err(failure) => Err(failure),
            },
            Ok(call) => self.carry_out(&call).await,
            Err(failure) => Err(failure),
        };
        self.watches.tell();
        let exit = match done {
            Ok(()) => Exit::Done,
            Err(failure) => {
                let failure = self.with_ancestor(failure).await;
                self.print_failure(&failure);
                failure.exit(manner)
            }
        };
        // Apache's client looks for a session behind these.
        if manner == Manner::Apache && self.is_over() && is_one_of(&words, &BEFORE_SESSION) {
            self.output.out("Not connected\n");
        }
        exit
    }

    async fn carry_out(&mut self, call: &Call) -> Result<(), Failure> {
        self.call_is_json = self.ways.is_json || call.has("json");
        self.call_is_sure = self.ways.is_sure || call.has("yes");
        if call.has("help") || (call.has("?") && self.ways.manner == Manner::Own) {
            return commands::help(self, call.spec);
        }
        if call.spec.verb.is_local() {
            return commands::run(self, call).await;
        }
        self.revive()?;
        self.ready().await?;
        let (client, patience) = (self.client()?, self.target.patience);
        let is_interactive = self.ways.is_interactive;
        let interrupted = async {
            match is_interactive {
                true => tokio::signal::ctrl_c().await,
                false => std::future::pending().await,
            }
        };
        let servers = self.target.servers.clone();
        tokio::select! {
            done = commands::run(self, call) => done,
            () = lost(&client, patience) => Err(Failure::NoServer { servers, why: None }),
            _ = interrupted => Err(Failure::Interrupted),
        }
    }

    /// In our manner, a session that ended by itself is followed by another one.
    fn revive(&mut self) -> Result<(), Failure> {
        let has_ended = self.client().is_ok() && self.is_over();
        match has_ended && self.ways.manner == Manner::Own {
            true => self.open(),
            false => Ok(()),
        }
    }

    /// Whether there is no session, and will be none by itself.
    fn is_over(&self) -> bool {
        self.client().map_or(true, |client| client.state().is_final())
    }

    /// Says more of a missing znode: which one above it is there.
    async fn with_ancestor(&self, failure: Failure) -> Failure {
        let Some(missing) = failure.missing().map(str::to_owned) else { return failure };
        let (Manner::Own, Ok(client), Failure::Refused { error, .. }) =
            (self.ways.manner, self.client(), &failure)
        else {
            return failure;
        };
        let mut path = missing.as_str();
        while let Some((above, _)) = path.rsplit_once('/').filter(|_| path != "/") {
            path = if above.is_empty() { "/" } else { above };
            match client.exists(path).await {
                Ok(Some(_)) => {
                    let ancestor = Some(path.to_owned());
                    return Failure::Refused { error: error.clone(), ancestor };
                }
                Ok(None) => {}
                Err(error) if error.code() == Some(ErrorCode::NoNode) => {}
                Err(_) => return failure,
            }
        }
        failure
    }

    pub(crate) fn print_failure(&self, failure: &Failure) {
        if self.call_is_json || self.ways.is_json {
            let value = failure.json();
            if !value.is_null() {
                self.output.out(&format!("{value}\n"));
            }
            return;
        }
        let text = failure.text(self.ways.manner);
        let is_result = matches!(failure, Failure::Remark { is_result: true, .. });
        match (text.is_empty(), is_result && self.ways.manner == Manner::Apache) {
            (true, _) => {}
            (false, true) => self.output.out(&format!("{text}\n")),
            (false, false) => self.output.err(&format!("{text}\n")),
        }
    }

    /// Prints one thing that a command has to say.
    pub(crate) fn say(&self, reply: &Reply) -> Result<(), Failure> {
        // What was told before the reply came is printed before it.
        self.watches.tell();
        if self.call_is_json {
            self.output.out(&format!("{}\n", reply.json()));
        } else {
            let printed = reply.text();
            let is_made = matches!(reply, Reply::Created { .. });
            match is_made && self.ways.manner == Manner::Own {
                true => self.output.out(&printed.err),
                false => {
                    self.print_if_any(&printed.err, Output::err);
                    self.print_if_any(&printed.out, Output::out);
                }
            }
        }
        match self.output.is_closed() {
            true => Err(Failure::Closed),
            false => Ok(()),
        }
    }

    fn print_if_any(&self, text: &str, print: impl FnOnce(&Output, &str)) {
        if !text.is_empty() {
            print(&self.output, text);
        }
    }

    /// Whether the present command prints JSON.
    pub(crate) const fn is_json(&self) -> bool {
        self.call_is_json
    }

    /// Asks before something that cannot be undone. `what` says what, as in "deletes 5 znodes".
    pub(crate) fn confirm(&self, what: &str) -> Result<(), Failure> {
        let unconfirmed = || Failure::Unconfirmed { what: what.to_owned() };
        if self.call_is_sure {
            return Ok(());
        }
        if !self.ways.is_interactive {
            return Err(unconfirmed());
        }
        self.output.out(&format!("{what}. Go on? [y/N] "));
        let mut answer = String::new();
        match stdin().lock().read_line(&mut answer) {
            Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
            Ok(_) | Err(_) => Err(unconfirmed()),
        }
    }

    /// Shows how far something is, where somebody can see it.
    pub(crate) fn progress(&self, what: &str, done: usize, all: usize) {
        if all > 1000 && stderr().is_terminal() && (done.is_multiple_of(100) || done == all) {
            let end = if done == all { "\n" } else { "" };
            self.output.err(&format!("\r{what}: {done} of {all} znodes{end}"));
        }
    }
}

/// What Apache's client does first, before it looks for a session.
const BEFORE_SESSION: [Verb; 3] = [Verb::Redo, Verb::History, Verb::PrintWatches];

/// Whether Apache's client looks for a session before it reads a command: for most that it knows.
fn needs_session(words: &[String]) -> bool {
    let is_known = words.first().is_some_and(|name| table::find(name, true).is_some());
    is_known
        && !is_one_of(words, &BEFORE_SESSION)
        && !is_one_of(words, &[Verb::Quit, Verb::Connect])
}

fn is_one_of(words: &[String], verbs: &[Verb]) -> bool {
    let spec = words.first().and_then(|name| table::find(name, true));
    spec.is_some_and(|spec| verbs.contains(&spec.verb))
}

impl Verb {
    /// Whether it needs no server.
    const fn is_local(self) -> bool {
        matches!(
            self,
            Self::Close
                | Self::Connect
                | Self::Help
                | Self::History
                | Self::PrintWatches
                | Self::Quit
                | Self::Redo
                | Self::Version
        )
    }
}

#[cfg(test)]
mod tests;
