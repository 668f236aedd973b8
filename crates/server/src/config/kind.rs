//! What a key's value may be: one type per kind of value, each reading text and saying what it
//! allows.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

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

/// A whole number.
#[derive(Debug, Clone, Copy)]
pub struct Int<T> {
    min: i64,
    max: i64,
    unit: &'static str,
    target: PhantomData<fn() -> T>,
}

impl<T> Int<T> {
    /// Numbers from `min` to `max`. `unit` is shown in messages and may be empty.
    pub const fn new(min: i64, max: i64, unit: &'static str) -> Self {
        Self { min, max, unit, target: PhantomData }
    }
}

impl<T: TryFrom<i64> + Copy + ToString + Debug + Sync + 'static> Kind for Int<T> {
    type Value = T;
    type Default = T;

    fn parse(&self, text: &str, notation: Notation) -> Result<T, Fault> {
        in_range(text, notation, self.min, self.max)
            .and_then(|number| T::try_from(number).map_err(|_| Fault::OutOfRange))
    }

    fn allowed(&self) -> String {
        range(self.min, self.max, self.unit)
    }

    fn default_value(&self, default: T) -> T {
        default
    }

    fn default_text(&self, default: T) -> Option<String> {
        Some(default.to_string())
    }
}

/// The unit in which a key counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// 1/1000 second.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl TimeUnit {
    fn duration(self, count: u64) -> Duration {
        match self {
            Self::Milliseconds => Duration::from_millis(count),
            Self::Seconds => Duration::from_secs(count),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "milliseconds",
            Self::Seconds => "seconds",
        }
    }
}

/// A length of time: a whole number of a unit that the key fixes.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// What is counted.
    pub unit: TimeUnit,
    /// Smallest count.
    pub min: u32,
    /// Largest count.
    pub max: i64,
}

impl Kind for Time {
    type Value = Duration;
    type Default = u32;

    fn parse(&self, text: &str, notation: Notation) -> Result<Duration, Fault> {
        let count = in_range(text, notation, i64::from(self.min), self.max)?;
        let count = u64::try_from(count).map_err(|_| Fault::OutOfRange)?;
        Ok(self.unit.duration(count))
    }

    fn allowed(&self) -> String {
        range(i64::from(self.min), self.max, self.unit.name())
    }

    fn default_value(&self, default: u32) -> Duration {
        self.unit.duration(u64::from(default))
    }

    fn default_text(&self, default: u32) -> Option<String> {
        Some(default.to_string())
    }
}

/// A file size that the key counts in KiB; the value is in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Kibibytes {
    /// Smallest count, in KiB.
    pub min: u32,
}

impl Kibibytes {
    /// So that the number of bytes is a Java `long`, and so a `u64`.
    const MAX: i64 = i64::MAX / 1024;
}

impl Kind for Kibibytes {
    type Value = u64;
    type Default = u32;

    fn parse(&self, text: &str, notation: Notation) -> Result<u64, Fault> {
        let count = in_range(text, notation, i64::from(self.min), Self::MAX)?;
        u64::try_from(count * 1024).map_err(|_| Fault::OutOfRange)
    }

    fn allowed(&self) -> String {
        range(i64::from(self.min), Self::MAX, "KiB")
    }

    fn default_value(&self, default: u32) -> u64 {
        u64::from(default) * 1024
    }

    fn default_text(&self, default: u32) -> Option<String> {
        Some(default.to_string())
    }
}

/// A number with a fraction, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct Fraction;

impl Kind for Fraction {
    type Value = f64;
    type Default = f64;

    fn parse(&self, text: &str, _: Notation) -> Result<f64, Fault> {
        let number: f64 = text.parse().map_err(|_| Fault::NotANumber)?;
        if (0.0..=1.0).contains(&number) { Ok(number) } else { Err(Fault::OutOfRange) }
    }

    fn allowed(&self) -> String {
        "0 to 1, with a decimal point".to_owned()
    }

    fn default_value(&self, default: f64) -> f64 {
        default
    }

    fn default_text(&self, default: f64) -> Option<String> {
        Some(default.to_string())
    }
}

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
        let number = match whole(text, notation) {
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
        Ok(self.default_words(text))
    }

    fn allowed(&self) -> String {
        format!("{}, separated by commas", self.what)
    }

    fn default_value(&self, default: &'static str) -> Vec<String> {
        self.default_words(default)
    }

    fn default_text(&self, default: &'static str) -> Option<String> {
        Some(default.to_owned()).filter(|text| !text.is_empty())
    }
}

impl List {
    #[expect(clippy::unused_self, reason = "reads as a method of the list kind")]
    fn default_words(self, text: &str) -> Vec<String> {
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

fn in_range(text: &str, notation: Notation, min: i64, max: i64) -> Result<i64, Fault> {
    let number = whole(text, notation).ok_or(Fault::NotANumber)?;
    i64::try_from(number)
        .ok()
        .filter(|number| (min..=max).contains(number))
        .ok_or(Fault::OutOfRange)
}

/// Reads a whole number; wide enough that "too large" is told apart from "not a number".
fn whole(text: &str, notation: Notation) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (digits, radix) = match notation {
        Notation::Decimal => (digits, 10),
        Notation::Java => radix(digits),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    // More digits than an i128 holds are a number all the same, just an enormous one.
    let magnitude = i128::from_str_radix(digits, radix).unwrap_or(i128::MAX);
    Some(if negative { -magnitude } else { magnitude })
}

fn radix(digits: &str) -> (&str, u32) {
    let hexadecimal = ["0x", "0X", "#"].iter().find_map(|prefix| digits.strip_prefix(prefix));
    match (hexadecimal, digits.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        (None, Some(_) | None) => (digits, 10),
    }
}

fn range(min: i64, max: i64, unit: &str) -> String {
    let numbers = match max {
        i64::MAX | Kibibytes::MAX => format!("{min} or more"),
        _ => format!("{min} to {max}"),
    };
    if unit.is_empty() { numbers } else { format!("{numbers} ({unit})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_the_file_are_decimal_and_of_properties_as_java_decodes_them() {
        for (text, decimal, java) in [
            ("10", Some(10), Some(10)),
            ("-1", Some(-1), Some(-1)),
            ("+7", Some(7), Some(7)),
            ("010", Some(10), Some(8)),
            ("0", Some(0), Some(0)),
            ("0x9fffff", None, Some(0x9f_ffff)),
            ("-0XfF", None, Some(-255)),
            ("#ff", None, Some(255)),
            ("08", Some(8), None),
            ("", None, None),
            ("-", None, None),
            ("0x", None, None),
            ("--1", None, None),
            ("1_000", None, None),
            ("1 ", None, None),
            ("٣", None, None),
        ] {
            assert_eq!(whole(text, Notation::Decimal), decimal, "{text:?} decimal");
            assert_eq!(whole(text, Notation::Java), java, "{text:?} java");
        }
    }

    #[test]
    fn too_many_digits_are_out_of_range_rather_than_no_number() {
        let kind = Int::<u32>::new(0, i64::MAX, "");
        for text in ["4294967296", "99999999999999999999", &"9".repeat(60)] {
            assert_eq!(kind.parse(text, Notation::Decimal), Err(Fault::OutOfRange), "{text}");
        }
        assert_eq!(kind.parse("9x", Notation::Decimal), Err(Fault::NotANumber));
    }

    #[test]
    fn what_switches_off_is_none() {
        let kind = OrOff { off: OffWhen::NotPositive, meaning: "off", on: Kibibytes { min: 1 } };
        assert_eq!(kind.parse("-5", Notation::Java), Ok(None));
        assert_eq!(kind.parse("0x0", Notation::Java), Ok(None));
        assert_eq!(kind.parse("4", Notation::Java), Ok(Some(4096)));
        assert_eq!(kind.parse("x", Notation::Java), Err(Fault::NotANumber));
        assert_eq!(kind.allowed(), "1 or more (KiB); 0 or less: off");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_kind_panic(text in "[-+#0-9a-fxX.eEnN ]{0,40}|\\PC{0,10}") {
            for notation in [Notation::Decimal, Notation::Java] {
                let _ = whole(&text, notation);
                let _ = Kibibytes { min: 0 }.parse(&text, notation);
                let _ = Fraction.parse(&text, notation);
                let time = Time { unit: TimeUnit::Seconds, min: 0, max: i64::MAX };
                let _ = OrOff { off: OffWhen::MinusOne, meaning: "off", on: time }
                    .parse(&text, notation);
            }
        }
    }
}
