//! A client's root on the server: put before every path that goes out, and taken from every path
//! that comes in.

use alloc::borrow::{Cow, ToOwned};
use alloc::sync::Arc;
use zoarium_proto::path::{self, PathError};

/// The path that a client sees as `/`. Clones share it. Empty for the server's own root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chroot(Option<Arc<str>>);

/// A chroot that is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ChrootError(
    /// What is wrong with it.
    #[from]
    pub PathError,
);

impl Chroot {
    /// The server's own root.
    pub const NONE: Self = Self(None);

    /// A root at `path`; the empty path and `/` are the server's own.
    ///
    /// # Errors
    /// If it is no valid path.
    pub fn new(path: &str) -> Result<Self, ChrootError> {
        if path.is_empty() || path == "/" {
            return Ok(Self::NONE);
        }
        path::validate(path)?;
        Ok(Self(Some(path.into())))
    }

    /// A root at `path` below this one.
    ///
    /// # Errors
    /// If it is no valid path.
    pub fn nested(&self, path: &str) -> Result<Self, ChrootError> {
        let inner = Self::new(path)?;
        Ok(match (&self.0, &inner.0) {
            (Some(outer), Some(inner)) => Self(Some([&**outer, &**inner].concat().into())),
            (Some(_), None) => self.clone(),
            (None, _) => inner,
        })
    }

    /// The root's path on the server; empty for the server's own.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The server's path for the client's `path`, which starts with a slash.
    pub fn join<'a>(&self, path: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let (root, path) = (self.as_str(), path.into());
        match (root, &*path) {
            ("", _) => path,
            (root, "/") => Cow::Owned(root.to_owned()),
            (root, path) => Cow::Owned([root, path].concat()),
        }
    }

    /// The client's path for the server's `path`; `None` if that is outside the root, and so no
    /// path of this client's.
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(self.as_str())? {
            "" => Some("/"),
            rest if self.0.is_none() || rest.starts_with('/') => Some(rest),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strip_undoes_join() {
        for root in ["", "/", "/a", "/a/b"] {
            let chroot = Chroot::new(root).unwrap();
            for path in ["/", "/x", "/a", "/a/b/c"] {
                assert_eq!(chroot.strip(&chroot.join(path)), Some(path), "{root} {path}");
            }
        }
    }

    #[test]
    fn paths_outside_the_root_have_no_name_inside() {
        let chroot = Chroot::new("/app").unwrap();
        for path in ["/", "/a", "/apple", "/ap", "app", ""] {
            assert_eq!(chroot.strip(path), None, "{path}");
        }
        assert_eq!(Chroot::NONE.strip("/apple"), Some("/apple"));
    }

    #[test]
    fn nested_roots_add_up() {
        let chroot = Chroot::new("/a").unwrap().nested("/b").unwrap();
        assert_eq!(chroot.as_str(), "/a/b");
        assert_eq!(chroot.nested("/").unwrap().as_str(), "/a/b");
        assert!(chroot.nested("c").is_err());
    }
}
