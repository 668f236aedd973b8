//! Kinds of values that are numbers.

use super::{Fault, Kind, Notation};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::time::Duration;

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

fn in_range(text: &str, notation: Notation, min: i64, max: i64) -> Result<i64, Fault> {
    let number = whole(text, notation).ok_or(Fault::NotANumber)?;
    i64::try_from(number)
        .ok()
        .filter(|number| (min..=max).contains(number))
        .ok_or(Fault::OutOfRange)
}

/// Reads a whole number; wide enough that "too large" is told apart from "not a number".
pub(super) fn whole(text: &str, notation: Notation) -> Option<i128> {
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
