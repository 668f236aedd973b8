//! What processes are called.

use std::fmt;

/// A process: a letter for what it does, and a number if there are several. `c`, `p1`, `a3`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    kind: char,
    number: u8,
}

impl Name {
    /// The only one of its kind.
    pub const fn only(kind: char) -> Self {
        Self { kind, number: 0 }
    }

    /// One of several, from 1.
    pub const fn new(kind: char, number: u8) -> Self {
        Self { kind, number }
    }

    /// The first `count` of a kind.
    pub fn all(kind: char, count: u8) -> impl Iterator<Item = Self> {
        (1..=count).map(move |number| Self { kind, number })
    }

    /// What it does.
    pub const fn kind(self) -> char {
        self.kind
    }

    /// Which of its kind it is; 0 if it is the only one.
    pub const fn number(self) -> u8 {
        self.number
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => write!(out, "{}", self.kind),
            number => write!(out, "{}{number}", self.kind),
        }
    }
}

/// As it is displayed: names stand in the labels of messages.
impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
