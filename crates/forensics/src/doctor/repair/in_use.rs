//! Whether a server runs on a directory.

use std::fs::{self, File, TryLockError};
use std::path::Path;

/// A process that uses the directory, as far as this user may see: whoever holds Zoarium's lock on it,
/// or has a file in it open for writing. `None` is no proof that there is none, only all that can be
/// found out.
pub fn user_of(directory: &Path) -> Option<String> {
    let locked = File::open(directory)
        .is_ok_and(|handle| matches!(handle.try_lock(), Err(TryLockError::WouldBlock)));
    let user = process_with_open_file(directory);
    match user {
        Some(user) => Some(user),
        None if locked => Some("a Zoarium server".to_owned()),
        None => None,
    }
}

fn process_with_open_file(directory: &Path) -> Option<String> {
    let directory = directory.canonicalize().ok()?;
    let own = std::process::id().to_string();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let id = process.file_name().to_string_lossy().into_owned();
        if id == own || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Ok(open) = fs::read_dir(process.path().join("fd")) else { continue };
        let mut files = open.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        if files.any(|file| file.parent() == Some(&directory)) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("process {id} ({})", name.trim()));
        }
    }
    None
}
