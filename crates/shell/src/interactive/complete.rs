//! Completion: commands and options from the table, znodes from the live tree.

use crate::call::Manner;
use crate::shell::Current;
use crate::subtree::join;
use crate::table::{self, COMMON, Kind, Spec};
use crate::words::{Word, quoted, words};
use reedline::{Completer, CompletionResult, Span, Suggestion};
use std::sync::PoisonError;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a server may take; nobody waits longer for a completion.
const PATIENCE: Duration = Duration::from_millis(500);

/// Completes the word before the cursor.
pub(super) struct ShellCompleter {
    current: Current,
    runtime: Handle,
    manner: Manner,
}

/// What can stand where the cursor is.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Command,
    Option(&'static str),
    Word(Kind),
    Nothing,
}

impl ShellCompleter {
    pub(super) const fn new(current: Current, runtime: Handle, manner: Manner) -> Self {
        Self { current, runtime, manner }
    }

    /// Znodes whose paths begin with what was typed.
    fn paths(&self, typed: &str) -> Vec<String> {
        let Some((parent, start)) = typed.rsplit_once('/') else { return vec!["/".to_owned()] };
        let parent = if parent.is_empty() { "/" } else { parent };
        let client = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(client) = client else { return Vec::new() };
        let listed = self
            .runtime
            .block_on(async { timeout(PATIENCE, client.children(parent).send()).await });
        let Ok(Ok(children)) = listed else { return Vec::new() };
        let mut paths: Vec<String> = children
            .names
            .iter()
            .filter(|name| name.starts_with(start))
            .map(|name| join(parent, name))
            .collect();
        paths.sort_unstable();
        paths
    }

    fn texts(&self, wanted: &Wanted, typed: &str) -> Vec<(String, Option<String>)> {
        let begins = |text: &str| text.starts_with(typed);
        let plain = |text: String| (text, None);
        match wanted {
            Wanted::Command | Wanted::Word(Kind::Command) => {
                let mut names: Vec<_> = known(self.manner)
                    .filter(|spec| begins(spec.name))
                    .map(|spec| (spec.name.to_owned(), Some(spec.summary.to_owned())))
                    .collect();
                names.sort_unstable();
                names
            }
            Wanted::Option(name) => {
                let Some(spec) = table::find(name, self.manner == Manner::Apache) else {
                    return Vec::new();
                };
                options(spec, self.manner).into_iter().filter(|(text, _)| begins(text)).collect()
            }
            Wanted::Word(Kind::Path) => self.paths(typed).into_iter().map(plain).collect(),
            Wanted::Word(Kind::Switch) => ["on", "off"]
                .into_iter()
                .filter(|text| begins(text))
                .map(|it| plain(it.to_owned()))
                .collect(),
            Wanted::Word(Kind::File) => files(typed).into_iter().map(plain).collect(),
            Wanted::Word(Kind::Text) | Wanted::Nothing => Vec::new(),
        }
    }
}

impl Completer for ShellCompleter {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let before = line.get(..pos).unwrap_or(line);
        let (wanted, word) = at_cursor(before, self.manner);
        let suggestions: Vec<Suggestion> = self
            .texts(&wanted, &word.text)
            .into_iter()
            .map(|(text, description)| Suggestion {
                value: quoted(&text),
                description,
                span: Span::new(word.start, word.end),
                // What is below a znode may be wanted next.
                append_whitespace: !matches!(wanted, Wanted::Word(Kind::Path | Kind::File)),
                ..Suggestion::default()
            })
            .collect();
        CompletionResult::fresh(suggestions)
    }
}

fn known(manner: Manner) -> Box<dyn Iterator<Item = &'static Spec>> {
    match manner {
        Manner::Apache => Box::new(table::apache().iter()),
        Manner::Own => Box::new(table::all()),
    }
}

fn options(spec: &Spec, manner: Manner) -> Vec<(String, Option<String>)> {
    let own = spec.options.iter().map(|opt| (table::dashed(opt.name, spec), opt.about));
    let common = COMMON.iter().map(|opt| (format!("--{}", opt.name), opt.about));
    let common = common.take(if manner == Manner::Own { COMMON.len() } else { 0 });
    own.chain(common).map(|(text, about)| (text, Some(about.to_owned()))).collect()
}

/// What can stand where a line ends, and the word there so far.
fn at_cursor(before: &str, manner: Manner) -> (Wanted, Word) {
    let mut words = words(before);
    let is_within = words.last().is_some_and(|word| word.end == before.len());
    let nothing = Word { text: String::new(), start: before.len(), end: before.len() };
    let word = if is_within { words.pop().unwrap_or(nothing) } else { nothing };
    let Some((name, others)) = words.split_first() else { return (Wanted::Command, word) };
    let Some(spec) = table::find(&name.text, manner == Manner::Apache) else {
        return (Wanted::Nothing, word);
    };
    if word.text.starts_with('-') {
        return (Wanted::Option(spec.name), word);
    }
    let mut plain = 0;
    let mut wants_value = false;
    for other in others {
        let is_option = other.text.starts_with('-') && !wants_value;
        plain += usize::from(!is_option && !wants_value);
        let opt = spec.options.iter().find(|opt| table::dashed(opt.name, spec) == other.text);
        wants_value = is_option && opt.is_some_and(|opt| opt.value.is_some());
    }
    match (wants_value, spec.words.kinds.get(plain)) {
        (false, Some(kind)) => (Wanted::Word(*kind), word),
        (true, _) | (false, None) => (Wanted::Nothing, word),
    }
}

/// Local files whose paths begin with what was typed.
fn files(typed: &str) -> Vec<String> {
    let (dir, start) = match typed.rsplit_once('/') {
        Some((dir, start)) => (format!("{dir}/"), start),
        None => (String::new(), typed),
    };
    let read = std::fs::read_dir(if dir.is_empty() { "." } else { &dir });
    let mut files: Vec<String> = read
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(start))
        .map(|name| format!("{dir}{name}"))
        .collect();
    files.sort_unstable();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_depends_on_the_words_before() {
        let path = Wanted::Word(Kind::Path);
        for (line, wanted, typed) in [
            ("", Wanted::Command, ""),
            ("cre", Wanted::Command, "cre"),
            ("create ", Wanted::Word(Kind::Path), ""),
            ("create /a/b", path, "/a/b"),
            ("create -s /a", Wanted::Word(Kind::Path), "/a"),
            ("create -t 5 /a", Wanted::Word(Kind::Path), "/a"),
            ("create -t ", Wanted::Nothing, ""),
            ("create -", Wanted::Option("create"), "-"),
            ("create /a da", Wanted::Word(Kind::Text), "da"),
            ("cp /a ", Wanted::Word(Kind::Path), ""),
            ("cp /a /b ", Wanted::Nothing, ""),
            ("import --dry-run ex", Wanted::Word(Kind::File), "ex"),
            ("printwatches o", Wanted::Word(Kind::Switch), "o"),
            ("help cr", Wanted::Word(Kind::Command), "cr"),
            ("nonsense /a", Wanted::Nothing, "/a"),
            ("get \"/two words\"", Wanted::Word(Kind::Path), "/two words"),
        ] {
            let (found, word) = at_cursor(line, Manner::Own);
            assert_eq!((found, word.text.as_str()), (wanted, typed), "{line}");
        }
    }
}
