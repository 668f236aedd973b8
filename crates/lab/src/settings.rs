//! Settings as `key=value` words: how many processes, which variant, which flaw.

use crate::nearest::nearest;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingError {
    /// There is no such setting.
    #[error("no setting {key}{}; there are: {known}", meant(.nearest.as_deref()))]
    Unknown {
        /// What was written.
        key: String,
        /// What may have been meant.
        nearest: Option<String>,
        /// All there are.
        known: String,
    },
    /// A word that is not `key=value`.
    #[error("{0}: a setting is key=value")]
    NotASetting(String),
    /// A value that the setting cannot have.
    #[error("{key}={found}: expected {expected}")]
    Value {
        /// Which setting.
        key: String,
        /// What was written.
        found: String,
        /// What can be.
        expected: String,
    },
    /// Settings under which the protocol cannot keep its promises.
    #[error("{what}; this breaks {theorem}. To see what happens then, add anyway=yes")]
    Impossible {
        /// What is wrong.
        what: String,
        /// Which theorem forbids it, and where it stands.
        theorem: &'static str,
    },
}

/// The end of an error that knows better.
pub(crate) fn meant(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}

/// A setting that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub key: &'static str,
    /// What it is if nothing else is said.
    pub default: String,
    /// What it may be.
    pub values: String,
    /// What it is for.
    pub help: &'static str,
}

/// Reads settings one after the other, and remembers which there are.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    given: BTreeMap<String, String>,
    known: Vec<Setting>,
}

impl Reader {
    /// Reads words; a later one wins over an earlier one of the same key.
    ///
    /// # Errors
    /// If one is not `key=value`.
    pub(crate) fn new(words: &str) -> Result<Self, SettingError> {
        let mut given = BTreeMap::new();
        for word in words.split_whitespace() {
            let parts = word.split_once('=');
            let (key, value) = parts.ok_or_else(|| SettingError::NotASetting(word.to_owned()))?;
            given.insert(key.to_owned(), value.to_owned());
        }
        Ok(Self { given, known: Vec::new() })
    }

    /// A whole number.
    pub(crate) fn number<T>(
        &mut self,
        key: &'static str,
        help: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Result<T, SettingError>
    where
        T: Copy + Display + FromStr + PartialOrd,
    {
        let values = format!("{} to {}", range.start(), range.end());
        let Some(found) = self.take(key, help, default.to_string(), &values) else {
            return Ok(default);
        };
        let number = found.parse().ok().filter(|number| range.contains(number));
        number.ok_or(SettingError::Value { key: key.to_owned(), found, expected: values })
    }

    /// One of several words; the first is the default.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        help: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, SettingError> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let values = words.join(", ");
        let found = self.take(key, help, words[0].to_owned(), &values);
        let found = found.unwrap_or_else(|| words[0].to_owned());
        let choice = choices.iter().find(|(word, _)| *word == found).map(|(_, choice)| *choice);
        choice.ok_or(SettingError::Value { key: key.to_owned(), found, expected: values })
    }

    /// `yes` or `no`; the default is no.
    pub(crate) fn flag(
        &mut self,
        key: &'static str,
        help: &'static str,
    ) -> Result<bool, SettingError> {
        self.choice(key, help, &[("no", false), ("yes", true)])
    }

    /// A time in milliseconds.
    pub(crate) fn millis(
        &mut self,
        key: &'static str,
        help: &'static str,
        default: u64,
    ) -> Result<Duration, SettingError> {
        let millis = self.number(key, help, default, 0..=3_600_000)?;
        Ok(Duration::from_millis(millis))
    }

    /// Any word.
    pub(crate) fn word(&mut self, key: &'static str, help: &'static str) -> String {
        self.take(key, help, String::new(), "any word").unwrap_or_default()
    }

    fn take(
        &mut self,
        key: &'static str,
        help: &'static str,
        default: String,
        values: &str,
    ) -> Option<String> {
        self.known.push(Setting { key, default, values: values.to_owned(), help });
        self.given.remove(key)
    }

    /// All settings that were asked for.
    ///
    /// # Errors
    /// If others were given.
    pub(crate) fn finish(self) -> Result<Vec<Setting>, SettingError> {
        let Some(key) = self.given.into_keys().next() else { return Ok(self.known) };
        let keys: Vec<&str> = self.known.iter().map(|setting| setting.key).collect();
        let nearest = nearest(&key, keys.iter().copied()).map(str::to_owned);
        Err(SettingError::Unknown { key, nearest, known: keys.join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<(u8, bool), SettingError> {
        let mut reader = Reader::new(words)?;
        let count = reader.number("acceptors", "how many", 3, 1..=9)?;
        let flag = reader.flag("anyway", "whatever happens")?;
        reader.finish().map(|_| (count, flag))
    }

    #[test]
    fn what_is_not_said_is_the_default_and_the_last_word_wins() {
        assert_eq!(read(""), Ok((3, false)));
        assert_eq!(read("acceptors=5 anyway=yes acceptors=7"), Ok((7, true)));
    }

    #[test]
    fn errors_say_what_is_expected() {
        let error = |words| read(words).unwrap_err().to_string();
        assert_eq!(
            error("aceptors=3"),
            "no setting aceptors (did you mean acceptors?); there are: acceptors, anyway"
        );
        assert_eq!(error("acceptors=0"), "acceptors=0: expected 1 to 9");
        assert_eq!(error("anyway=maybe"), "anyway=maybe: expected no, yes");
        assert_eq!(error("anyway"), "anyway: a setting is key=value");
    }
}
