//! Cutting a client's bytes into frames.

use bytes::{Buf, Bytes, BytesMut};

/// A frame that no client of good will sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// Its length is negative.
    #[error("frame length {length} is negative; this is no ZooKeeper client")]
    Negative {
        /// The length.
        length: i32,
    },
    /// It is longer than this server takes.
    #[error("frame of {length} bytes, jute.maxbuffer allows {max}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// It ends before its header does.
    #[error("frame of {length} bytes is too short for a request header")]
    TooShort {
        /// Its length in bytes.
        length: usize,
    },
}

/// The length of the first frame if all of it is there.
///
/// # Errors
/// If its length is negative or above `max`.
pub(crate) fn complete_frame(bytes: &[u8], max: usize) -> Result<Option<usize>, FrameError> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    let length = usize::try_from(length).map_err(|_| FrameError::Negative { length })?;
    if length > max {
        return Err(FrameError::TooLong { length, max });
    }
    Ok((rest.len() >= length).then_some(length))
}

/// Takes a complete frame of `length` bytes out, without its length and its first `skip` bytes,
/// sharing the memory.
pub(crate) fn take_frame(bytes: &mut BytesMut, length: usize, skip: usize) -> Bytes {
    bytes.advance(4 + skip);
    bytes.split_to(length - skip).freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_checked_before_the_frame_is_there() {
        assert_eq!(complete_frame(&[0, 0], 10), Ok(None));
        assert_eq!(complete_frame(&[0, 0, 0, 2, 7], 10), Ok(None));
        assert_eq!(complete_frame(&[0, 0, 0, 1, 7, 9], 10), Ok(Some(1)));
        assert_eq!(
            complete_frame(&[0, 0, 0, 11], 10),
            Err(FrameError::TooLong { length: 11, max: 10 })
        );
        assert_eq!(complete_frame(&[0xFF; 4], 10), Err(FrameError::Negative { length: -1 }));
    }

    #[test]
    fn frame_is_taken_without_length_and_header() {
        let mut bytes = BytesMut::from(&[0, 0, 0, 3, 1, 2, 3, 0][..]);
        assert_eq!(take_frame(&mut bytes, 3, 1), &[2, 3][..]);
        assert_eq!(&bytes[..], [0]);
    }
}
