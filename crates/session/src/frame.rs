//! Frames: a length of four bytes, then as many bytes.

use bytes::{Buf, Bytes, BytesMut};

/// The default for the longest frame that is taken from a server, in bytes. Apache's client stops
/// at 1 MiB − 1 by default, and then cannot list a znode with many children.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// A length that no frame has, or one that is beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {length} bytes, expected 0 to {max}")]
pub struct FrameError {
    /// The length as it came.
    pub length: i32,
    /// The greatest length allowed.
    pub max: usize,
}

/// Cuts the next whole frame off `stream`, without its length; `None` if more bytes have to come
/// first.
///
/// # Errors
/// As soon as the length is there and cannot be. Nothing is reserved for bytes that have not come.
pub fn next_frame(stream: &mut BytesMut, max: usize) -> Result<Option<Bytes>, FrameError> {
    let Some(prefix) = stream.first_chunk::<4>() else { return Ok(None) };
    let length = i32::from_be_bytes(*prefix);
    let frame = usize::try_from(length).ok().filter(|frame| *frame <= max);
    let frame = frame.ok_or(FrameError { length, max })?;
    if stream.len() - 4 < frame {
        return Ok(None);
    }
    stream.advance(4);
    Ok(Some(stream.split_to(frame).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn frames_come_out_whole_however_the_bytes_come_in() {
        let bytes = [0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1, 9];
        for step in 1..=bytes.len() {
            let (mut stream, mut frames) = (BytesMut::new(), Vec::new());
            for part in bytes.chunks(step) {
                stream.extend_from_slice(part);
                while let Some(frame) = next_frame(&mut stream, 2).unwrap() {
                    frames.push(frame.to_vec());
                }
            }
            assert_eq!(frames, [&[7, 8][..], &[], &[9]], "{step}");
        }
    }

    #[test]
    fn impossible_length_is_refused_before_its_bytes_come() {
        for length in [-1, 3, i32::MIN, i32::MAX] {
            let mut stream = BytesMut::from(&length.to_be_bytes()[..]);
            assert_eq!(next_frame(&mut stream, 2), Err(FrameError { length, max: 2 }));
        }
    }
}
