//! Where settings come from, and the files around `zoo.cfg`.

use super::ensemble::Members;
use super::error::{ConfigError, Origin, Setting};
use super::keys::ensemble as keys;
use super::kind::Fault;
use super::membership::{self, Membership, ServerId};
use super::properties;
use super::settings::{Settings, is_member_key, last_of_each};
use super::system_properties::SystemProperties;
use super::warning::ConfigWarning;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zoarium_proto::Zxid;

/// All that the configuration is made from. Tests replace the functions.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// None, the path of `zoo.cfg`, or `clientPort dataDir [tickTime] [maxClientCnxns]`.
    pub arguments: &'a [String],
    /// The `-Dname=value` options, without the `-D`.
    pub defines: &'a [String],
    /// Looks up an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a whole file.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arguments, defines, variable: _, read: _ } = self;
        let mut shown = f.debug_struct("Sources");
        shown.field("arguments", arguments).field("defines", defines).finish_non_exhaustive()
    }
}

/// What a server started without arguments uses where nothing else is set: enough to try it, and
/// nobody else can reach it.
const EMBEDDED_FILE: [(&str, &str); 4] = [
    ("clientPort", "2181"),
    ("clientPortAddress", "127.0.0.1"),
    ("dataDir", "zoarium-data"),
    ("tickTime", "2000"),
];
const EMBEDDED_PROPERTIES: [(&str, &str); 2] =
    [("zookeeper.admin.serverAddress", "127.0.0.1"), ("zookeeper.4lw.commands.whitelist", "*")];

/// The keys that positional arguments set (`ServerConfig.parse`).
const POSITIONAL: [&str; 4] = ["clientPort", "dataDir", "tickTime", "maxClientCnxns"];

impl Settings {
    /// Gathers the settings of all sources.
    pub(crate) fn gather<'a>(sources: &Sources<'a>) -> (Self, Files<'a>) {
        let mut properties = SystemProperties::default();
        let mut warnings = Vec::new();
        if sources.arguments.is_empty() {
            for (name, value) in EMBEDDED_PROPERTIES {
                properties.set(name, built_in(name, value), &mut warnings);
            }
        }
        properties.gather(sources.variable, sources.defines, &mut warnings);
        let mut settings = Self::new(properties, warnings);
        let mut files = Files { read: sources.read, zoo_cfg: None, data_dir: PathBuf::new() };
        match sources.arguments {
            [] => {
                for (key, value) in EMBEDDED_FILE {
                    settings.add(key.to_owned(), built_in(key, value));
                }
            }
            [path] => files.read_zoo_cfg(path, &mut settings),
            values if values.len() <= POSITIONAL.len() => {
                for ((number, key), value) in (1..).zip(POSITIONAL).zip(values) {
                    let origin = Origin::Argument { number };
                    let setting = Setting { name: key.to_owned(), value: value.clone(), origin };
                    settings.add(key.to_owned(), setting);
                }
            }
            values => settings.errors.push(ConfigError::Usage { count: values.len() }),
        }
        (settings, files)
    }
}

fn built_in(name: &str, value: &str) -> Setting {
    Setting { name: name.to_owned(), value: value.to_owned(), origin: Origin::BuiltIn }
}

/// The files that belong to a configuration.
pub(crate) struct Files<'a> {
    read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    zoo_cfg: Option<ZooCfg>,
    pub(crate) data_dir: PathBuf,
}

struct ZooCfg {
    path: Arc<str>,
    bytes: Vec<u8>,
}

impl Files<'_> {
    /// How to name the configuration as a whole in messages.
    pub(crate) fn source(&self) -> String {
        self.zoo_cfg.as_ref().map_or("command line".to_owned(), |file| file.path.to_string())
    }

    /// Where `zoo.cfg` is, if there is one.
    pub(crate) fn zoo_cfg_path(&self) -> Option<PathBuf> {
        self.zoo_cfg.as_ref().map(|file| PathBuf::from(&*file.path))
    }

    /// The file `zoo.cfg` as it was read.
    pub(crate) fn zoo_cfg(self) -> Option<Vec<u8>> {
        self.zoo_cfg.map(|file| file.bytes)
    }

    pub(crate) fn my_id_path(&self) -> PathBuf {
        self.data_dir.join("myid")
    }

    /// Members and this server's id, from `zoo.cfg` or the dynamic files, and from `myid`.
    pub(crate) fn members(&self, settings: &mut Settings) -> (Members, Vec<(String, Setting)>) {
        let multi_address = settings.value(&keys::MULTI_ADDRESS_ENABLED);
        let dynamic_file = settings.value(&keys::DYNAMIC_CONFIG_FILE);
        let static_lines = ["server.", "group", "weight"].iter().flat_map(|p| settings.lines(p));
        let static_lines: Vec<_> = static_lines.collect();
        let (path, version, lines) = match &dynamic_file {
            None => (self.source(), Zxid::ZERO, static_lines),
            Some(path) => {
                let misplaced = static_lines.into_iter();
                settings
                    .errors
                    .extend(misplaced.map(|(_, setting)| ConfigError::NotInStaticFile { setting }));
                let version = super::dynamic::version_in_name(path).unwrap_or_default();
                (path.display().to_string(), version, self.dynamic_lines(path, settings))
            }
        };
        let errors = &mut settings.errors;
        let membership = membership::read(&path, version, &lines, multi_address, errors);
        let proposed = match &dynamic_file {
            Some(_) => self.proposed(settings, multi_address),
            None => None,
        };
        let my_id = self.my_id(settings);
        (Members { membership, proposed, dynamic_file, my_id }, lines)
    }

    fn read_zoo_cfg(&mut self, path: &str, settings: &mut Settings) {
        let path: Arc<str> = path.into();
        let bytes = match (self.read)(Path::new(&*path)) {
            Ok(bytes) => bytes,
            Err(source) => {
                let path = PathBuf::from(&*path);
                return settings.errors.push(ConfigError::Unreadable { path, source });
            }
        };
        match properties::parse(&bytes) {
            Ok(lines) => settings.add_file(&path, lines),
            Err(source) => {
                let path = PathBuf::from(&*path);
                settings.errors.push(ConfigError::Malformed { path, source });
            }
        }
        self.zoo_cfg = Some(ZooCfg { path, bytes });
    }

    fn dynamic_lines(&self, path: &Path, settings: &mut Settings) -> Vec<(String, Setting)> {
        let Some(lines) = self.properties(path, settings) else {
            let (path, source) = (path.to_owned(), io::ErrorKind::NotFound.into());
            settings.errors.push(ConfigError::Unreadable { path, source });
            return Vec::new();
        };
        let (lines, others): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|(key, _)| is_member_key(key));
        let others = others.into_iter();
        settings
            .errors
            .extend(others.map(|(_, setting)| ConfigError::NotInDynamicFile { setting }));
        lines
    }

    /// `<zoo.cfg>.dynamic.next`, which alone holds its version inside.
    fn proposed(&self, settings: &mut Settings, multi_address: bool) -> Option<Membership> {
        let path = super::dynamic::next_file(&self.zoo_cfg.as_ref()?.path);
        let mut lines = self.properties(&path, settings)?;
        let at = lines.iter().position(|(key, _)| key == "version");
        let version = at.map_or(Zxid::ZERO, |at| {
            let (_, setting) = lines.remove(at);
            u64::from_str_radix(&setting.value, 16).map(Zxid).unwrap_or_else(|_| {
                let (fault, allowed) = (Fault::NotANumber, "a hexadecimal number".to_owned());
                settings.errors.push(ConfigError::BadValue { setting, fault, allowed });
                Zxid::ZERO
            })
        });
        let path = path.display().to_string();
        Some(membership::read(&path, version, &lines, multi_address, &mut settings.errors))
    }

    /// The lines of a properties file; `None` if there is no such file.
    fn properties(&self, path: &Path, settings: &mut Settings) -> Option<Vec<(String, Setting)>> {
        let name: Arc<str> = path.display().to_string().into();
        let bytes = match (self.read)(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(source) => {
                let path = path.to_owned();
                settings.errors.push(ConfigError::Unreadable { path, source });
                return Some(Vec::new());
            }
        };
        match properties::parse(&bytes) {
            Ok(lines) => {
                Some(last_of_each(&name, lines, &mut settings.warnings).into_iter().collect())
            }
            Err(source) => {
                let path = path.to_owned();
                settings.errors.push(ConfigError::Malformed { path, source });
                Some(Vec::new())
            }
        }
    }

    /// The first line of `myid`. A standalone server may go without the file. When it cannot be
    /// read or makes no sense, that is the error, and any id will do to go on.
    fn my_id(&self, settings: &mut Settings) -> Option<ServerId> {
        let path = self.my_id_path();
        let bytes = match (self.read)(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(source) => {
                settings.errors.push(ConfigError::Unreadable { path, source });
                return Some(ServerId(0));
            }
        };
        let text = String::from_utf8_lossy(&bytes);
        let text = text.lines().next().unwrap_or_default().trim().to_owned();
        let Some(id) = ServerId::parse(&text) else {
            let allowed = ServerId::ALLOWED;
            settings.errors.push(ConfigError::BadMyId { path, text, allowed });
            return Some(ServerId(0));
        };
        if id.0 > u64::from(u8::MAX) {
            settings.warnings.push(ConfigWarning::LargeServerId { path, id: id.0 });
        }
        Some(id)
    }
}
