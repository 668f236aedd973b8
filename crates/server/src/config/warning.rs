//! What an operator should know about a configuration with which the server starts.

use super::error::{Origin, Setting};
use std::path::PathBuf;
use thiserror::Error;

/// How loudly to tell an operator about a [`ConfigWarning`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    /// Only when looking into something.
    Debug,
    /// Good to know.
    Info,
    /// Probably a mistake.
    Warn,
}

/// Something an operator should know, though the server starts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigWarning {
    /// A key nobody knows.
    #[error(
        "{origin}: unknown key \"{name}\"{}{}",
        did_you_mean(.nearest.as_deref()),
        kept_as(.nearest.as_deref(), .property.as_deref())
    )]
    UnknownKey {
        /// Where it stands.
        origin: Origin,
        /// The key.
        name: String,
        /// The known key that is spelled most like it.
        nearest: Option<String>,
        /// The system property it becomes, as in Apache; `None` for `metricsProvider.` keys.
        property: Option<String>,
    },
    /// A system property of ours that nobody knows.
    #[error("{origin}: unknown system property \"{name}\"{}", did_you_mean(.nearest.as_deref()))]
    UnknownProperty {
        /// Where it stands.
        origin: Origin,
        /// The property.
        name: String,
        /// The known property that is spelled most like it.
        nearest: Option<String>,
    },
    /// Apache reads this one only from `-D`, so the same line means nothing in a file.
    #[error("{setting}: no effect in a file; it is read as the system property -D{property} only")]
    OnlyAsProperty {
        /// The setting.
        setting: Setting,
        /// What to put on the command line or into `SERVER_JVMFLAGS`.
        property: &'static str,
    },
    /// Apache reads this one only from the file.
    #[error("{setting}: no effect as a system property; {key} is read from the file only")]
    OnlyInFile {
        /// The setting.
        setting: Setting,
        /// The key to put into `zoo.cfg`.
        key: &'static str,
    },
    /// A key that is right in Apache and has nothing to act on here.
    #[error("{setting}: accepted without effect: {why}")]
    WithoutEffect {
        /// The setting.
        setting: Setting,
        /// Why there is nothing to act on.
        why: &'static str,
    },
    /// The same key twice in one file.
    #[error("{setting}: set before on line {earlier}; the last one counts")]
    Duplicate {
        /// The last one.
        setting: Setting,
        /// Line of the one before, which is dropped.
        earlier: u32,
    },
    /// Something overrides a system property.
    #[error("{setting}: overridden by {by}")]
    Overridden {
        /// The setting that does not count.
        setting: Setting,
        /// Where the one that counts stands.
        by: Origin,
    },
    /// A number that Apache raises as well, instead of refusing it.
    #[error("{setting}: raised to {minimum}")]
    Raised {
        /// The setting.
        setting: Setting,
        /// The smallest useful value.
        minimum: u32,
    },
    /// A word in `4lw.commands.whitelist` that is no command.
    #[error("{setting}: no such command: \"{word}\"{}", did_you_mean(*.nearest))]
    UnknownCommand {
        /// The setting.
        setting: Setting,
        /// The word.
        word: String,
        /// The command that is spelled most like it.
        nearest: Option<&'static str>,
    },
    /// Java reads the file as ISO-8859-1, whatever the editor wrote.
    #[error("{setting}: not ASCII, and read as ISO-8859-1 as Java does; \\uXXXX is unambiguous")]
    NotAscii {
        /// The setting, as read.
        setting: Setting,
    },
    /// One `server.N` line alone runs as a single server while `standaloneEnabled` holds.
    #[error("{path}: only one participant, so this server runs standalone")]
    OneParticipant {
        /// The file with the line.
        path: String,
    },
    /// Fewer than three participants do not survive the loss of one.
    #[error("{path}: no server failure will be tolerated; that needs at least 3 participants")]
    NoFailureTolerated {
        /// The file with the lines.
        path: String,
    },
    /// An even number tolerates no more failures than one less.
    #[error("{path}: {count} participants tolerate no more failures than {}", .count - 1)]
    EvenParticipants {
        /// The file with the lines.
        path: String,
        /// Number of participants.
        count: usize,
    },
    /// `peerType` and the server's own line disagree; the line counts.
    #[error("{setting}: the server list says otherwise, and counts")]
    PeerType {
        /// The setting.
        setting: Setting,
    },
    /// Session ids have one byte for the id of the server that made them.
    #[error("{path}: server id {id} is above 255; session ids keep only its last 8 bits")]
    LargeServerId {
        /// The file `myid`.
        path: PathBuf,
        /// The id.
        id: u64,
    },
    /// Something for the JVM in an environment variable, such as `-Xmx1g`.
    #[error("{variable}: {flag}: meant for a JVM, ignored")]
    JvmFlag {
        /// Name of the variable.
        variable: &'static str,
        /// The option.
        flag: String,
    },
}

impl ConfigWarning {
    /// The line it is about, when it is one line.
    pub(crate) fn line(&self) -> Option<u32> {
        match self {
            Self::UnknownKey { origin, .. } | Self::UnknownProperty { origin, .. } => origin.line(),
            Self::OnlyAsProperty { setting, .. }
            | Self::OnlyInFile { setting, .. }
            | Self::WithoutEffect { setting, .. }
            | Self::Duplicate { setting, .. }
            | Self::Overridden { setting, .. }
            | Self::Raised { setting, .. }
            | Self::UnknownCommand { setting, .. }
            | Self::NotAscii { setting }
            | Self::PeerType { setting } => setting.origin.line(),
            Self::OneParticipant { .. }
            | Self::NoFailureTolerated { .. }
            | Self::EvenParticipants { .. }
            | Self::LargeServerId { .. }
            | Self::JvmFlag { .. } => None,
        }
    }

    /// How loudly to log it.
    pub fn loudness(&self) -> Loudness {
        match self {
            Self::JvmFlag { .. } => Loudness::Debug,
            Self::WithoutEffect { .. } | Self::Overridden { .. } | Self::OneParticipant { .. } => {
                Loudness::Info
            }
            Self::UnknownKey { .. }
            | Self::UnknownProperty { .. }
            | Self::OnlyAsProperty { .. }
            | Self::OnlyInFile { .. }
            | Self::Duplicate { .. }
            | Self::Raised { .. }
            | Self::UnknownCommand { .. }
            | Self::NotAscii { .. }
            | Self::NoFailureTolerated { .. }
            | Self::EvenParticipants { .. }
            | Self::PeerType { .. }
            | Self::LargeServerId { .. } => Loudness::Warn,
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean \"{nearest}\"?")).unwrap_or_default()
}

/// A sentence of its own, behind the question mark or the quotation mark before it.
fn kept_as(nearest: Option<&str>, property: Option<&str>) -> String {
    let full_stop = if nearest.is_some() { "" } else { "." };
    let sentence = |property| format!("{full_stop} It is kept as the system property {property}");
    property.map(sentence).unwrap_or_default()
}
