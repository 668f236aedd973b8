//! Replies by what was asked. A session answers every request with the reply for its kind or with a
//! failure, so there is nothing else to expect.

use zoarium_proto::{Id, Stat};
use zoarium_session::failure::Failure;
use zoarium_session::reply::{AclEntry, Children, Created, Data, ReadResult, Reply, Written};

use crate::scope::Scope;
use crate::shared::Answer;

macro_rules! replies {
    ($($name:ident is $variant:ident($result:ty),)*) => {
        $(
            pub(crate) fn $name(reply: Reply) -> $result {
                if let Reply::$variant(result) = reply {
                    return result;
                }
                unreachable!("{reply:?} is no reply to this request")
            }
        )*
    };
}

replies! {
    created is Created(Created),
    stat is Stat(Stat),
    data is Data(Data),
    acl is Acl((Vec<AclEntry>, Stat)),
    children is Children(Children),
    paths is Paths(Vec<String>),
    count is Count(i32),
    identities is Identities(Vec<Id>),
    written is Written(Vec<Written>),
    reads is Reads(Vec<Result<ReadResult, Failure>>),
}

/// What is only done or refused.
pub(crate) fn done(answer: Answer, _: &Scope) -> Result<(), Failure> {
    answer.result.map(|_| ())
}
