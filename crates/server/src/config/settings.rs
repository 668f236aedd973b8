//! What the operator set, before it has types; and the reading of it, key by key.

use super::error::{ConfigError, Origin, Setting};
use super::keys::other::{self, REFUSED, WITHOUT_EFFECT};
use super::keys::{self, FAMILIES, Key, Place};
use super::kind::{Int, Kind};
use super::nearest::nearest;
use super::properties::Property;
use super::system_properties::SystemProperties;
use super::warning::ConfigWarning;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Prefix of the system property that a key of `zoo.cfg` becomes.
const PREFIX: &str = "zookeeper.";

/// The settings of all places, and what was found wrong with them so far.
///
/// Reading never stops at an error: it takes the default instead and goes on, so that one start
/// reports all that is wrong.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    file: BTreeMap<String, Setting>,
    pub(crate) properties: SystemProperties,
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) warnings: Vec<ConfigWarning>,
}

impl Settings {
    pub(crate) fn new(properties: SystemProperties, warnings: Vec<ConfigWarning>) -> Self {
        Self { properties, warnings, ..Self::default() }
    }

    /// Takes in the lines of `zoo.cfg`. Those that only system properties know go there.
    pub(crate) fn add_file(&mut self, path: &Arc<str>, properties: Vec<Property>) {
        for (key, setting) in last_of_each(path, properties, &mut self.warnings) {
            self.add(key, setting);
        }
    }

    /// Takes in one setting as if it stood in `zoo.cfg`.
    pub(crate) fn add(&mut self, key: String, setting: Setting) {
        if !is_file_key(&key) {
            let property = format!("{PREFIX}{key}");
            self.properties.set(&property, setting.clone(), &mut self.warnings);
        }
        self.file.insert(key, setting);
    }

    /// The value of a key, or its default.
    pub(crate) fn value<K: Kind>(&self, key: &Key<K>) -> K::Value {
        self.given(key).unwrap_or_else(|| key.kind.default_value(key.default))
    }

    /// The value of a key if it is set and allowed. Values that are not allowed are reported by
    /// [`check_values`](Self::check_values), once, however often they are read.
    pub(crate) fn given<K: Kind>(&self, key: &Key<K>) -> Option<K::Value> {
        key.kind.parse(&self.setting(key)?.value, key.place.notation()).ok()
    }

    /// Reports all values that their keys do not allow, whether they were read or not.
    pub(crate) fn check_values(&mut self) {
        for key in keys::all() {
            let Some(setting) = self.find(key.name(), key.place()).cloned() else { continue };
            if let Err(fault) = key.check(&setting.value) {
                let allowed = key.allowed();
                self.errors.push(ConfigError::BadValue { setting, fault, allowed });
            }
        }
    }

    /// Brings the reports into the order in which an operator reads the file.
    pub(crate) fn sort_by_line(&mut self) {
        self.errors.sort_by_key(ConfigError::line);
        self.warnings.sort_by_key(ConfigWarning::line);
    }

    /// As [`value`](Self::value); a number below `minimum` is raised with a warning, as in Apache.
    pub(crate) fn raised(&mut self, key: &Key<Int<u32>>, minimum: u32) -> u32 {
        let value = self.value(key);
        if value < minimum
            && let Some(setting) = self.setting(key).cloned()
        {
            self.warnings.push(ConfigWarning::Raised { setting, minimum });
        }
        value.max(minimum)
    }

    /// Where and how a key is set.
    pub(crate) fn setting<K: Kind>(&self, key: &Key<K>) -> Option<&Setting> {
        self.find(key.name, key.place)
    }

    fn find(&self, name: &str, place: Place) -> Option<&Setting> {
        let property = place.property(name).and_then(|name| self.properties.find(&name));
        match place {
            Place::File => self.file.get(name),
            Place::Property | Place::Bare => property,
            Place::FileOrProperty => self.file.get(name).or(property),
            Place::PropertyOrBare => property.or_else(|| self.properties.find(name)),
        }
    }

    /// The lines of `zoo.cfg` whose keys begin with `prefix`.
    pub(crate) fn lines(&self, prefix: &str) -> Vec<(String, Setting)> {
        let lines = self.file.iter().filter(|(key, _)| key.starts_with(prefix));
        lines.map(|(key, setting)| (key.clone(), setting.clone())).collect()
    }

    /// The system properties whose names begin with `prefix`.
    pub(crate) fn family(&self, prefix: &str) -> Vec<Setting> {
        let members = self.properties.iter().filter(|(name, _)| name.starts_with(prefix));
        members.map(|(_, setting)| setting.clone()).collect()
    }

    /// Reports what is set and not known, has no effect, or cannot be had.
    pub(crate) fn check_names(&mut self) {
        let file: Vec<_> =
            self.file.iter().filter(|(key, _)| is_file_key(key)).map(owned).collect();
        for (key, setting) in file {
            self.check_file_key(&key, setting);
        }
        let properties: Vec<_> =
            self.properties.iter().map(|(name, setting)| owned((name, setting))).collect();
        for (property, setting) in properties {
            match property.strip_prefix(PREFIX) {
                Some(key) => self.check_property(key, &property, setting),
                None => self.check_bare_property(&property, setting),
            }
        }
    }

    fn check_file_key(&mut self, key: &str, setting: Setting) {
        let known = keys::all().any(|known| known.name() == key && in_file(known.place()));
        if known || is_member_key(key) || self.is_refused_or_without_effect(key, &setting, in_file)
        {
            return;
        }
        self.warn_unknown_key(key, setting);
    }

    fn check_property(&mut self, key: &str, property: &str, setting: Setting) {
        let known = keys::all().any(|known| known.name() == key && prefixed(known.place()));
        let of_family = FAMILIES
            .iter()
            .any(|family| family.place == Place::Property && key.starts_with(family.prefix));
        if known || of_family || self.is_refused_or_without_effect(key, &setting, prefixed) {
            return;
        }
        let from_file = matches!(setting.origin, Origin::File { .. });
        if let Some((name, place)) = keys::names().find(|(name, _)| *name == key) {
            match place {
                Place::File => {
                    self.warnings.push(ConfigWarning::OnlyInFile { setting, key: name });
                    return;
                }
                Place::Bare if from_file => {
                    let property = name;
                    self.warnings.push(ConfigWarning::OnlyAsProperty { setting, property });
                    return;
                }
                Place::Bare | Place::Property | Place::FileOrProperty | Place::PropertyOrBare => {}
            }
        }
        match from_file {
            true => self.warn_unknown_key(key, setting),
            false => self.warn_unknown_property(property, setting),
        }
    }

    /// Properties outside our namespace belong to Java or to somebody else: known or not, they
    /// are no typing errors of ours.
    fn check_bare_property(&mut self, property: &str, setting: Setting) {
        self.is_refused_or_without_effect(property, &setting, |place| place == Place::Bare);
    }

    fn is_refused_or_without_effect(
        &mut self,
        key: &str,
        setting: &Setting,
        place: fn(Place) -> bool,
    ) -> bool {
        let refused =
            REFUSED.iter().find(|row| place(row.place) && other::matches(row.pattern, key));
        if let Some(row) = refused {
            if !row.harmless.iter().any(|value| value.eq_ignore_ascii_case(&setting.value)) {
                let setting = setting.clone();
                self.errors.push(ConfigError::Unsupported { setting, why: row.why });
            }
            return true;
        }
        let group = WITHOUT_EFFECT.iter().find(|group| {
            place(group.place) && group.names.iter().any(|name| other::matches(name, key))
        });
        if let Some(group) = group {
            let setting = setting.clone();
            self.warnings.push(ConfigWarning::WithoutEffect { setting, why: group.why });
        }
        group.is_some()
    }

    fn warn_unknown_key(&mut self, key: &str, setting: Setting) {
        // Lines for the metrics provider go nowhere else.
        let property = (!is_file_key(key)).then(|| format!("{PREFIX}{key}"));
        // Writing the prefix into the file is the commonest mistake, and no edit distance finds it.
        let meant = key.strip_prefix(PREFIX).unwrap_or(key);
        let names = keys::names()
            .filter(|(name, place)| (in_file(*place) || prefixed(*place)) && !name.ends_with('.'));
        self.warnings.push(ConfigWarning::UnknownKey {
            origin: setting.origin,
            name: key.to_owned(),
            nearest: nearest(meant, names.map(|(name, _)| name)).map(str::to_owned),
            property,
        });
    }

    fn warn_unknown_property(&mut self, property: &str, setting: Setting) {
        let names: Vec<_> =
            keys::names().filter_map(|(name, place)| place.property(name)).collect();
        self.warnings.push(ConfigWarning::UnknownProperty {
            origin: setting.origin,
            name: property.to_owned(),
            nearest: nearest(property, names.iter().map(String::as_str)).map(str::to_owned),
        });
    }
}

/// Of each key the last line, as `java.util.Properties` keeps it; the others are reported.
pub(crate) fn last_of_each(
    path: &Arc<str>,
    properties: Vec<Property>,
    warnings: &mut Vec<ConfigWarning>,
) -> BTreeMap<String, Setting> {
    let mut lines: BTreeMap<String, Setting> = BTreeMap::new();
    for Property { line, last_line: _, is_ascii, key, value } in properties {
        let origin = Origin::File { path: Arc::clone(path), line };
        let setting = Setting { name: key.clone(), value, origin };
        if !is_ascii {
            warnings.push(ConfigWarning::NotAscii { setting: setting.clone() });
        }
        if let Some(earlier) = lines.insert(key, setting.clone()).and_then(|s| s.origin.line()) {
            warnings.push(ConfigWarning::Duplicate { setting, earlier });
        }
    }
    lines
}

/// Whether `QuorumPeerConfig` would treat a key as one of its own. As there, everything that
/// begins with `group` or `weight` is, so that a mistyped one cannot go unnoticed.
fn is_file_key(key: &str) -> bool {
    is_member_key(key)
        || key.starts_with("metricsProvider.")
        || keys::names().any(|(name, place)| in_file(place) && other::matches(name, key))
}

/// A key that describes the ensemble's membership.
pub(crate) fn is_member_key(key: &str) -> bool {
    ["server.", "group", "weight"].iter().any(|prefix| key.starts_with(prefix))
}

fn in_file(place: Place) -> bool {
    match place {
        Place::File | Place::FileOrProperty => true,
        Place::Property | Place::PropertyOrBare | Place::Bare => false,
    }
}

fn prefixed(place: Place) -> bool {
    match place {
        Place::Property | Place::PropertyOrBare | Place::FileOrProperty => true,
        Place::File | Place::Bare => false,
    }
}

fn owned<N: ToString>((name, setting): (N, &Setting)) -> (String, Setting) {
    (name.to_string(), setting.clone())
}
