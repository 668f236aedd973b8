//! The numbers at the end of sequential znodes' names.

/// A counter that servers keep for each parent. It counts on for all creates below the parent, so
/// gaps are normal, and begins again when the parent is deleted and made again: it orders the
/// children that are there, and nothing else. Past 2³¹ − 1 it goes on with −2³¹.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequence(i32);

impl Sequence {
    /// The number in a name, behind the last `prefix` in it.
    pub(crate) fn behind(prefix: &str, name: &str) -> Option<Self> {
        let at = name.rfind(prefix)?;
        name[at + prefix.len()..].parse().ok().map(Self)
    }

    /// How far this is behind `other`; negative if it is before. Exact while fewer than 2³¹
    /// children were made between the two.
    pub(crate) const fn distance_from(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_read_behind_the_last_prefix() {
        let read = |name| Sequence::behind("lock-", name).map(|it| it.0);
        assert_eq!(read("_c_4dd8a1c2-3f8e-4e5c-8c9d-000000000000-lock-0000000007"), Some(7));
        assert_eq!(read("lock-lock-0000000001"), Some(1));
        assert_eq!(read("lock--2147483648"), Some(i32::MIN));
        assert_eq!(read("latch-0000000001"), None);
        assert_eq!(read("lock-"), None);
        assert_eq!(read("lock-99999999999"), None);
    }

    #[test]
    fn order_survives_the_wrap() {
        let (last, first) = (Sequence(i32::MAX), Sequence(i32::MIN));
        assert!(first.distance_from(last) > 0);
        assert!(last.distance_from(first) < 0);
    }
}
