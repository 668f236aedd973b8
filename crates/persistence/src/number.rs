//! Files that hold one number.

use crate::dir::Dir;
use crate::error::StorageError;
use crate::io;

/// Reads a decimal number from the first line of a file; `None` if there is no such file.
pub(crate) fn read_number<D: Dir>(
    dir: &D,
    name: &str,
    max: u32,
) -> Result<Option<u32>, StorageError> {
    /// More than any number and the spaces around it need.
    const READ_SIZE: usize = 64;
    let Some(file) = io::open_if_there(dir, name)? else { return Ok(None) };
    let mut bytes = [0; READ_SIZE];
    let count = file.read_at(0, &mut bytes)?;
    let line = bytes[..count].split(|&byte| byte == b'\n').next().unwrap_or_default();
    let number = core::str::from_utf8(line).ok().and_then(|line| line.trim().parse().ok());
    match number.filter(|&number| number <= max) {
        Some(number) => Ok(Some(number)),
        None => Err(StorageError::Number { file: file.path, max }),
    }
}
