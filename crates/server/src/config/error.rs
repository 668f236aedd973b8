//! What can be wrong with a configuration, and where. These stop the start.

use super::kind::Fault;
use super::membership::MembersError;
use super::properties::PropertiesError;
use super::warning::ConfigWarning;
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
    #[error("{path}:{source}")]
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
        source: MembersError,
    },
    /// The lines are right, but not what they say together.
    #[error("{path}: {source}")]
    Ensemble {
        /// The file with the lines.
        path: String,
        /// What is wrong.
        source: MembersError,
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
