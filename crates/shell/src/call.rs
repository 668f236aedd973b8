//! From words to a call of a command.

use crate::failure::{Failure, Syntax};
use crate::nearest::nearest;
use crate::table::{self, COMMON, Opt, Spec};
use std::str::FromStr;

/// Whose client this is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Apache's `zkCli.sh`, to the letter.
    Apache,
    /// Our own: the same commands and more, with questions, suggestions and JSON.
    Own,
}

/// A command with its options and words.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) spec: &'static Spec,
    options: Vec<(&'static str, Option<String>)>,
    pub(crate) words: Vec<String>,
}

impl Call {
    /// Whether an option is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(known, _)| *known == name)
    }

    /// The value of an option; the first, if it is there several times.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.options.iter().find(|(known, _)| *known == name)?;
        value.as_deref()
    }

    /// The number that an option has for a value.
    pub(crate) fn number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Failure> {
        let Some(text) = self.value(name) else { return Ok(None) };
        let wrong = |_| Failure::Value { what: name.to_owned(), text: text.to_owned() };
        text.parse().map(Some).map_err(wrong)
    }

    /// The word at a place.
    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        self.words.get(index).map(String::as_str)
    }

    /// The path a command is about, which is the first word; the root if there is none.
    pub(crate) fn path(&self) -> &str {
        self.word(0).unwrap_or("/")
    }
}

/// Reads a command. Options may be anywhere, flags of one letter may share a dash, and nothing is an
/// option behind `--`: the rules of Apache's client, with its refusals.
pub(crate) fn parse(words: &[String], manner: Manner) -> Result<Call, Failure> {
    let is_apache = manner == Manner::Apache;
    let Some((name, words)) = words.split_first() else {
        return Err(Failure::Unknown { name: String::new(), nearest: None });
    };
    let Some(spec) = table::find(name, is_apache) else {
        let nearest = nearest(name, table::names());
        return Err(Failure::Unknown { name: name.clone(), nearest });
    };
    let mut call = Call { spec, options: Vec::new(), words: Vec::new() };
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--" {
            call.words.extend(words.by_ref().map(str::to_owned));
        } else if word.starts_with('-') && word.len() > 1 {
            option(&mut call, word, &mut words, manner)?;
        } else {
            call.words.push(word.to_owned());
        }
    }
    if call.has("help") || call.has("?") {
        return Ok(call);
    }
    check(&call, manner)?;
    Ok(call)
}

fn check(call: &Call, manner: Manner) -> Result<(), Failure> {
    let Call { spec, words, .. } = call;
    if words.len() < spec.words.min {
        return Err(Failure::Usage { spec });
    }
    match words.get(spec.words.kinds.len()) {
        Some(word) if manner == Manner::Own => Err(Failure::Extra { word: word.clone(), spec }),
        Some(_) | None => Ok(()),
    }
}

/// Reads one word of options.
fn option<'a>(
    call: &mut Call,
    word: &'a str,
    rest: &mut (impl Iterator<Item = &'a str> + Clone),
    manner: Manner,
) -> Result<(), Failure> {
    let unknown = || {
        // Every letter is near to every other.
        let names = call.spec.options.iter().map(|opt| opt.name).filter(|name| name.len() > 1);
        let nearest = nearest(word.trim_start_matches('-'), names);
        Failure::Syntax(Syntax::Unrecognized {
            option: word.to_owned(),
            nearest: nearest.map(|name| table::dashed(name, call.spec)),
            spec: call.spec,
        })
    };
    let (typed, value) = match word.split_once('=') {
        Some((typed, value)) => (typed, Some(value.to_owned())),
        None => (word, None),
    };
    if let Some(opt) = find(call.spec, typed, manner) {
        let value = match (opt.value, value) {
            (None, None) => None,
            (None, Some(_)) => return Err(unknown()),
            (Some(_), Some(value)) => Some(value),
            (Some(_), None) => Some(next_value(call.spec, opt, rest, manner)?),
        };
        return add(call, opt, value);
    }
    // Flags that share a dash; the last may have a value, which may follow at once.
    let letters = word.strip_prefix('-').unwrap_or_default().char_indices();
    let mut found = Vec::new();
    for (at, letter) in letters {
        let opt = find(call.spec, &format!("-{letter}"), manner).ok_or_else(unknown)?;
        let behind = word.get(at + 1 + letter.len_utf8()..).unwrap_or_default();
        match opt.value {
            None => found.push((opt, None)),
            Some(_) if behind.is_empty() => {
                found.push((opt, Some(next_value(call.spec, opt, rest, manner)?)));
            }
            Some(_) => {
                found.push((opt, Some(behind.to_owned())));
                break;
            }
        }
    }
    found.into_iter().try_for_each(|(opt, value)| add(call, opt, value))
}

fn find(spec: &'static Spec, typed: &str, manner: Manner) -> Option<&'static Opt> {
    let common: &[Opt] = if manner == Manner::Own { COMMON } else { &[] };
    let is_typed = |opt: &&Opt| table::dashed(opt.name, spec) == typed;
    let is_ours = |opt: &&Opt| typed == format!("--{}", opt.name);
    let own = spec.options.iter().find(is_typed).filter(|opt| {
        // Apache's client does not have those of ours.
        manner == Manner::Own || opt.name != "dry-run"
    });
    own.or_else(|| common.iter().find(is_ours))
}

/// The value of an option is the next word, unless that is an option itself.
fn next_value<'a>(
    spec: &'static Spec,
    opt: &'static Opt,
    rest: &mut (impl Iterator<Item = &'a str> + Clone),
    manner: Manner,
) -> Result<String, Failure> {
    let value = rest.clone().next().filter(|word| {
        let letter: String = word.chars().take(2).collect();
        word.parse::<f64>().is_ok()
            || (find(spec, word, manner).is_none() && find(spec, &letter, manner).is_none())
    });
    match value {
        Some(value) => {
            rest.next();
            Ok(value.to_owned())
        }
        None => Err(Failure::Syntax(Syntax::MissingValue { option: opt.name, spec })),
    }
}

fn add(call: &mut Call, opt: &'static Opt, value: Option<String>) -> Result<(), Failure> {
    if call.spec.exclusive.contains(&opt.name)
        && let Some((selected, _)) = call
            .options
            .iter()
            .find(|(name, _)| call.spec.exclusive.contains(name) && *name != opt.name)
    {
        return Err(Failure::Syntax(Syntax::Exclusive { option: opt.name, selected }));
    }
    call.options.push((opt.name, value));
    Ok(())
}

#[cfg(test)]
mod tests;
