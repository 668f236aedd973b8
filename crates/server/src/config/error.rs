//! What can be wrong with a configuration, and where: errors stop the start, warnings are logged.

use super::kind::Fault;
use super::membership::MembershipError;
use super::properties::PropertiesError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Where a setting was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of `zoo.cfg` or of a dynamic file.
    File {
        /// As given on the command line or in `dynamicConfigFile`.
        path: Arc<str>,
        /// Counted from 1.
        line: u32,
    },
    /// `-Dname=value` on the command line.
    CommandLine,
    /// One of the arguments `clientPort dataDir [tickTime] [maxClientCnxns]`.
    Argument {
        /// Counted from 1.
        number: u8,
    },
    /// A `-D` option in an environment variable, or the variable itself.
    Environment {
        /// Name of the variable.
        variable: &'static str,
    },
    /// What the server sets itself when it is started without a configuration.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::CommandLine => f.write_str("command line"),
            Self::Argument { number } => write!(f, "argument {number}"),
            Self::Environment { variable } => f.write_str(variable),
            Self::BuiltIn => f.write_str("built in"),
        }
    }
}

impl Origin {
    /// The line, for settings of files.
    pub(crate) fn line(&self) -> Option<u32> {
        match self {
            Self::File { line, .. } => Some(*line),
            Self::CommandLine
            | Self::Argument { .. }
            | Self::Environment { .. }
            | Self::BuiltIn => None,
        }
    }
}

/// A name, the value given to it, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The name as the operator wrote it; a system property keeps its `-D`.
    pub name: String,
    /// The text of the value.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, origin } = self;
        // Messages end up in logs that more people may read than the configuration.
        let secret = ["password", "superdigest"].iter().any(|s| name.to_lowercase().ends_with(s));
        let value = if secret { "***" } else { value };
        write!(f, "{origin}: {name}={value}")
    }
}

/// A reason not to start.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not a valid number of arguments.
    #[error(
        "{count} arguments: allowed are none, one (path of zoo.cfg), \
         or clientPort dataDir [tickTime] [maxClientCnxns]"
    )]
    Usage {
        /// How many were given.
        count: usize,
    },
    /// A file that the configuration needs cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is not in the properties format.
    #[error("{path}: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What and where.
        source: PropertiesError,
    },
    /// A value that its key does not allow.
    #[error("{setting}: {fault}; allowed: {allowed}")]
    BadValue {
        /// The setting.
        setting: Setting,
        /// What is wrong with the value.
        fault: Fault,
        /// What would be right.
        allowed: String,
    },
    /// A key without which the server cannot start.
    #[error("{path}: {key} is not set; it is required {when}")]
    Missing {
        /// The configuration file, or how the server was started.
        path: String,
        /// The key.
        key: &'static str,
        /// Under which circumstances it is required.
        when: &'static str,
    },
    /// A key that makes sense only together with another.
    #[error("{setting}: {needed} must be set as well")]
    Needs {
        /// The setting.
        setting: Setting,
        /// What is missing: a key or `key=value`.
        needed: &'static str,
    },
    /// Two settings that contradict each other.
    #[error("{setting}: contradicts {other}: {rule}")]
    Contradiction {
        /// The setting.
        setting: Setting,
        /// The other one, as text.
        other: String,
        /// What must hold between them.
        rule: &'static str,
    },
    /// A setting that asks for something this server does not have, and whose loss could go
    /// unnoticed: protection, most of all.
    #[error("{setting}: not supported by this server: {why}")]
    Unsupported {
        /// The setting.
        setting: Setting,
        /// What is missing and what can be done.
        why: &'static str,
    },
    /// A `server.N`, `group.N` or `weight.N` line is wrong.
    #[error("{setting}: {source}")]
    Membership {
        /// The line.
        setting: Setting,
        /// What is wrong with it.
        source: MembershipError,
    },
    /// The lines are right, but not what they say together.
    #[error("{path}: {source}")]
    Ensemble {
        /// The file with the lines.
        path: String,
        /// What is wrong.
        source: MembershipError,
    },
    /// Membership lines belong into the dynamic file alone once there is one.
    #[error("{setting}: must be in the dynamic file, because dynamicConfigFile is set")]
    NotInStaticFile {
        /// The line.
        setting: Setting,
    },
    /// Something else than membership lines in a dynamic file.
    #[error("{setting}: allowed in a dynamic file: server.N, group.N, weight.N")]
    NotInDynamicFile {
        /// The line.
        setting: Setting,
    },
    /// The file `myid` does not hold a server id.
    #[error("{path}: {text:?} is no server id; allowed: one line, {allowed}")]
    BadMyId {
        /// The file.
        path: PathBuf,
        /// Its first line.
        text: String,
        /// The ids that are possible.
        allowed: &'static str,
    },
    /// An ensemble member must know which one it is.
    #[error("{path}: missing; the ensemble's members each need this file with their server id")]
    MissingMyId {
        /// The file looked for.
        path: PathBuf,
    },
}

impl ConfigError {
    /// The line that is wrong, when it is one line.
    pub(crate) fn line(&self) -> Option<u32> {
        match self {
            Self::BadValue { setting, .. }
            | Self::Needs { setting, .. }
            | Self::Contradiction { setting, .. }
            | Self::Unsupported { setting, .. }
            | Self::Membership { setting, .. }
            | Self::NotInStaticFile { setting }
            | Self::NotInDynamicFile { setting } => setting.origin.line(),
            Self::Usage { .. }
            | Self::Unreadable { .. }
            | Self::Malformed { .. }
            | Self::Missing { .. }
            | Self::Ensemble { .. }
            | Self::BadMyId { .. }
            | Self::MissingMyId { .. } => None,
        }
    }
}

/// All that is wrong with a configuration.
#[derive(Debug, Error)]
pub struct ConfigErrors {
    /// In the order found, never empty.
    pub errors: Vec<ConfigError>,
    /// What was noticed besides.
    pub warnings: Vec<ConfigWarning>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

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
