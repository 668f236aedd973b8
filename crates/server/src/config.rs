//! Configuration of one server: `zoo.cfg`, system properties, and what becomes of them.
//!
//! [`load`] turns [`Sources`] into a [`ServerConfig`], or into all [`ConfigErrors`] at once. It
//! opens no socket, resolves no name and touches no file but through [`Sources::read`].
//! Start reading at [`keys`], the table of everything that can be set.
//!
//! Order of precedence: `zoo.cfg`, the command line's `-D`, `JVMFLAGS`, `SERVER_JVMFLAGS`.

pub mod access;
pub mod admin;
pub mod clients;
pub mod dynamic;
pub mod ensemble;
mod error;
pub mod keys;
pub mod kind;
pub mod membership;
mod nearest;
pub mod properties;
mod settings;
mod sources;
pub mod storage;
mod system_properties;
mod warning;
pub mod znodes;

use access::Access;
use admin::{Admin, Metrics};
use clients::{ClientPort, FourLetterWords, Limits, Sessions};
use ensemble::{Ensemble, Members};
use membership::Member;
use settings::Settings;
use sources::Files;
use std::io;
use std::path::Path;
use storage::Storage;
use znodes::Znodes;

pub use error::{ConfigError, ConfigErrors, Origin, Setting};
pub use sources::Sources;
pub use system_properties::SystemProperties;
pub use warning::{ConfigWarning, Loudness};

/// Everything that a server needs to know before it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerConfig {
    /// The port on which clients connect.
    pub client_port: ClientPort,
    /// Ticks and session timeouts.
    pub sessions: Sessions,
    /// Bounds on what clients can make the server hold.
    pub limits: Limits,
    /// Which four-letter words are answered.
    pub four_letter_words: FourLetterWords,
    /// Where data lie, when they are written, and what is kept.
    pub storage: Storage,
    /// Who may do what, and how clients say who they are.
    pub access: Access,
    /// Kinds of znodes, and the deletion of containers and expired TTL znodes.
    pub znodes: Znodes,
    /// The HTTP admin server; `None`: there is none.
    pub admin: Option<Admin>,
    /// Who sees metrics.
    pub metrics: Metrics,
    /// Logs every write with who asked for it.
    pub audit: bool,
    /// Allows changing the membership while running.
    pub reconfig_enabled: bool,
    /// This server's ensemble; `None`: it runs alone.
    pub ensemble: Option<Ensemble>,
}

/// A configuration without errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: ServerConfig,
    /// What should be logged about it, in order of lines.
    pub warnings: Vec<ConfigWarning>,
    /// The system properties, for the admin command that lists them.
    pub properties: SystemProperties,
    /// `zoo.cfg` as it was read, for the admin command that shows it; `None` without a file.
    pub file: Option<Vec<u8>>,
}

/// Loads the configuration of this process: from its environment and the file system.
pub fn load_from_process(arguments: &[String], defines: &[String]) -> Result<Loaded, ConfigErrors> {
    let variable = |name: &str| std::env::var(name).ok();
    let read = |path: &Path| std::fs::read(path);
    load(&Sources { arguments, defines, variable: &variable, read: &read })
}

/// Loads a configuration.
pub fn load(sources: &Sources<'_>) -> Result<Loaded, ConfigErrors> {
    let (mut settings, mut files) = Settings::gather(sources);
    let unreadable = !settings.errors.is_empty();
    let config = ServerConfig::read(&mut settings, &mut files);
    settings.check_names();
    settings.check_values();
    settings.sort_by_line();
    let Settings { properties, mut errors, warnings, .. } = settings;
    if unreadable {
        // Everything is missing from a file that could not be read; only the first error is news.
        errors.truncate(1);
    }
    match errors.is_empty() {
        true => Ok(Loaded { config, warnings, properties, file: files.zoo_cfg() }),
        false => Err(ConfigErrors { errors, warnings }),
    }
}

impl ServerConfig {
    /// The configuration of a server started without arguments: it listens on 127.0.0.1 alone,
    /// client port 2181 and admin port 8080, with its data in `zoarium-data`.
    pub fn embedded() -> Self {
        let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
        let sources = Sources { arguments: &[], defines: &[], variable: &|_| None, read: &read };
        let (mut settings, mut files) = Settings::gather(&sources);
        Self::read(&mut settings, &mut files)
    }

    /// Reads all keys. Errors are left in the settings; the result is of use only without any.
    fn read(settings: &mut Settings, files: &mut Files<'_>) -> Self {
        files.data_dir = settings.value(&keys::storage::DATA_DIR).unwrap_or_default();
        let (members, lines) = files.members(settings);
        let standalone = members.standalone(settings, files);
        let own = own_member(&members, standalone).cloned();
        refuse_secure_client(settings, own.as_ref(), &lines);
        let source = files.source();
        let sessions = Sessions::read(settings);
        let tick_time = sessions.tick_time;
        Self {
            client_port: ClientPort::read(settings, &source, own.as_ref()),
            sessions,
            limits: Limits::read(settings),
            four_letter_words: FourLetterWords::read(settings),
            storage: Storage::read(settings, &source),
            access: Access::read(settings),
            znodes: Znodes::read(settings, standalone),
            admin: Admin::read(settings),
            metrics: Metrics::read(settings),
            audit: admin::audit(settings),
            reconfig_enabled: settings.value(&keys::ensemble::RECONFIG_ENABLED),
            ensemble: (!standalone).then(|| Ensemble::read(settings, files, tick_time, members)),
        }
    }
}

/// This server's own line. The only line of a standalone server is its own, with or without
/// `myid`; Apache starts such a server without any client port when `myid` is missing.
fn own_member(members: &Members, standalone: bool) -> Option<&Member> {
    let all = &members.membership.members;
    match members.my_id.and_then(|id| all.get(&id)) {
        Some(own) => Some(own),
        None if standalone => all.values().next(),
        None => None,
    }
}

fn refuse_secure_client(
    settings: &mut Settings,
    own: Option<&Member>,
    lines: &[(String, Setting)],
) {
    let Some(own) = own.filter(|own| own.secure_client.is_some()) else { return };
    let key = format!("server.{}", own.id);
    if let Some((_, setting)) = lines.iter().find(|(name, _)| *name == key) {
        let (setting, why) = (setting.clone(), keys::other::NO_TLS);
        settings.errors.push(ConfigError::Unsupported { setting, why });
    }
}

#[cfg(test)]
mod tests;
