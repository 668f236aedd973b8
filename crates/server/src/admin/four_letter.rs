//! Four letter words: a client sends four bytes instead of a connect request and gets a text.
//!
//! The first four bytes of a connection are otherwise a frame's length. As lengths the words are
//! far above any limit, so the two cannot be confused. Bytes after the word are ignored, except by
//! `stmk`, which is followed by eight bytes of mask. After the answer the server closes.

use std::collections::BTreeSet;

use super::words;
use crate::status::AdminSource;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What can be asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FourLetterWord {
            $($(#[$doc])* $name,)*
        }

        impl FourLetterWord {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its text; that of telnet's Ctrl-C is Apache's name for it.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

words! {
    /// Settings.
    Conf = "conf",
    /// Connections with their statistics.
    Cons = "cons",
    /// Reset the connections' statistics.
    Crst = "crst",
    /// Sizes of the data directories.
    Dirs = "dirs",
    /// Sessions and ephemerals.
    Dump = "dump",
    /// Environment.
    Envi = "envi",
    /// Trace mask.
    Gtmk = "gtmk",
    /// Is the process alive?
    Ruok = "ruok",
    /// Set the trace mask.
    Stmk = "stmk",
    /// Reset the server's statistics.
    Srst = "srst",
    /// The server's statistics.
    Srvr = "srvr",
    /// The same with the connections.
    Stat = "stat",
    /// Watches by session.
    Wchc = "wchc",
    /// Watches by path.
    Wchp = "wchp",
    /// Number of watches.
    Wchs = "wchs",
    /// Metrics.
    Mntr = "mntr",
    /// Read-only?
    Isro = "isro",
    /// Digests of the tree.
    Hash = "hash",
    /// Ctrl-C in telnet: nothing is answered.
    TelnetClose = "telnet close",
}

/// Telnet's "interrupt process, do timing mark" without its last byte.
const TELNET_CLOSE: [u8; 4] = [0xff, 0xf4, 0xff, 0xfd];

impl FourLetterWord {
    /// The word that these first bytes of a connection are, if any.
    pub fn parse(bytes: [u8; 4]) -> Option<Self> {
        if bytes == TELNET_CLOSE {
            return Some(Self::TelnetClose);
        }
        Self::ALL.iter().find(|word| word.text().as_bytes() == bytes).copied()
    }

    /// How many more bytes to read before answering: the mask of `stmk`.
    pub const fn argument_len(self) -> usize {
        if matches!(self, Self::Stmk) { 8 } else { 0 }
    }

    /// What is answered instead when the whitelist does not have the word.
    pub fn refusal(self) -> Vec<u8> {
        let text = self.text();
        format!("{text} is not executed because it is not in the whitelist.\n").into_bytes()
    }
}

/// Which words are answered (`4lw.commands.whitelist`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whitelist(BTreeSet<FourLetterWord>);

impl Whitelist {
    /// From the setting's comma list, in which `*` is every word and unknown words mean nothing.
    /// `srvr` is always in, as `zkServer.sh status` asks it; so is `isro` on servers that may be
    /// read-only, as clients ask it when they look for a writable one.
    pub fn parse(setting: &str, read_only_mode: bool) -> Self {
        let listed: Vec<&str> = setting.split(',').map(str::trim).collect();
        let allowed = |word: FourLetterWord| {
            word == FourLetterWord::Srvr
                || (word == FourLetterWord::Isro && read_only_mode)
                || listed.contains(&"*")
                || listed.contains(&word.text())
        };
        Self(FourLetterWord::ALL.iter().copied().filter(|word| allowed(*word)).collect())
    }

    /// Whether this word is answered.
    pub fn allows(&self, word: FourLetterWord) -> bool {
        self.0.contains(&word)
    }
}

/// The answer to a word that the whitelist allows. `argument` is the mask that follows `stmk`;
/// other words ignore it. May take locks and read directories.
pub fn render(word: FourLetterWord, argument: i64, source: &dyn AdminSource) -> Vec<u8> {
    words::render(word, argument, source).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_from_four_bytes() {
        assert_eq!(FourLetterWord::parse(*b"ruok"), Some(FourLetterWord::Ruok));
        assert_eq!(FourLetterWord::parse(*b"RUOK"), None);
        assert_eq!(FourLetterWord::parse(*b"teln"), None);
        assert_eq!(FourLetterWord::parse([0, 0, 0, 45]), None);
        let telnet = FourLetterWord::parse([0xff, 0xf4, 0xff, 0xfd]);
        assert_eq!(telnet, Some(FourLetterWord::TelnetClose));
    }

    #[test]
    fn srvr_is_always_answered_and_isro_where_it_matters() {
        let none = Whitelist::parse("", false);
        let all: Vec<_> = FourLetterWord::ALL.iter().filter(|word| none.allows(**word)).collect();
        assert_eq!(all, [&FourLetterWord::Srvr]);
        assert!(Whitelist::parse("", true).allows(FourLetterWord::Isro));
        let some = Whitelist::parse(" stat, ruok ,nosuch", false);
        assert!(some.allows(FourLetterWord::Stat) && some.allows(FourLetterWord::Ruok));
        assert!(!some.allows(FourLetterWord::Mntr));
        let every = Whitelist::parse("stat, *", false);
        assert!(FourLetterWord::ALL.iter().all(|word| every.allows(*word)));
    }

    #[test]
    fn a_refusal_names_the_word() {
        let text = String::from_utf8(FourLetterWord::Dump.refusal()).unwrap();
        assert_eq!(text, "dump is not executed because it is not in the whitelist.\n");
    }
}
