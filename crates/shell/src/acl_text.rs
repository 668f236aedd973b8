//! ACLs as they are typed and shown.

use zoarium_client::acl::{AclEntry, Id, Perms};

/// The permissions by their letters, in the order in which Apache shows them.
const LETTERS: [(char, Perms); 5] = [
    ('c', Perms::CREATE),
    ('d', Perms::DELETE),
    ('r', Perms::READ),
    ('w', Perms::WRITE),
    ('a', Perms::ADMIN),
];

/// What is wrong in an ACL that was typed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AclFault {
    /// A part without two colons.
    #[error("{part} does not have the form scheme:id:perm")]
    Form {
        /// The part.
        part: String,
    },
    /// A letter that is no permission.
    #[error("Unknown perm type: {letter}")]
    Letter {
        /// The letter.
        letter: char,
    },
}

/// Reads `scheme:id:perms,…`. An id may hold colons, as those of scheme digest and IPv6 addresses
/// do. What is wrong comes second; the entries are those that Apache's client goes on with.
pub(crate) fn parse(text: &str) -> (Vec<AclEntry>, Vec<AclFault>) {
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for part in text.split(',') {
        let split = part.split_once(':').and_then(|(scheme, rest)| {
            rest.rsplit_once(':').map(|(id, letters)| (scheme, id, letters))
        });
        let Some((scheme, id, letters)) = split else {
            faults.push(AclFault::Form { part: part.to_owned() });
            continue;
        };
        let mut perms = Perms(0);
        for letter in letters.chars() {
            match LETTERS.iter().find(|(known, _)| *known == letter) {
                Some((_, perm)) => perms = perms.union(*perm),
                None => faults.push(AclFault::Letter { letter }),
            }
        }
        entries.push(AclEntry { perms, id: Id::new(scheme, id) });
    }
    (entries, faults)
}

/// The letters of a set of permissions.
pub(crate) fn letters(perms: Perms) -> String {
    LETTERS.iter().filter(|(_, perm)| perms.intersects(*perm)).map(|(letter, _)| letter).collect()
}

/// The permissions that letters stand for, if all do.
pub(crate) fn perms(letters: &str) -> Option<Perms> {
    letters.chars().try_fold(Perms(0), |perms, letter| {
        let (_, perm) = LETTERS.iter().find(|(known, _)| *known == letter)?;
        Some(perms.union(*perm))
    })
}

/// An ACL on one line, in the form that is typed.
pub(crate) fn line(acl: &[AclEntry]) -> String {
    let entry =
        |AclEntry { perms, id }: &AclEntry| format!("{}:{}:{}", id.scheme, id.id, letters(*perms));
    acl.iter().map(entry).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back() {
        for text in ["world:anyone:cdrwa", "digest:u:h=:r,ip:::1/64:w,auth::a", "world:anyone:"] {
            let (entries, faults) = parse(text);
            assert_eq!(line(&entries), text);
            assert_eq!(faults, []);
        }
    }

    #[test]
    fn faults_are_named_and_the_rest_is_read() {
        let (entries, faults) = parse("bogus,world:anyone:rz,a:b");
        assert_eq!(line(&entries), "world:anyone:r");
        let named: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            named,
            [
                "bogus does not have the form scheme:id:perm",
                "Unknown perm type: z",
                "a:b does not have the form scheme:id:perm"
            ]
        );
    }
}
