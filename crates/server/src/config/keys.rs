//! The table of all keys: what each is called, where it may stand, what it allows, its default.
//!
//! Everything that knows keys by name comes from here: reading, the warning about unknown keys,
//! and `docs/configuration.md`. The tables are by subject: [`clients`], [`storage`], [`access`],
//! [`operation`], [`ensemble`], and in [`other`] the keys that are accepted without effect or
//! refused.

pub mod access;
pub mod clients;
mod document;
pub mod ensemble;
pub mod operation;
pub mod other;
pub mod storage;

use super::kind::{Fault, Kind, Notation};
use std::fmt::Debug;

pub use document::document;

/// Where a key is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `zoo.cfg` only. Apache ignores `-Dzookeeper.KEY` for these.
    File,
    /// The system property `zookeeper.KEY`, which a line `KEY=` of `zoo.cfg` sets.
    Property,
    /// `zoo.cfg`; when it is not there, the system property `zookeeper.KEY`.
    FileOrProperty,
    /// As [`Property`](Self::Property), and under its older name: the system property `KEY`.
    PropertyOrBare,
    /// The system property `KEY`, without prefix; `zoo.cfg` cannot set it.
    Bare,
}

impl Place {
    /// How whole numbers of this place are written.
    pub(crate) fn notation(self) -> Notation {
        match self {
            Self::File | Self::FileOrProperty => Notation::Decimal,
            Self::Property | Self::PropertyOrBare | Self::Bare => Notation::Java,
        }
    }

    /// The system property in which a key of this place is looked up first.
    pub(crate) fn property(self, key: &str) -> Option<String> {
        match self {
            Self::File => None,
            Self::Property | Self::FileOrProperty | Self::PropertyOrBare => {
                Some(format!("zookeeper.{key}"))
            }
            Self::Bare => Some(key.to_owned()),
        }
    }
}

/// One key with the type of its value.
#[derive(Debug, Clone, Copy)]
pub struct Key<K: Kind> {
    /// The key as it stands in `zoo.cfg`; for [`Place::Bare`] the system property.
    pub name: &'static str,
    /// Where it is read from.
    pub place: Place,
    /// What its value may be.
    pub kind: K,
    /// The value when it is not set.
    pub default: K::Default,
    /// What it does.
    pub doc: &'static str,
}

/// What the documentation and the check for unknown keys need of a [`Key`] of any kind.
pub trait KnownKey: Debug + Sync {
    /// The key as it stands in `zoo.cfg`.
    fn name(&self) -> &'static str;
    /// Where it is read from.
    fn place(&self) -> Place;
    /// The default as one would write it; `None` when unset.
    fn default_text(&self) -> Option<String>;
    /// What values are allowed.
    fn allowed(&self) -> String;
    /// What it does.
    fn doc(&self) -> String;
    /// Whether a text is an allowed value.
    fn check(&self, text: &str) -> Result<(), Fault>;
}

impl<K: Kind> KnownKey for Key<K> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn place(&self) -> Place {
        self.place
    }

    fn default_text(&self) -> Option<String> {
        self.kind.default_text(self.default)
    }

    fn allowed(&self) -> String {
        self.kind.allowed()
    }

    fn doc(&self) -> String {
        self.doc.trim().replace('\n', "")
    }

    fn check(&self, text: &str) -> Result<(), Fault> {
        self.kind.parse(text, self.place.notation()).map(drop)
    }
}

/// The keys of one subject.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// Heading in the documentation.
    pub title: &'static str,
    /// The keys, in the order of the documentation.
    pub keys: &'static [&'static dyn KnownKey],
}

/// All keys that have an effect.
pub static SUBJECTS: &[&Subject] = &[
    &clients::SUBJECT,
    &storage::SUBJECT,
    &access::SUBJECT,
    &operation::SUBJECT,
    &ensemble::SUBJECT,
];

/// Keys that end in something the operator chooses.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The fixed part, up to and including the dot.
    pub prefix: &'static str,
    /// Where the keys are read from.
    pub place: Place,
    /// How the key is written, for the documentation.
    pub shape: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// All families of keys that have an effect.
pub static FAMILIES: &[Family] = &[
    Family {
        prefix: "server.",
        place: Place::File,
        shape: "server.N",
        doc: "Member N of the ensemble: `host:quorumPort:electionPort[:participant|observer]`, \
              several addresses separated by `|`, then `;[clientHost:]clientPort`.",
    },
    Family {
        prefix: "group.",
        place: Place::File,
        shape: "group.G",
        doc: "Members of group G of a hierarchical quorum, such as `1:2:3`. Every participant is \
              in exactly one group.",
    },
    Family {
        prefix: "weight.",
        place: Place::File,
        shape: "weight.N",
        doc: "Weight of member N in its group, 1 unless set. Members with weight 0 do not count.",
    },
    Family {
        prefix: "superUser.",
        place: Place::Property,
        shape: "superUser.X",
        doc: "One more user as in `superUser`; X is any text.",
    },
    Family {
        prefix: "authProvider.",
        place: Place::Property,
        shape: "authProvider.N",
        doc: "Class of a further authentication scheme. Known here: \
              `org.apache.zookeeper.server.auth.` followed by `DigestAuthenticationProvider`, \
              `IPAuthenticationProvider` or `EnsembleAuthenticationProvider`.",
    },
];

/// All keys with an effect, of all subjects.
pub(crate) fn all() -> impl Iterator<Item = &'static dyn KnownKey> {
    SUBJECTS.iter().flat_map(|subject| subject.keys).copied()
}

/// Every name worth suggesting for a mistyped one.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, Place)> {
    let known = all().map(|key| (key.name(), key.place()));
    let refused = other::REFUSED.iter().map(|key| (key.pattern, key.place));
    let without_effect = other::WITHOUT_EFFECT
        .iter()
        .flat_map(|group| group.names.iter().map(|name| (*name, group.place)));
    known.chain(refused).chain(without_effect)
}

/// Defines the keys of one subject and the list of them. The doc comment is the documentation.
macro_rules! keys {
    ($title:literal;
     $($(#[doc = $doc:literal])+
       $id:ident: $place:ident $name:literal, $kind:ty = $value:expr, $default:expr;)+) => {
        $($(#[doc = $doc])+
        pub static $id: Key<$kind> = Key {
            name: $name,
            place: Place::$place,
            kind: $value,
            default: $default,
            doc: concat!($($doc, "\n"),+),
        };)+

        /// The keys of this subject.
        pub static SUBJECT: Subject = Subject { title: $title, keys: &[$(&$id),+] };
    };
}
use keys;

#[cfg(test)]
mod tests;
