//! What a server answers, by what was asked.

use crate::failure::Failure;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::{Acl, DecodeError, ErrorCode, Id, OpCode, Perms, Reader, Stat};

/// The answer to a request that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To what answers with nothing: delete, sync, requests about watches, closeSession.
    Done,
    /// To a create.
    Created(Created),
    /// To exists, setData and setACL: the znode's stat after it.
    Stat(Stat),
    /// To getData and reconfig.
    Data(Data),
    /// To getACL.
    Acl((Vec<AclEntry>, Stat)),
    /// To getChildren.
    Children(Children),
    /// To getEphemerals: their paths.
    Paths(Vec<String>),
    /// To getAllChildrenNumber.
    Count(i32),
    /// To whoAmI: the connection's identities.
    Identities(Vec<Id>),
    /// To a multi: one result for each part.
    Written(Vec<Written>),
    /// To a multiRead: one result for each part, which may be a refusal.
    Reads(Vec<Result<ReadResult, Failure>>),
}

/// A znode that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its path, with the counter of a sequential one.
    pub path: String,
    /// Its stat. Servers before 3.9 do not say it in a transaction; then it is all zero.
    pub stat: Stat,
}

/// What is in a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// The data, a part of the frame it came in; `None` is null.
    pub data: Option<Bytes>,
    /// The znode's stat.
    pub stat: Stat,
}

/// What is below a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Children {
    /// Their names, in no order.
    pub names: Vec<String>,
    /// The znode's stat.
    pub stat: Stat,
}

/// One entry of an ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// What is allowed.
    pub perms: Perms,
    /// To whom.
    pub id: Id,
}

/// The result of one part of a multi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Of a create.
    Created(Created),
    /// Of a setData.
    Set(Stat),
    /// Of a delete.
    Deleted,
    /// Of a check.
    Checked,
}

/// The result of one part of a multiRead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadResult {
    /// Of a getData.
    Data(Data),
    /// Of a getChildren: the names.
    Children(Vec<String>),
}

/// What has to come back for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) op: OpCode,
    /// The parts of a multi or multiRead.
    pub(crate) parts: Vec<OpCode>,
}

impl Expected {
    /// Reads what follows a reply header with `error`.
    pub(crate) fn decode(
        &self,
        error: i32,
        reader: &mut Reader<'_>,
        frame: &Bytes,
    ) -> Result<Result<Reply, Failure>, DecodeError> {
        if error != 0 {
            return Ok(Err(Failure::of_wire(error)));
        }
        Ok(Ok(match self.op {
            OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
                Reply::Created(created(reader)?)
            }
            OpCode::Exists | OpCode::SetData | OpCode::SetAcl => Reply::Stat(Stat::decode(reader)?),
            OpCode::GetData | OpCode::Reconfig => Reply::Data(data(reader, frame)?),
            OpCode::GetAcl => Reply::Acl((acl(reader)?, Stat::decode(reader)?)),
            OpCode::GetChildren2 => {
                let names = texts(reader, "name of a child")?;
                Reply::Children(Children { names, stat: Stat::decode(reader)? })
            }
            OpCode::GetEphemerals => Reply::Paths(texts(reader, "path of an ephemeral")?),
            OpCode::GetAllChildrenNumber => Reply::Count(reader.int()?),
            OpCode::WhoAmI => Reply::Identities(identities(reader)?),
            OpCode::AddWatch => match reader.int()? {
                0 => Reply::Done,
                error => return Ok(Err(Failure::of_wire(error))),
            },
            OpCode::Multi => return self.written(reader),
            OpCode::MultiRead => Reply::Reads(self.reads(reader, frame)?),
            OpCode::Delete
            | OpCode::Sync
            | OpCode::CheckWatches
            | OpCode::RemoveWatches
            | OpCode::CloseSession => Reply::Done,
            OpCode::CreateSession
            | OpCode::Error
            | OpCode::Create
            | OpCode::GetChildren
            | OpCode::Ping
            | OpCode::Check
            | OpCode::DeleteContainer
            | OpCode::Auth
            | OpCode::SetWatches
            | OpCode::SetWatches2
            | OpCode::Sasl => unreachable!("{:?} is not sent as a request", self.op),
        }))
    }

    /// The results of a multi. One that failed has errors in the place of all its results: 0
    /// before the part that failed, and RuntimeInconsistency after it.
    fn written(&self, reader: &mut Reader<'_>) -> Result<Result<Reply, Failure>, DecodeError> {
        let mut written = Vec::new();
        let mut failed = None;
        let mut errors = 0;
        for (index, part) in self.parts.iter().enumerate() {
            match result_header(reader, *part)? {
                Header::Error(0) => errors += 1,
                Header::Error(code) => {
                    errors += 1;
                    failed.get_or_insert((index, code));
                }
                Header::Result(kind) => written.push(one_written(reader, kind)?),
            }
        }
        end_of_results(reader)?;
        match failed {
            None if errors == 0 => Ok(Ok(Reply::Written(written))),
            Some((index, error)) if written.is_empty() => {
                Ok(Err(match ErrorCode::from_wire(error) {
                    Some(code) => Failure::Aborted { index, code },
                    None => Failure::RefusedStrangely(error),
                }))
            }
            Some(_) | None => Err(DecodeError::Malformed { what: "results of a multi" }),
        }
    }

    fn reads(
        &self,
        reader: &mut Reader<'_>,
        frame: &Bytes,
    ) -> Result<Vec<Result<ReadResult, Failure>>, DecodeError> {
        let mut reads = Vec::new();
        for part in &self.parts {
            reads.push(match result_header(reader, *part)? {
                Header::Error(code) => Err(Failure::of_wire(code)),
                Header::Result(OpCode::GetData) => Ok(ReadResult::Data(data(reader, frame)?)),
                Header::Result(_) => Ok(ReadResult::Children(texts(reader, "name of a child")?)),
            });
        }
        end_of_results(reader)?;
        Ok(reads)
    }
}

/// What stands before a result.
enum Header {
    /// It is an error, and there is no more to read.
    Error(i32),
    /// A result as of this operation follows.
    Result(OpCode),
}

/// Reads what stands before the result of `part`.
fn result_header(reader: &mut Reader<'_>, part: OpCode) -> Result<Header, DecodeError> {
    let header = MultiHeader::decode(reader)?;
    let is_create = matches!(part, OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl);
    // All kinds of create are answered as create2; but 3.8 answers create2 itself as create.
    let kind = if is_create { OpCode::Create2 } else { part };
    let create = OpCode::Create.to_wire();
    match header.kind {
        -1 if !header.done => reader.int().map(Header::Error),
        found if found == kind.to_wire() && !header.done => Ok(Header::Result(kind)),
        found if found == create && is_create && !header.done => Ok(Header::Result(OpCode::Create)),
        found => Err(DecodeError::UnknownValue { what: "kind of result", value: found.into() }),
    }
}

fn end_of_results(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let header = MultiHeader::decode(reader)?;
    let more = DecodeError::UnknownValue { what: "further result", value: header.kind.into() };
    if header.done { Ok(()) } else { Err(more) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`result_header` gives these and create2")]
fn one_written(reader: &mut Reader<'_>, kind: OpCode) -> Result<Written, DecodeError> {
    Ok(match kind {
        OpCode::Create => {
            let path = reader.text_not_null("path of a new znode")?.into_owned();
            Written::Created(Created { path, stat: Stat::default() })
        }
        OpCode::SetData => Written::Set(Stat::decode(reader)?),
        OpCode::Delete => Written::Deleted,
        OpCode::Check => Written::Checked,
        _ => Written::Created(created(reader)?),
    })
}

fn created(reader: &mut Reader<'_>) -> Result<Created, DecodeError> {
    let path = reader.text_not_null("path of a new znode")?.into_owned();
    Ok(Created { path, stat: Stat::decode(reader)? })
}

fn data(reader: &mut Reader<'_>, frame: &Bytes) -> Result<Data, DecodeError> {
    let data = reader.buffer()?.map(|data| frame.slice_ref(data));
    Ok(Data { data, stat: Stat::decode(reader)? })
}

fn texts(reader: &mut Reader<'_>, what: &'static str) -> Result<Vec<String>, DecodeError> {
    let count = reader.count()?.unwrap_or(0);
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(reader.text_not_null(what)?.into_owned());
    }
    Ok(texts)
}

fn acl(reader: &mut Reader<'_>) -> Result<Vec<AclEntry>, DecodeError> {
    let count = reader.count()?.unwrap_or(0);
    let mut entries = Vec::new();
    for _ in 0..count {
        let Acl { perms, scheme, id } = Acl::decode(reader)?;
        let id = Id::new(scheme.unwrap_or_default(), id.unwrap_or_default());
        entries.push(AclEntry { perms, id });
    }
    Ok(entries)
}

fn identities(reader: &mut Reader<'_>) -> Result<Vec<Id>, DecodeError> {
    let count = reader.count()?.unwrap_or(0);
    let mut identities = Vec::new();
    for _ in 0..count {
        let (scheme, user) = (reader.text()?, reader.text()?);
        identities.push(Id::new(scheme.unwrap_or_default(), user.unwrap_or_default()));
    }
    Ok(identities)
}

#[cfg(test)]
mod tests;
