//! Frames and reply headers in a buffer, without copies.

use crate::error::Fault;
use zoarium_proto::reply::ReplyHeader;
use zoarium_proto::{DecodeError, Reader};

/// No reply is longer; it bounds what a broken server can make this process hold.
const FRAME_BYTES_MAX: usize = 256 << 20;

/// The contents of the frame that `bytes` begin with, if all of it is there.
pub(crate) fn next_frame(bytes: &[u8]) -> Result<Option<&[u8]>, Fault> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = i32::from_be_bytes(*prefix);
    match usize::try_from(length) {
        Ok(count) if count <= FRAME_BYTES_MAX => Ok(rest.get(..count)),
        Ok(_) | Err(_) => Err(Fault::Frame { length }),
    }
}

/// A reply's header and the record behind it.
pub(crate) fn split_reply(frame: &[u8]) -> Result<(ReplyHeader, &[u8]), DecodeError> {
    let mut reader = Reader::new(frame);
    let header = ReplyHeader::decode(&mut reader)?;
    Ok((header, reader.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_comes_when_all_of_it_is_there() {
        let bytes = [0, 0, 0, 2, 7, 8, 9];
        for end in 0..6 {
            assert!(next_frame(&bytes[..end]).unwrap().is_none(), "{end}");
        }
        assert_eq!(next_frame(&bytes).unwrap(), Some(&[7, 8][..]));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for length in [-1, i32::MIN, i32::MAX] {
            let found = next_frame(&length.to_be_bytes()).unwrap_err();
            assert!(matches!(found, Fault::Frame { length: it } if it == length), "{found}");
        }
    }
}
