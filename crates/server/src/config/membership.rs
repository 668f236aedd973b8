//! The ensemble's membership as configuration files have it.

use super::error::{ConfigError, Setting};
use thiserror::Error;
use zoarium_proto::Zxid;
use zoarium_proto::membership::{MembershipError, MembershipLines};

pub use zoarium_proto::membership::{HostPort, Member, Membership, QuorumRule, Role, ServerId};

/// What can be wrong with the members of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MembersError {
    /// The lines themselves.
    #[error(transparent)]
    Lines(#[from] MembershipError),
    /// `standaloneEnabled=false` asks for an ensemble, which has participants.
    #[error("there are no participants; with standaloneEnabled=false there must be one at least")]
    NoParticipants,
    /// Observers observe somebody.
    #[error("observers need at least 2 participants, or 1 with standaloneEnabled=false")]
    ObserversAlone,
    /// The server itself must be in the list.
    #[error("there is no line server.{server} for this server, whose myid is {server}")]
    NotAMember {
        /// The id in `myid`.
        server: ServerId,
    },
}

/// Reads membership lines. All lines that are wrong are reported.
pub(crate) fn read(
    path: &str,
    version: Zxid,
    settings: &[(String, Setting)],
    multi_address: bool,
    errors: &mut Vec<ConfigError>,
) -> Membership {
    let mut lines = MembershipLines::new(multi_address);
    for (key, setting) in settings {
        if let Err(source) = lines.add(key, &setting.value) {
            let (setting, source) = (setting.clone(), source.into());
            errors.push(ConfigError::Membership { setting, source });
        }
    }
    let members = lines.members().clone();
    lines.finish(version).unwrap_or_else(|source| {
        // A missing server line may be one that was reported already.
        if errors.is_empty() {
            errors.push(ConfigError::Ensemble { path: path.to_owned(), source: source.into() });
        }
        Membership { version, members, quorum: QuorumRule::Majority }
    })
}
