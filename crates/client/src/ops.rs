//! Operations: builders that are awaited.

mod create;
mod delete;
mod protect;
mod read;
mod transaction;
mod write;

pub use create::{Create, Lifetime, Znode};
pub use delete::Delete;
pub use read::{
    AddWatch, Data, Exists, Get, GetAcl, GetChildren, Many, Reads, WatchedExists, WatchedGet,
    WatchedGetChildren,
};
pub use transaction::Transaction;
pub use write::{Reconfigure, Set, SetAcl};

/// Makes a builder awaitable by its `send`.
macro_rules! awaitable {
    ($name:ident, $result:ty) => {
        impl<'a> IntoFuture for $name<'a> {
            type Output = Result<$result, Error>;
            type IntoFuture = Pending<'a, $result>;

            fn into_future(self) -> Self::IntoFuture {
                self.send()
            }
        }
    };
}
use awaitable;
