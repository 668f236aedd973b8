//! What a key's value may be: one type per kind of value, each reading text and saying what it
//! allows.

use std::fmt::Debug;
use std::path::PathBuf;
use thiserror::Error;

mod number;

pub use number::{Fraction, Int, Kibibytes, Time, TimeUnit};

/// A kind of value.
pub trait Kind: Debug + Sync + 'static {
    /// What the text becomes.
    type Value;
    /// The form in which the key table holds the default.
    type Default: Copy + Debug + Sync + 'static;

    /// Reads the text of a value.
    fn parse(&self, text: &str, notation: Notation) -> Result<Self::Value, Fault>;
    /// What is allowed, for error messages and the documentation.
    fn allowed(&self) -> String;
    /// The value that the default stands for.
    fn default_value(&self, default: Self::Default) -> Self::Value;
    /// The default as one would write it, or `None` when the key is unset by default.
    fn default_text(&self, default: Self::Default) -> Option<String>;
}

/// How whole numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// Decimal digits, as `Integer.parseInt` takes them: keys that only the file may hold.
    Decimal,
    /// Also `0x`, `#` (hexadecimal) and a leading `0` (octal), as `Integer.getInteger` takes them:
    /// system properties. `-Djute.maxbuffer=0x9fffff` is in common use.
    Java,
}

/// Why a value is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// A number was needed.
    #[error("not a number")]
    NotANumber,
    /// The number is too small or too large.
    #[error("out of range")]
    OutOfRange,
    /// Not one of a fixed set of words.
    #[error("not one of the allowed values")]
    NotAllowed,
    /// Something was needed after the `=`.
    #[error("empty")]
    Empty,
}

/// `true` or `false`, in any case. Apache takes any other text of a system property for false.
#[derive(Debug, Clone, Copy)]
pub struct Bool;

impl Kind for Bool {
    type Value = bool;
    type Default = bool;

    fn parse(&self, text: &str, _: Notation) -> Result<bool, Fault> {
        if text.eq_ignore_ascii_case("true") {
            Ok(true)
        } else if text.eq_ignore_ascii_case("false") {
            Ok(false)
        } else {
            Err(Fault::NotAllowed)
        }
    }

    fn allowed(&self) -> String {
        "true, false".to_owned()
    }

    fn default_value(&self, default: bool) -> bool {
        default
    }

    fn default_text(&self, default: bool) -> Option<String> {
        Some(default.to_string())
    }
}

/// One of a fixed set of words.
#[derive(Debug, Clone, Copy)]
pub struct Choice<T: 'static> {
    /// The words, in the order shown, with what each means. Case does not count.
    pub words: &'static [(&'static str, T)],
}

impl<T: Copy + PartialEq + Debug + Sync + 'static> Kind for Choice<T> {
    type Value = T;
    type Default = T;

    fn parse(&self, text: &str, _: Notation) -> Result<T, Fault> {
        let named = self.words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        named.map(|(_, value)| *value).ok_or(Fault::NotAllowed)
    }

    fn allowed(&self) -> String {
        let show = |(word, _): &(&'static str, T)| match *word {
            "" => "(empty)",
            word => word,
        };
        self.words.iter().map(show).collect::<Vec<_>>().join(", ")
    }

    fn default_value(&self, default: T) -> T {
        default
    }

    fn default_text(&self, default: T) -> Option<String> {
        self.words.iter().find(|(_, value)| *value == default).map(|(word, _)| (*word).to_owned())
    }
}

/// `yes` or `no`: `forceSync`, `skipACL` and `leaderServes` are older than Apache's `true`.
pub const YES_NO: Choice<bool> = Choice { words: &[("yes", true), ("no", false)] };

/// Which numbers switch a feature off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffWhen {
    /// −1, Apache's usual sentinel.
    MinusOne,
    /// 0 and everything below.
    NotPositive,
    /// Everything below 0.
    Negative,
}

impl OffWhen {
    fn holds(self, number: f64) -> bool {
        match self {
            #[expect(clippy::float_cmp, reason = "-1 is exact")]
            Self::MinusOne => number == -1.0,
            Self::NotPositive => number <= 0.0,
            Self::Negative => number < 0.0,
        }
    }
}

/// A number that some values switch off: the value is `None` then.
#[derive(Debug, Clone, Copy)]
pub struct OrOff<K> {
    /// The numbers that mean off.
    pub off: OffWhen,
    /// What off means for this key, as in "0 or less: unlimited".
    pub meaning: &'static str,
    /// All other values.
    pub on: K,
}

impl<K: Kind> Kind for OrOff<K> {
    type Value = Option<K::Value>;
    type Default = Option<K::Default>;

    fn parse(&self, text: &str, notation: Notation) -> Result<Self::Value, Fault> {
        let number = match number::whole(text, notation) {
            Some(number) => Some(f64::from(i32::try_from(number).unwrap_or(i32::MAX))),
            None => text.parse().ok().filter(|_| text.contains('.')),
        };
        if number.is_some_and(|number| self.off.holds(number)) {
            return Ok(None);
        }
        self.on.parse(text, notation).map(Some)
    }

    fn allowed(&self) -> String {
        let off = match self.off {
            OffWhen::MinusOne => "-1",
            OffWhen::NotPositive => "0 or less",
            OffWhen::Negative => "less than 0",
        };
        format!("{}; {off}: {}", self.on.allowed(), self.meaning)
    }

    fn default_value(&self, default: Self::Default) -> Self::Value {
        default.map(|default| self.on.default_value(default))
    }

    fn default_text(&self, default: Self::Default) -> Option<String> {
        match (default, self.off) {
            (Some(default), _) => self.on.default_text(default),
            (None, OffWhen::NotPositive) => Some("0".to_owned()),
            (None, OffWhen::MinusOne | OffWhen::Negative) => Some("-1".to_owned()),
        }
    }
}

/// A key that is unset by default; its value is `None` then.
#[derive(Debug, Clone, Copy)]
pub struct Maybe<K>(
    /// The kind of value when it is set.
    pub K,
);

impl<K: Kind> Kind for Maybe<K> {
    type Value = Option<K::Value>;
    type Default = ();

    fn parse(&self, text: &str, notation: Notation) -> Result<Self::Value, Fault> {
        self.0.parse(text, notation).map(Some)
    }

    fn allowed(&self) -> String {
        self.0.allowed()
    }

    fn default_value(&self, (): ()) -> Self::Value {
        None
    }

    fn default_text(&self, (): ()) -> Option<String> {
        None
    }
}

/// Free text, not empty.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// What the text is, for messages.
    pub what: &'static str,
}

impl Kind for Text {
    type Value = String;
    type Default = &'static str;

    fn parse(&self, text: &str, _: Notation) -> Result<String, Fault> {
        if text.is_empty() { Err(Fault::Empty) } else { Ok(text.to_owned()) }
    }

    fn allowed(&self) -> String {
        self.what.to_owned()
    }

    fn default_value(&self, default: &'static str) -> String {
        default.to_owned()
    }

    fn default_text(&self, default: &'static str) -> Option<String> {
        Some(default.to_owned())
    }
}

/// A path. Relative ones start at the directory the server was started in, as in Java.
#[derive(Debug, Clone, Copy)]
pub struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;
    type Default = &'static str;

    fn parse(&self, text: &str, _: Notation) -> Result<PathBuf, Fault> {
        if text.is_empty() { Err(Fault::Empty) } else { Ok(PathBuf::from(text)) }
    }

    fn allowed(&self) -> String {
        "a path".to_owned()
    }

    fn default_value(&self, default: &'static str) -> PathBuf {
        PathBuf::from(default)
    }

    fn default_text(&self, default: &'static str) -> Option<String> {
        Some(default.to_owned())
    }
}

/// Words separated by commas, without the spaces around them; empty ones are dropped.
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// What the words are, for messages.
    pub what: &'static str,
}

impl Kind for List {
    type Value = Vec<String>;
    type Default = &'static str;

    fn parse(&self, text: &str, _: Notation) -> Result<Vec<String>, Fault> {
        Ok(words(text))
    }

    fn allowed(&self) -> String {
        format!("{}, separated by commas", self.what)
    }

    fn default_value(&self, default: &'static str) -> Vec<String> {
        words(default)
    }

    fn default_text(&self, default: &'static str) -> Option<String> {
        Some(default.to_owned()).filter(|text| !text.is_empty())
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
