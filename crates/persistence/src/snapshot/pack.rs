//! Packing and unpacking, whichever way.

use super::{gzip, snappy};
use crate::dir::DirFile;
use crate::error::StorageError;
use crate::names::Compression;
use crate::window::Window;
use alloc::vec::Vec;

#[derive(Debug)]
pub(super) enum Packer {
    None,
    Gzip(gzip::Packer),
    Snappy(snappy::Packer),
}

impl Packer {
    pub(super) fn new(compression: Compression, out: &mut Vec<u8>) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip(gzip::Packer::new(out)),
            Compression::Snappy => Self::Snappy(snappy::Packer::new(out)),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::None => out.extend_from_slice(bytes),
            Self::Gzip(packer) => packer.push(bytes, out),
            Self::Snappy(packer) => packer.push(bytes, out),
        }
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Gzip(packer) => packer.finish(out),
            Self::Snappy(packer) => packer.finish(out),
        }
    }
}

#[derive(Debug)]
pub(super) enum Unpacker {
    None,
    Gzip(gzip::Unpacker),
    Snappy(snappy::Unpacker),
}

impl Unpacker {
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip(gzip::Unpacker::new()),
            Compression::Snappy => Self::Snappy(snappy::Unpacker::new()),
        }
    }

    /// Appends some bytes; `false` if there are no more. A true answer may come without bytes.
    pub(super) fn unpack<F: DirFile>(
        &mut self,
        from: &mut Window<F>,
        out: &mut Vec<u8>,
    ) -> Result<bool, StorageError> {
        match self {
            Self::None => Ok(from.take_into(out)? > 0),
            Self::Gzip(unpacker) => unpacker.unpack(from, out),
            Self::Snappy(unpacker) => unpacker.unpack(from, out),
        }
    }
}
