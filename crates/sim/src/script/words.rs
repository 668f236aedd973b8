//! Reading one line of a script word by word.

use crate::clock::Rate;
use crate::names::Names;
use std::fmt::{self, Debug, Display};
use std::str::FromStr;
use std::time::Duration;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordError {
    /// The line ends too early.
    Missing {
        /// What should come.
        expected: &'static str,
    },
    /// A word that does not belong there.
    Unexpected {
        /// The word.
        word: String,
        /// What should have come instead.
        expected: &'static str,
    },
}

impl Display for WordError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { expected } => write!(out, "the line ends where {expected} should be"),
            Self::Unexpected { word, expected } => {
                write!(out, "{word:?} where {expected} should be")
            }
        }
    }
}

impl std::error::Error for WordError {}

/// The words of a line that are still to be read.
pub(super) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { rest: line.trim() }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.rest.split_whitespace().next()
    }

    pub(super) fn next(&mut self, expected: &'static str) -> Result<&'a str, WordError> {
        let word = self.peek().ok_or(WordError::Missing { expected })?;
        self.rest = self.rest[word.len()..].trim_start();
        Ok(word)
    }

    /// Reads this very word.
    pub(super) fn expect(&mut self, expected: &'static str) -> Result<(), WordError> {
        let word = self.next(expected)?;
        if word == expected { Ok(()) } else { Err(unexpected(word, expected)) }
    }

    /// Reads this very word, if it is the next.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        if found {
            self.rest = self.rest[word.len()..].trim_start();
        }
        found
    }

    pub(super) fn end(&self) -> Result<(), WordError> {
        self.peek().map_or(Ok(()), |word| Err(unexpected(word, "the end of the line")))
    }

    pub(super) fn number<N: FromStr>(&mut self, expected: &'static str) -> Result<N, WordError> {
        let word = self.next(expected)?;
        word.parse().map_err(|_| unexpected(word, expected))
    }

    pub(super) fn process<I>(&mut self, names: &Names<I>) -> Result<I, WordError>
    where
        I: Copy + Ord + Debug,
    {
        let word = self.next(PROCESS)?;
        names.id(word).ok_or_else(|| unexpected(word, PROCESS))
    }

    /// Reads processes up to a word that is none.
    pub(super) fn processes<I>(&mut self, names: &Names<I>) -> Result<Vec<I>, WordError>
    where
        I: Copy + Ord + Debug,
    {
        let mut all = vec![self.process(names)?];
        while self.peek().is_some_and(|word| names.id(word).is_some()) {
            all.push(self.process(names)?);
        }
        Ok(all)
    }

    /// Reads processes in groups with `|` between.
    pub(super) fn groups<I>(&mut self, names: &Names<I>) -> Result<Vec<Vec<I>>, WordError>
    where
        I: Copy + Ord + Debug,
    {
        let mut groups = vec![self.processes(names)?];
        while self.take("|") {
            groups.push(self.processes(names)?);
        }
        Ok(groups)
    }

    pub(super) fn duration(&mut self) -> Result<Duration, WordError> {
        let expected = "a duration such as 1.5s, 20ms, 7us";
        let word = self.next(expected)?;
        duration(word).ok_or_else(|| unexpected(word, expected))
    }

    pub(super) fn rate(&mut self) -> Result<Rate, WordError> {
        let expected = "a rate between 0.000001 and 1000";
        let word = self.next(expected)?;
        let millionths = decimal(word, 1_000_000).filter(|rate| (1..=1_000_000_000).contains(rate));
        let rate = millionths.and_then(|millionths| u32::try_from(millionths).ok());
        rate.map(Rate).ok_or_else(|| unexpected(word, expected))
    }
}

const PROCESS: &str = "a process";

pub(super) fn unexpected(word: &str, expected: &'static str) -> WordError {
    WordError::Unexpected { word: word.to_owned(), expected }
}

fn duration(word: &str) -> Option<Duration> {
    let digits = word.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = word.split_at(digits);
    let nanos_in_unit = match unit {
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" | "µs" => 1000,
        "ns" => 1,
        _ => return None,
    };
    decimal(number, nanos_in_unit).map(Duration::from_nanos)
}

/// A decimal number times `unit`, if that is whole and not too large.
fn decimal(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()? };
    let part = part.checked_mul(unit)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if part % scale == 0 { whole.checked_add(part / scale) } else { None }
}
