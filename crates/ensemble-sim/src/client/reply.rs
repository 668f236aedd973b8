//! What clients are answered.

use zoarium_proto::Stat;
use zoarium_session::failure::Failure;
use zoarium_session::reply::{self, ReadResult, Written};

/// A reply, by what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a create.
    Created {
        /// The znode's path.
        path: String,
        /// Its stat.
        stat: Stat,
    },
    /// To what answers with a stat.
    Stat(Stat),
    /// To a getData.
    Data {
        /// The data.
        data: Vec<u8>,
        /// The znode's stat.
        stat: Stat,
    },
    /// To a list.
    Children(Vec<String>),
    /// To what answers with nothing.
    Done,
    /// To a request that failed: the code.
    Error(i32),
    /// To a multi or multiRead.
    Results(Vec<Self>),
}

impl Reply {
    /// A session's answer, if the server has given it.
    pub(super) fn new(answer: Result<reply::Reply, Failure>) -> Option<Self> {
        Some(match answer {
            Ok(reply) => Self::of(reply),
            Err(Failure::Refused(code) | Failure::Aborted { code, .. }) => {
                Self::Error(code.to_wire())
            }
            Err(Failure::RefusedStrangely(code)) => Self::Error(code),
            Err(Failure::TooLong { .. } | Failure::NotSent(_) | Failure::Unanswered(_)) => {
                return None;
            }
        })
    }

    fn of(reply: reply::Reply) -> Self {
        match reply {
            reply::Reply::Created(created) => created_of(created),
            reply::Reply::Stat(stat) => Self::Stat(stat),
            reply::Reply::Data(data) => data_of(data),
            reply::Reply::Children(children) => Self::Children(children.names),
            reply::Reply::Written(written) => {
                Self::Results(written.into_iter().map(written_of).collect())
            }
            reply::Reply::Reads(reads) => Self::Results(reads.into_iter().map(read_of).collect()),
            reply::Reply::Done
            | reply::Reply::Acl(_)
            | reply::Reply::Paths(_)
            | reply::Reply::Count(_)
            | reply::Reply::Identities(_) => Self::Done,
        }
    }
}

fn created_of(created: reply::Created) -> Reply {
    Reply::Created { path: created.path, stat: created.stat }
}

fn data_of(data: reply::Data) -> Reply {
    Reply::Data { data: data.data.unwrap_or_default().to_vec(), stat: data.stat }
}

fn written_of(written: Written) -> Reply {
    match written {
        Written::Created(created) => created_of(created),
        Written::Set(stat) => Reply::Stat(stat),
        Written::Deleted | Written::Checked => Reply::Done,
    }
}

fn read_of(read: Result<ReadResult, Failure>) -> Reply {
    match read {
        Ok(ReadResult::Data(data)) => data_of(data),
        Ok(ReadResult::Children(names)) => Reply::Children(names),
        Err(failure) => Reply::Error(failure.code().map_or(0, |code| code.to_wire())),
    }
}
