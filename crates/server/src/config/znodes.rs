//! Settings of container and TTL znodes, typed.

use super::keys::operation as keys;
use super::settings::Settings;
use std::time::Duration;

/// Kinds of znodes, and the deletion of containers and expired TTL znodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Znodes {
    /// TTL znodes can be made.
    ///
    /// In Apache only with `extendedTypesEnabled`, because a member without the property would
    /// take a TTL for a session id. A single server has nobody to disagree with, so they are on
    /// there unless switched off.
    pub extended_types: bool,
    /// Reads TTL znodes as version 3.5.3 wrote them.
    pub emulate_353_ttl: bool,
    /// Time between two looks for znodes to delete.
    pub container_check_interval: Duration,
    /// Deletions a minute at most.
    pub container_max_per_minute: u32,
    /// Containers that never had a child are deleted after this time; `None`: they are kept.
    pub container_max_never_used: Option<Duration>,
}

impl Znodes {
    pub(crate) fn read(settings: &mut Settings, standalone: bool) -> Self {
        Self {
            extended_types: settings.value(&keys::EXTENDED_TYPES).unwrap_or(standalone),
            emulate_353_ttl: settings.value(&keys::EMULATE_353_TTL),
            container_check_interval: settings.value(&keys::CONTAINER_CHECK_INTERVAL),
            container_max_per_minute: settings.value(&keys::CONTAINER_MAX_PER_MINUTE),
            container_max_never_used: settings.value(&keys::CONTAINER_MAX_NEVER_USED),
        }
    }
}
