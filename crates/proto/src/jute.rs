//! The jute binary encoding: big-endian integers, length-prefixed strings, buffers and vectors.
//!
//! A length of −1 is null, which is distinct from empty. Strings are UTF-8; invalid sequences are
//! read with U+FFFD in their place, as Java does, never as an error.

use alloc::borrow::Cow;
use alloc::string::String;
use bytes::BufMut;

/// Text borrowed from a frame, or owned where invalid UTF-8 had to be replaced.
pub type Text<'a> = Cow<'a, str>;

/// Bytes that are no record of the kind that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The record ends before the field does.
    #[error("record ends at byte {offset}: {needed} more bytes expected, {left} left")]
    Truncated {
        /// Where the field starts.
        offset: usize,
        /// How many bytes it takes.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// A length below −1.
    #[error("negative length {length} at byte {offset}")]
    NegativeLength {
        /// Where the length stands.
        offset: usize,
        /// Its value.
        length: i32,
    },
    /// A null where the record needs a value.
    #[error("null {what}")]
    Null {
        /// The field.
        what: &'static str,
    },
    /// A length beyond what is allowed.
    #[error("{what} of {length} bytes, at most {max} are allowed")]
    TooLong {
        /// What is so long.
        what: &'static str,
        /// Its length in bytes, or as much of it as is known.
        length: usize,
        /// The greatest length allowed.
        max: usize,
    },
    /// Text or bytes of another form than expected.
    #[error("malformed {what}")]
    Malformed {
        /// What was expected.
        what: &'static str,
    },
    /// A number that names no member of a closed set.
    #[error("unknown {what} {value}")]
    UnknownValue {
        /// The set.
        what: &'static str,
        /// The number.
        value: i64,
    },
}

/// Reads an item from a stream of which `reader` has the beginning. If all of the item is there,
/// the reader stands behind it; else this is `None`, and the reader stands where it stood.
///
/// # Errors
/// As `read`, but for [`DecodeError::Truncated`].
pub(crate) fn next_of_stream<'a, T>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    let mut ahead = reader.clone();
    match read(&mut ahead) {
        Ok(item) => {
            *reader = ahead;
            Ok(Some(item))
        }
        Err(DecodeError::Truncated { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads fields in order from a byte slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Bytes consumed so far.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes not yet consumed.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    /// Whether every byte is consumed.
    pub const fn is_at_end(&self) -> bool {
        self.offset == self.bytes.len()
    }

    /// The bytes consumed since `start`, which must be an earlier [`Reader::offset`].
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.offset]
    }

    /// The next `count` bytes as they are.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    #[inline]
    pub fn raw(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let left = self.bytes.len() - self.offset;
        if count > left {
            return Err(DecodeError::Truncated { offset: self.offset, needed: count, left });
        }
        let start = self.offset;
        self.offset += count;
        Ok(&self.bytes[start..self.offset])
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let rest = self.rest();
        let Some(array) = rest.first_chunk() else {
            return Err(DecodeError::Truncated {
                offset: self.offset,
                needed: N,
                left: rest.len(),
            });
        };
        self.offset += N;
        Ok(*array)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end of the record, as for all integers.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// A boolean; any non-zero byte is true.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    #[inline]
    pub fn boolean(&mut self) -> Result<bool, DecodeError> {
        Ok(self.byte()? != 0)
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    #[inline]
    pub fn int(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// A 64-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    #[inline]
    pub fn long(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// A buffer; `None` is null.
    ///
    /// # Errors
    /// [`DecodeError::NegativeLength`] or [`DecodeError::Truncated`].
    #[inline]
    pub fn buffer(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        let offset = self.offset;
        match self.int()? {
            -1 => Ok(None),
            length => {
                let count = usize::try_from(length)
                    .map_err(|_| DecodeError::NegativeLength { offset, length })?;
                self.raw(count).map(Some)
            }
        }
    }

    /// A buffer of at most `max` bytes; `what` names it in the error. A longer one is refused
    /// before its bytes are there, so that nobody waits for them.
    ///
    /// # Errors
    /// As [`Reader::buffer`], or [`DecodeError::TooLong`].
    pub fn bounded_buffer(
        &mut self,
        what: &'static str,
        max: usize,
    ) -> Result<Option<&'a [u8]>, DecodeError> {
        match usize::try_from(self.clone().int()?) {
            Ok(length) if length > max => Err(DecodeError::TooLong { what, length, max }),
            Ok(_) | Err(_) => self.buffer(),
        }
    }

    /// A string; `None` is null.
    ///
    /// Always inlined: what it gives is then made where it is kept, not moved there from two results.
    ///
    /// # Errors
    /// As [`Reader::buffer`].
    #[inline(always)]
    pub fn text(&mut self) -> Result<Option<Text<'a>>, DecodeError> {
        // The usual case first: the lossy reading is several times slower on valid text.
        Ok(self.buffer()?.map(|bytes| match core::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        }))
    }

    /// A string that must not be null; `what` names it in the error.
    ///
    /// # Errors
    /// As [`Reader::buffer`], or [`DecodeError::Null`].
    #[inline]
    pub fn text_not_null(&mut self, what: &'static str) -> Result<Text<'a>, DecodeError> {
        self.text()?.ok_or(DecodeError::Null { what })
    }

    /// The element count of a vector; `None` is a null vector. Other negative counts read as empty,
    /// as Java's loops do. The count is not bounded by what follows, so allocate nothing by it.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn count(&mut self) -> Result<Option<u32>, DecodeError> {
        match self.int()? {
            -1 => Ok(None),
            count => Ok(Some(u32::try_from(count).unwrap_or(0))),
        }
    }
}

/// A record of fixed size, put together field by field.
///
/// Every offset is known when this is compiled, so a field is one store and the whole one copy. Into
/// a buffer that may grow each field would be a call: for the stat of a znode 330 instructions
/// instead of 25.
#[derive(Debug)]
pub(crate) struct FixedRecord<const N: usize> {
    bytes: [u8; N],
    filled: usize,
}

impl<const N: usize> FixedRecord<N> {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], filled: 0 }
    }

    #[inline(always)]
    pub(crate) fn int(&mut self, value: i32) -> &mut Self {
        self.field(value.to_be_bytes())
    }

    /// As [`put_boolean`].
    #[inline(always)]
    pub(crate) fn boolean(&mut self, value: bool) -> &mut Self {
        self.field([u8::from(value)])
    }

    #[inline(always)]
    pub(crate) fn long(&mut self, value: i64) -> &mut Self {
        self.field(value.to_be_bytes())
    }

    #[inline(always)]
    fn field<const M: usize>(&mut self, field: [u8; M]) -> &mut Self {
        self.bytes[self.filled..self.filled + M].copy_from_slice(&field);
        self.filled += M;
        self
    }

    /// The record, of which nothing may be missing.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> [u8; N] {
        assert!(self.filled == N, "{} of {N} bytes are filled", self.filled);
        self.bytes
    }
}

/// Appends a boolean.
pub fn put_boolean(out: &mut impl BufMut, value: bool) {
    out.put_u8(u8::from(value));
}

/// Appends a buffer; `None` is null.
///
/// # Panics
/// If the buffer is 2 GiB or longer; every port bounds its frames far below that.
pub fn put_buffer(out: &mut impl BufMut, value: Option<&[u8]>) {
    match value {
        None => out.put_i32(-1),
        Some(bytes) => {
            out.put_i32(length(bytes.len()));
            out.put_slice(bytes);
        }
    }
}

/// Appends a string that is not null.
pub fn put_text(out: &mut impl BufMut, value: &str) {
    put_buffer(out, Some(value.as_bytes()));
}

/// A length or count as it stands on the wire.
///
/// # Panics
/// If it does not fit; see [`put_buffer`].
pub fn length(count: usize) -> i32 {
    i32::try_from(count).expect("frames are bounded below 2 GiB")
}
