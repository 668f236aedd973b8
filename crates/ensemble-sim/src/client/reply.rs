//! What clients are answered.

use super::Ask;
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::{DecodeError, OpCode, Reader, Stat};

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
    /// Reads what follows the reply header.
    ///
    /// # Errors
    /// If the bytes are no answer to that.
    pub fn decode(ask: &Ask, error: i32, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if error != 0 {
            return Ok(Self::Error(error));
        }
        Ok(match ask {
            Ask::Create { .. } | Ask::CreateSequential { .. } => Self::Created {
                path: reader.text_not_null("path")?.to_string(),
                stat: Stat::decode(reader)?,
            },
            Ask::Set { .. } | Ask::Exists { .. } => Self::Stat(Stat::decode(reader)?),
            Ask::Get { .. } => data(reader)?,
            Ask::List { .. } => {
                let count = reader.count()?.unwrap_or(0);
                let names = (0..count).map(|_| Ok(reader.text_not_null("child")?.to_string()));
                let names = names.collect::<Result<_, DecodeError>>()?;
                Stat::decode(reader)?;
                Self::Children(names)
            }
            Ask::SetBoth { .. } | Ask::GetBoth { .. } => Self::Results(results(reader)?),
            Ask::Delete { .. } | Ask::CloseSession => Self::Done,
            Ask::WatchAlways { .. } => {
                reader.int()?;
                Self::Done
            }
            Ask::Sync => {
                reader.text()?;
                Self::Done
            }
        })
    }
}

fn data(reader: &mut Reader<'_>) -> Result<Reply, DecodeError> {
    let data = reader.buffer()?.unwrap_or_default().to_vec();
    Ok(Reply::Data { data, stat: Stat::decode(reader)? })
}

fn results(reader: &mut Reader<'_>) -> Result<Vec<Reply>, DecodeError> {
    let mut all = Vec::new();
    loop {
        let header = MultiHeader::decode(reader)?;
        if header.done {
            return Ok(all);
        }
        all.push(if header.kind == -1 {
            Reply::Error(reader.int()?)
        } else if header.kind == OpCode::SetData.to_wire() {
            Reply::Stat(Stat::decode(reader)?)
        } else if header.kind == OpCode::GetData.to_wire() {
            data(reader)?
        } else {
            Reply::Done
        });
    }
}
