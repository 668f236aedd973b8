//! Creates that can be found again when their reply is lost.
//!
//! A create of a sequential znode whose reply is lost leaves a znode nobody knows the name of. So
//! its name begins with a random mark, and after a failure of unknown outcome the mark is looked
//! for among the parent's children. The format is Curator's (`ProtectedUtils`):
//! `_c_` + UUID + `-` + name.

use crate::random::Random;
use alloc::format;
use alloc::string::String;
use core::fmt;
use zoarium_proto::path;

/// A random mark: a UUID of version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guid(u128);

/// Bytes of a UUID's text.
const UUID_LENGTH: usize = 36;
const MARK: &str = "_c_";

impl Guid {
    /// A new one.
    pub const fn new(random: &mut Random) -> Self {
        let (version, variant) = (4 << 76, 0b10 << 62);
        let bits = random.wide_bits() & !(0xF << 76) & !(0b11 << 62);
        Self(bits | version | variant)
    }

    /// The path with the mark before its last name.
    pub fn mark(&self, path: &str) -> String {
        let (parent, name) = path::split(path).unwrap_or(("/", ""));
        let separator = if parent == "/" { "" } else { "/" };
        let parent = if parent == "/" { "/" } else { parent };
        format!("{parent}{separator}{MARK}{self}-{name}")
    }

    /// The name among `names` that has this mark.
    pub fn find<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let mark = format!("{MARK}{self}-");
        names.find(|name| name.starts_with(&mark))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |shift: u32, bits: u32| (self.0 >> shift) & ((1 << bits) - 1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 32),
            part(80, 16),
            part(64, 16),
            part(48, 16),
            part(0, 48)
        )
    }
}

/// A name without its mark, if it has one.
pub fn unmarked(name: &str) -> &str {
    let without = name.strip_prefix(MARK).filter(|rest| rest.is_char_boundary(UUID_LENGTH));
    match without.map(|rest| rest.split_at(UUID_LENGTH)) {
        Some((uuid, rest)) if is_uuid(uuid) => rest.strip_prefix('-').unwrap_or(name),
        Some(_) | None => name,
    }
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn mark_is_a_uuid_of_version_4() {
        let mut random = Random::new(1);
        for _ in 0..100 {
            let text = Guid::new(&mut random).to_string();
            assert!(is_uuid(&text) && text.len() == UUID_LENGTH, "{text}");
            assert_eq!(text.as_bytes()[14], b'4', "{text}");
            assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
        }
    }

    #[test]
    fn marked_znode_is_found_among_others() {
        let mut random = Random::new(2);
        let (ours, other) = (Guid::new(&mut random), Guid::new(&mut random));
        for (path, parent) in [("/lock/x-", "/lock/"), ("/x-", "/"), ("/lock/", "/lock/")] {
            let marked = ours.mark(path) + "0000000007";
            let name = marked.strip_prefix(parent).unwrap();
            assert_eq!(ours.find(["x-0000000001", name].into_iter()), Some(name));
            assert_eq!(other.find([name].into_iter()), None);
            let plain = path.strip_prefix(parent).unwrap().to_string() + "0000000007";
            assert_eq!(unmarked(name), plain);
        }
    }

    #[test]
    fn names_without_a_mark_stay_as_they_are() {
        for name in
            ["", "x", "_c_", "_c_x-lock-0000000001", "_c_ü123456789012345678901234567890123456"]
        {
            assert_eq!(unmarked(name), name);
        }
    }
}
