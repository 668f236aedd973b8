//! gzip (RFC 1952) around raw deflate, as far as snapshots need it.

use super::stream::problem;
use crate::dir::DirFile;
use crate::error::{PackingProblem, StorageError};
use crate::window::Window;
use alloc::vec::Vec;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Magic, method deflate, no flags, no time, no hints.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0];

/// Space that packing or unpacking gets at a time, in bytes.
const STEP: usize = 64 << 10;

/// CRC and length modulo 2^32 of the unpacked bytes, little-endian.
const TRAILER_SIZE: usize = 8;

#[derive(Debug)]
pub(super) struct Packer {
    deflate: Compress,
    crc: crc32fast::Hasher,
    size: u32,
}

impl Packer {
    pub(super) fn new(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&HEADER);
        let deflate = Compress::new(Compression::default(), false);
        Self { deflate, crc: crc32fast::Hasher::new(), size: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.crc.update(bytes);
        // The trailer has the length modulo 2^32.
        self.size = bytes.chunks(STEP).fold(self.size, |size, chunk| {
            size.wrapping_add(u32::try_from(chunk.len()).unwrap_or(u32::MAX))
        });
        let start = self.deflate.total_in();
        loop {
            let done = usize::try_from(self.deflate.total_in() - start).unwrap_or(bytes.len());
            if done >= bytes.len() {
                return;
            }
            self.step(&bytes[done..], out, FlushCompress::None);
        }
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        while self.step(&[], out, FlushCompress::Finish) != Status::StreamEnd {}
        out.extend_from_slice(&self.crc.finalize().to_le_bytes());
        out.extend_from_slice(&self.size.to_le_bytes());
    }

    fn step(&mut self, bytes: &[u8], out: &mut Vec<u8>, flush: FlushCompress) -> Status {
        out.reserve(STEP);
        let stepped = self.deflate.compress_vec(bytes, out, flush);
        stepped.expect("deflate fails only after its stream ended, which ends the packer")
    }
}

#[derive(Debug)]
pub(super) struct Unpacker {
    state: State,
    inflate: Decompress,
    crc: crc32fast::Hasher,
    size: u32,
}

#[derive(Debug)]
enum State {
    Header,
    Body,
    End,
}

impl Unpacker {
    pub(super) fn new() -> Self {
        let inflate = Decompress::new(false);
        Self { state: State::Header, inflate, crc: crc32fast::Hasher::new(), size: 0 }
    }

    /// Appends some bytes; `false` if there are no more.
    pub(super) fn unpack<F: DirFile>(
        &mut self,
        from: &mut Window<F>,
        out: &mut Vec<u8>,
    ) -> Result<bool, StorageError> {
        match self.state {
            State::Header => {
                pass_header(from)?;
                self.state = State::Body;
                Ok(true)
            }
            State::Body => self.body(from, out),
            State::End => Ok(false),
        }
    }

    fn body<F: DirFile>(
        &mut self,
        from: &mut Window<F>,
        out: &mut Vec<u8>,
    ) -> Result<bool, StorageError> {
        from.fill(1)?;
        let before_in = self.inflate.total_in();
        let before_out = out.len();
        out.reserve(STEP);
        let stepped = self.inflate.decompress_vec(from.bytes(), out, FlushDecompress::None);
        let status = stepped.map_err(|_| problem(from, PackingProblem::Corrupt))?;
        let consumed = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(0);
        from.pass(consumed);
        let new = &out[before_out..];
        self.crc.update(new);
        self.size = self.size.wrapping_add(u32::try_from(new.len()).unwrap_or(u32::MAX));
        match status {
            Status::StreamEnd => {
                self.check_trailer(from)?;
                self.state = State::End;
                Ok(false)
            }
            Status::Ok | Status::BufError if consumed == 0 && new.is_empty() => {
                Err(problem(from, PackingProblem::Cut))
            }
            Status::Ok | Status::BufError => Ok(true),
        }
    }

    fn check_trailer<F: DirFile>(&self, from: &mut Window<F>) -> Result<(), StorageError> {
        let mut expected = [0; TRAILER_SIZE];
        expected[..4].copy_from_slice(&self.crc.clone().finalize().to_le_bytes());
        expected[4..].copy_from_slice(&self.size.to_le_bytes());
        if from.fill(TRAILER_SIZE)? < TRAILER_SIZE {
            return Err(problem(from, PackingProblem::Cut));
        }
        if !from.bytes().starts_with(&expected) {
            return Err(problem(from, PackingProblem::Checksum));
        }
        from.pass(TRAILER_SIZE);
        Ok(())
    }
}

/// Passes the header with its optional fields: none of them when Java wrote the file, a name when
/// an operator packed it with the gzip tool.
fn pass_header<F: DirFile>(from: &mut Window<F>) -> Result<(), StorageError> {
    const HEADER_CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    if from.fill(HEADER.len())? < HEADER.len() {
        return Err(problem(from, PackingProblem::Cut));
    }
    if !from.bytes().starts_with(&HEADER[..2]) {
        return Err(problem(from, PackingProblem::Magic));
    }
    let (method, flags) = (from.bytes()[2], from.bytes()[3]);
    if method != HEADER[2] || flags & 0xe0 != 0 {
        return Err(problem(from, PackingProblem::Unsupported));
    }
    from.pass(HEADER.len());
    if flags & EXTRA != 0 {
        let low = byte(from)?;
        let high = byte(from)?;
        for _ in 0..u16::from_le_bytes([low, high]) {
            byte(from)?;
        }
    }
    for text in [NAME, COMMENT] {
        while flags & text != 0 && byte(from)? != 0 {}
    }
    if flags & HEADER_CRC != 0 {
        byte(from)?;
        byte(from)?;
    }
    Ok(())
}

fn byte<F: DirFile>(from: &mut Window<F>) -> Result<u8, StorageError> {
    if from.fill(1)? == 0 {
        return Err(problem(from, PackingProblem::Cut));
    }
    let byte = from.bytes()[0];
    from.pass(1);
    Ok(byte)
}
