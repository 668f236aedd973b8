//! `myid`: which server of its ensemble this one is.

use crate::dir::Dir;
use crate::error::StorageError;
use crate::number::read_number;

/// The file's name, in `dataDir`.
pub const MY_ID_FILE: &str = "myid";

/// Reads the server's id; `None` if there is no file, as on a standalone server.
///
/// # Errors
/// If the file holds no id. An id is a byte, because session ids have room for no more.
pub fn read_my_id<D: Dir>(root: &D) -> Result<Option<u8>, StorageError> {
    let number = read_number(root, MY_ID_FILE, u8::MAX.into())?;
    Ok(number.and_then(|number| u8::try_from(number).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem_dir::MemDir;
    use alloc::format;

    #[test]
    fn an_id_is_a_number_on_the_first_line() {
        let dir = MemDir::new();
        assert_eq!(read_my_id(&dir).unwrap(), None);
        for (bytes, id) in [(&b"1"[..], 1), (b"255\n", 255), (b" 7\r\n\n", 7)] {
            dir.put("myid", bytes).unwrap();
            assert_eq!(read_my_id(&dir).unwrap(), Some(id));
        }
        dir.put("myid", b"256").unwrap();
        let error = format!("{}", read_my_id(&dir).unwrap_err());
        assert_eq!(error, "mem/myid must hold a number from 0 to 255; correct it by hand");
    }
}
