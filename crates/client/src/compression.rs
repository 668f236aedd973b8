//! A hook for data that is kept compressed.

use std::fmt::Debug;

/// Compresses and decompresses data of znodes. Which algorithm is the implementation's; Curator's
/// default is gzip.
pub trait Codec: Debug + Send + Sync {
    /// What is to be kept for `data`.
    fn compress(&self, path: &str, data: &[u8]) -> Vec<u8>;

    /// The data for what is kept.
    ///
    /// # Errors
    /// If it cannot be decompressed, or is longer than the implementation allows; the text goes into
    /// [`Error::Compression`](crate::Error::Compression).
    fn decompress(&self, path: &str, kept: &[u8]) -> Result<Vec<u8>, String>;
}
