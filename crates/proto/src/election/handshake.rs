//! The first bytes of a connection: who connects, and where it can be reached.

use super::{ADDRESS_BYTES_MAX, bounded_length};
use crate::ServerId;
use crate::jute::{DecodeError, Reader, length, next_of_stream};
use crate::membership::HostPort;
use alloc::string::ToString;
use alloc::vec::Vec;
use bytes::BufMut;

/// Stands for one address, since 3.5 (`QuorumCnxManager.PROTOCOL_VERSION_V1`).
const ONE_ADDRESS: i64 = -65536;
/// Stands for any number of addresses, since 3.6 (`PROTOCOL_VERSION_V2`).
const SEVERAL_ADDRESSES: i64 = -65535;
/// The server id of an observer that has none (`QuorumPeer.OBSERVER_ID`).
const ANONYMOUS: i64 = i64::MAX;

const NO_ADDRESS: DecodeError = DecodeError::Malformed { what: "election address, not host:port" };

/// What the side that connects sends first. It is not answered.
///
/// It must be sent with one write: releases up to 3.9 take what a single read gives them for the
/// whole address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Who connects; `None` is an observer without an id.
    pub server: Option<ServerId>,
    /// Its election addresses, to dial back.
    pub addresses: Addresses,
}

/// The addresses of a handshake, in the form in which they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// The form of 3.4, without any.
    None,
    /// The form that releases since 3.5 understand.
    One(HostPort),
    /// The form that releases since 3.6 understand, and send if `multiAddress.enabled` is set.
    Several(Vec<HostPort>),
}

impl Addresses {
    /// All of them.
    pub fn as_slice(&self) -> &[HostPort] {
        match self {
            Self::None => &[],
            Self::One(address) => core::slice::from_ref(address),
            Self::Several(addresses) => addresses,
        }
    }
}

impl Handshake {
    /// The handshake at the beginning of a stream; `None` if not all of it is there yet.
    ///
    /// # Errors
    /// If it is none. The connection must then be closed.
    pub fn next(reader: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        next_of_stream(reader, Self::decode)
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.long()?;
        if version >= 0 {
            return Ok(Self { server: server(version)?, addresses: Addresses::None });
        }
        if version != ONE_ADDRESS && version != SEVERAL_ADDRESSES {
            return Err(DecodeError::UnknownValue { what: "handshake version", value: version });
        }
        let server = server(reader.long()?)?;
        let length = bounded_length(reader, "election address", ADDRESS_BYTES_MAX)?;
        let text = str::from_utf8(reader.raw(length)?).map_err(|_| NO_ADDRESS)?;
        let addresses = if version == ONE_ADDRESS {
            Addresses::One(address(text)?)
        } else {
            Addresses::Several(text.split('|').map(address).collect::<Result<_, _>>()?)
        };
        Ok(Self { server, addresses })
    }

    /// Appends the handshake. The text of the addresses must not be empty nor longer than
    /// [`ADDRESS_BYTES_MAX`], or the acceptor refuses it.
    ///
    /// # Panics
    /// If the addresses take 2 GiB.
    pub fn encode(&self, out: &mut impl BufMut) {
        let version = match &self.addresses {
            Addresses::None => None,
            Addresses::One(_) => Some(ONE_ADDRESS),
            Addresses::Several(_) => Some(SEVERAL_ADDRESSES),
        };
        if let Some(version) = version {
            out.put_i64(version);
        }
        out.put_i64(self.server.map_or(ANONYMOUS, ServerId::to_wire));
        if version.is_some() {
            let texts: Vec<_> = self.addresses.as_slice().iter().map(HostPort::to_string).collect();
            let text = texts.join("|");
            out.put_i32(length(text.len()));
            out.put_slice(text.as_bytes());
        }
    }
}

fn server(value: i64) -> Result<Option<ServerId>, DecodeError> {
    if value == ANONYMOUS {
        return Ok(None);
    }
    let unknown = DecodeError::UnknownValue { what: "server id", value };
    ServerId::from_wire(value).map(Some).ok_or(unknown)
}

fn address(text: &str) -> Result<HostPort, DecodeError> {
    HostPort::parse(text).map_err(|_| NO_ADDRESS)
}
