//! The stream of snappy-java's `SnappyOutputStream`: a header, then chunks of a length and a raw
//! snappy block. It is not snappy's own framing format.

use super::stream::problem;
use crate::dir::DirFile;
use crate::error::{PackingProblem, StorageError};
use crate::window::Window;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

/// Magic, version 1, oldest compatible version 1.
const HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";

/// Bytes of the header that are checked; readers do not care for the versions.
const MAGIC_SIZE: usize = 8;

/// Unpacked bytes a chunk has when we write it, as snappy-java's by default.
const CHUNK: usize = 32 << 10;

/// Unpacked bytes a chunk may have. snappy-java can be told up to 512 MiB; Apache does not.
const CHUNK_MAX: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct Packer {
    chunk: Vec<u8>,
    packed: Vec<u8>,
    encoder: Box<Encoder>,
}

impl Packer {
    pub(super) fn new(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&HEADER);
        let packed = vec![0; max_compress_len(CHUNK)];
        Self { chunk: Vec::with_capacity(CHUNK), packed, encoder: Box::new(Encoder::new()) }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            if self.chunk.len() == CHUNK {
                self.flush(out);
            }
            bytes = later;
        }
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        if !self.chunk.is_empty() {
            self.flush(out);
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        let packed = self.encoder.compress(&self.chunk, &mut self.packed);
        let size = packed.expect("the buffer has room for what a whole chunk can become");
        let length = i32::try_from(size).expect("a packed chunk is little longer than a chunk");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.packed[..size]);
        self.chunk.clear();
    }
}

#[derive(Debug)]
pub(super) struct Unpacker {
    decoder: Decoder,
    begun: bool,
}

impl Unpacker {
    pub(super) fn new() -> Self {
        Self { decoder: Decoder::new(), begun: false }
    }

    /// Appends some bytes; `false` if there are no more.
    pub(super) fn unpack<F: DirFile>(
        &mut self,
        from: &mut Window<F>,
        out: &mut Vec<u8>,
    ) -> Result<bool, StorageError> {
        if !self.begun {
            pass_header(from)?;
            self.begun = true;
        }
        match from.fill(4)? {
            0 => return Ok(false),
            4 => {}
            _cut => return Err(problem(from, PackingProblem::Cut)),
        }
        let mut length = [0; 4];
        length.copy_from_slice(&from.bytes()[..4]);
        let length = usize::try_from(i32::from_be_bytes(length))
            .map_err(|_| problem(from, PackingProblem::Corrupt))?;
        if length > max_compress_len(CHUNK_MAX) {
            return Err(problem(from, PackingProblem::ChunkTooLarge));
        }
        if from.fill(4 + length)? < 4 + length {
            return Err(problem(from, PackingProblem::Cut));
        }
        self.chunk(from, length, out)?;
        from.pass(4 + length);
        Ok(true)
    }

    fn chunk<F: DirFile>(
        &mut self,
        from: &Window<F>,
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), StorageError> {
        let packed = &from.bytes()[4..4 + length];
        let size = decompress_len(packed).map_err(|_| problem(from, PackingProblem::Corrupt))?;
        if size > CHUNK_MAX {
            return Err(problem(from, PackingProblem::ChunkTooLarge));
        }
        let start = out.len();
        out.resize(start + size, 0);
        let unpacked = self.decoder.decompress(packed, &mut out[start..]);
        unpacked.map(|_| ()).map_err(|_| problem(from, PackingProblem::Corrupt))
    }
}

fn pass_header<F: DirFile>(from: &mut Window<F>) -> Result<(), StorageError> {
    if from.fill(HEADER.len())? < HEADER.len() {
        return Err(problem(from, PackingProblem::Cut));
    }
    if !from.bytes().starts_with(&HEADER[..MAGIC_SIZE]) {
        return Err(problem(from, PackingProblem::Magic));
    }
    from.pass(HEADER.len());
    Ok(())
}
