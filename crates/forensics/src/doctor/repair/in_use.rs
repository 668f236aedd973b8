//! Whether a server runs on a directory.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::place::Place;

/// A process that uses the directory, as far as this user may see: whoever holds Zoarium's lock on it,
/// has a file in it open, or is an Apache server whose `zoo.cfg` names it. `None` is no proof that
/// there is none, only all that can be found out.
pub fn user_of(directory: &Path) -> Option<String> {
    let directory = directory.canonicalize().ok()?;
    let own = std::process::id().to_string();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let id = process.file_name().to_string_lossy().into_owned();
        if id == own || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        if has_file_open(&process.path(), &directory) || is_apaches(&process.path(), &directory) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("process {id} ({})", name.trim()));
        }
    }
    let locked = File::open(&directory)
        .is_ok_and(|handle| matches!(handle.try_lock(), Err(TryLockError::WouldBlock)));
    locked.then(|| "a Zoarium server".to_owned())
}

fn has_file_open(process: &Path, directory: &Path) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    let mut files = open.flatten().filter_map(|file| fs::read_link(file.path()).ok());
    files.any(|file| file.parent() == Some(directory))
}

/// Apache's server has no file open before its first write.
fn is_apaches(process: &Path, directory: &Path) -> bool {
    let Ok(line) = fs::read(process.join("cmdline")) else { return false };
    let words: Vec<_> = line.split(|&byte| byte == 0).map(String::from_utf8_lossy).collect();
    if !words.iter().any(|word| word.starts_with("org.apache.zookeeper.server")) {
        return false;
    }
    let working = fs::read_link(process.join("cwd")).unwrap_or_default();
    let configs = words.iter().filter(|word| word.ends_with(".cfg"));
    let mut places = configs.filter_map(|file| Place::find(&working.join(&**file), None).ok());
    places.any(|place| {
        let dirs = [place.dirs.root, place.dirs.snapshots, place.dirs.logs];
        let paths = dirs.iter().filter_map(|dir| dir.real().path().canonicalize().ok());
        paths.into_iter().any(|path: PathBuf| path == directory)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn whoever_has_a_file_open_uses_its_directory() {
        let scratch = Scratch::new();
        let file = scratch.path().join("log.1");
        fs::write(&file, "").unwrap();
        assert_eq!(user_of(scratch.path()), None);
        // It ends by itself when its standard input does.
        let mut reader = std::process::Command::new("cat")
            .arg("-")
            .stdin(std::process::Stdio::piped())
            .stdout(File::create(&file).unwrap())
            .spawn()
            .unwrap();
        let user = user_of(scratch.path());
        drop(reader.stdin.take());
        reader.wait().unwrap();
        assert_eq!(user, Some(format!("process {} (cat)", reader.id())));
    }
}
