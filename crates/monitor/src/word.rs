//! Four-letter words: four bytes to the client port, a text back.

use crate::target::Target;
use serde::{Serialize, Serializer};
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer is cut off here: a server with a million watches tells of each.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $about:literal;)*) => {
        /// A word that servers know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Word {
            $($(#[$doc])* $name,)*
        }

        impl Word {
            /// Every word, sorted.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The four letters.
            pub const fn letters(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What it asks.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about,)*
                }
            }
        }
    };
}

words! {
    /// Configuration.
    Conf = "conf", "the configuration";
    /// Connections.
    Cons = "cons", "every connection with its statistics";
    /// Resets the statistics of connections.
    Crst = "crst", "reset the statistics of all connections";
    /// Sizes of the data directories.
    Dirs = "dirs", "bytes of snapshots and logs";
    /// Sessions and ephemerals.
    Dump = "dump", "sessions and their ephemerals";
    /// Environment.
    Envi = "envi", "the environment the server runs in";
    /// Trace mask.
    Gtmk = "gtmk", "the trace mask";
    /// Digests.
    Hash = "hash", "digests of the tree by zxid";
    /// Whether it is read-only.
    Isro = "isro", "rw, or ro for a read-only server";
    /// Metrics.
    Mntr = "mntr", "all metrics";
    /// Whether it runs.
    Ruok = "ruok", "imok, if the process runs; not whether it serves";
    /// Resets the statistics of the server.
    Srst = "srst", "reset the statistics of the server";
    /// The server.
    Srvr = "srvr", "the server: version, role, zxid, latency";
    /// The server and its clients.
    Stat = "stat", "the server and its clients";
    /// Watches by session.
    Wchc = "wchc", "watches by session; dear on a busy server";
    /// Watches by path.
    Wchp = "wchp", "watches by path; dear on a busy server";
    /// Number of watches.
    Wchs = "wchs", "how many watches there are";
}

/// Text that is no word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no word {text:?}; there are {}", all())]
pub struct WordError {
    /// The text.
    pub text: String,
}

fn all() -> String {
    Word::ALL.iter().map(|word| word.letters()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Word {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let found = Self::ALL.iter().find(|word| word.letters() == text);
        found.copied().ok_or_else(|| WordError { text: text.to_owned() })
    }
}

impl fmt::Display for Word {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.letters())
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.letters())
    }
}

/// Why a word has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// It took too long.
    #[error("no answer within {:.1} s", after.as_secs_f64())]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The server hung up without a byte: it does not know the word, or is no ZooKeeper.
    #[error("hung up without an answer: it does not know {word}, or speaks something else here")]
    Empty {
        /// The word.
        word: Word,
    },
    /// The operator has not allowed the word.
    #[error("{word} is not allowed; add it to 4lw.commands.whitelist of the server's zoo.cfg")]
    Refused {
        /// The word.
        word: Word,
    },
    /// The process runs, but there is no quorum, or it has just started.
    #[error("the process runs and does not serve")]
    NotServing,
}

/// Asks a server a word.
///
/// # Errors
/// If there is no answer within `patience`, or it is that there is none.
pub async fn ask(target: &Target, word: Word, patience: Duration) -> Result<String, AskError> {
    let asked = timeout(patience, exchange(target, word));
    let bytes = asked.await.map_err(|_| AskError::TimedOut { after: patience })??;
    // Paths and identities may hold anything.
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.is_empty() {
        return Err(AskError::Empty { word });
    }
    if text.contains("is not executed because it is not in the whitelist") {
        return Err(AskError::Refused { word });
    }
    if text.starts_with("This ZooKeeper instance is not currently serving requests") {
        return Err(AskError::NotServing);
    }
    Ok(text)
}

async fn exchange(target: &Target, word: Word) -> Result<Vec<u8>, AskError> {
    let connected = TcpStream::connect((target.host.as_str(), target.port)).await;
    let mut stream = connected.map_err(AskError::Connect)?;
    stream.write_all(word.letters().as_bytes()).await.map_err(AskError::Broken)?;
    let mut bytes = Vec::new();
    let read = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).await;
    match read {
        Ok(_) => Ok(bytes),
        // Some servers reset the connection behind the answer.
        Err(_) if !bytes.is_empty() => Ok(bytes),
        Err(error) => Err(AskError::Broken(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_and_read() {
        assert!(Word::ALL.is_sorted_by_key(|word| word.letters()));
        for word in Word::ALL {
            assert_eq!(word.letters().parse(), Ok(*word));
            assert_eq!(word.letters().len(), 4);
        }
        let error = "srvx".parse::<Word>().unwrap_err().to_string();
        assert!(error.starts_with("no word \"srvx\"; there are conf, cons, "), "{error}");
    }
}
