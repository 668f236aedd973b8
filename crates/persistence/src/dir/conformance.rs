//! What every [`Dir`] must do, as one suite that each implementation runs in its tests.
//!
//! Durability is not checked here: a real directory cannot be made to lose power, and the one
//! that can has tests of its own.

use super::{Dir, DirError, DirFile};
use alloc::vec;
use alloc::vec::Vec;

/// Runs every check, each in a directory of its own.
///
/// # Errors
/// If an operation fails that should not.
///
/// # Panics
/// If an operation does something else than [`Dir`] says.
pub fn check<D: Dir>(mut empty_dir: impl FnMut() -> D) -> Result<(), D::Error> {
    a_new_directory_is_empty(&empty_dir())?;
    created_files_are_listed_and_read_back(&empty_dir())?;
    create_replaces_an_existing_file(&empty_dir())?;
    reads_end_at_the_end_of_the_file(&empty_dir())?;
    writes_past_the_end_leave_zeros(&empty_dir())?;
    set_size_cuts_and_grows(&empty_dir())?;
    allocate_grows_with_zeros_and_never_cuts(&empty_dir())?;
    rename_replaces_its_target(&empty_dir())?;
    removed_files_are_gone(&empty_dir())?;
    missing_files_are_told_apart(&empty_dir());
    opening_to_change_keeps_what_is_there(&empty_dir())
}

fn a_new_directory_is_empty<D: Dir>(dir: &D) -> Result<(), D::Error> {
    assert_eq!(dir.names()?.len(), 0);
    dir.sync()
}

fn created_files_are_listed_and_read_back<D: Dir>(dir: &D) -> Result<(), D::Error> {
    let mut file = dir.create("log.1")?;
    file.write_at(0, b"hello")?;
    file.sync_data()?;
    dir.sync()?;
    assert_eq!(dir.names()?, ["log.1"]);
    assert_eq!(content(dir, "log.1")?, b"hello");
    assert!(dir.path_of("log.1").ends_with("log.1"));
    Ok(())
}

fn create_replaces_an_existing_file<D: Dir>(dir: &D) -> Result<(), D::Error> {
    dir.create("a")?.write_at(0, b"old and long")?;
    dir.create("a")?.write_at(0, b"new")?;
    assert_eq!(content(dir, "a")?, b"new");
    Ok(())
}

fn reads_end_at_the_end_of_the_file<D: Dir>(dir: &D) -> Result<(), D::Error> {
    let mut file = dir.create("a")?;
    file.write_at(0, b"0123456789")?;
    let mut into = [b'x'; 4];
    assert_eq!(file.read_at(3, &mut into)?, 4);
    assert_eq!(&into, b"3456");
    assert_eq!(file.read_at(8, &mut into)?, 2);
    assert_eq!(&into[..2], b"89");
    assert_eq!(file.read_at(10, &mut into)?, 0);
    assert_eq!(file.read_at(1 << 40, &mut into)?, 0);
    assert_eq!(file.read_at(0, &mut [])?, 0);
    Ok(())
}

fn writes_past_the_end_leave_zeros<D: Dir>(dir: &D) -> Result<(), D::Error> {
    let mut file = dir.create("a")?;
    file.write_at(3, b"x")?;
    file.write_at(1, b"y")?;
    assert_eq!(content(dir, "a")?, b"\0y\0x");
    Ok(())
}

fn set_size_cuts_and_grows<D: Dir>(dir: &D) -> Result<(), D::Error> {
    let mut file = dir.create("a")?;
    file.write_at(0, b"0123456789")?;
    file.set_size(2)?;
    file.set_size(4)?;
    assert_eq!(file.size()?, 4);
    assert_eq!(content(dir, "a")?, b"01\0\0");
    Ok(())
}

fn allocate_grows_with_zeros_and_never_cuts<D: Dir>(dir: &D) -> Result<(), D::Error> {
    let mut file = dir.create("a")?;
    file.write_at(0, b"ab")?;
    file.allocate(10_000)?;
    assert_eq!(file.size()?, 10_000);
    file.allocate(5)?;
    assert_eq!(file.size()?, 10_000);
    let bytes = content(dir, "a")?;
    assert_eq!(&bytes[..2], b"ab");
    assert!(bytes[2..].iter().all(|&byte| byte == 0));
    Ok(())
}

fn rename_replaces_its_target<D: Dir>(dir: &D) -> Result<(), D::Error> {
    dir.create("to")?.write_at(0, b"old")?;
    dir.create("from")?.write_at(0, b"new")?;
    dir.rename("from", "to")?;
    dir.sync()?;
    assert_eq!(dir.names()?, ["to"]);
    assert_eq!(content(dir, "to")?, b"new");
    Ok(())
}

fn removed_files_are_gone<D: Dir>(dir: &D) -> Result<(), D::Error> {
    dir.create("a")?;
    dir.create("b")?;
    dir.remove("a")?;
    dir.sync()?;
    assert_eq!(dir.names()?, ["b"]);
    Ok(())
}

fn missing_files_are_told_apart<D: Dir>(dir: &D) {
    let errors = [
        dir.open("a").err(),
        dir.open_to_change("a").err(),
        dir.rename("a", "b").err(),
        dir.remove("a").err(),
    ];
    for (index, error) in errors.iter().enumerate() {
        assert!(error.as_ref().is_some_and(DirError::is_missing), "call {index}: {error:?}");
        assert!(!error.as_ref().is_some_and(DirError::is_full), "call {index}: {error:?}");
    }
}

fn opening_to_change_keeps_what_is_there<D: Dir>(dir: &D) -> Result<(), D::Error> {
    dir.create("a")?.write_at(0, b"hello")?;
    let mut file = dir.open_to_change("a")?;
    file.write_at(4, b"!!")?;
    file.sync_data()?;
    assert_eq!(content(dir, "a")?, b"hell!!");
    Ok(())
}

fn content<D: Dir>(dir: &D, name: &str) -> Result<Vec<u8>, D::Error> {
    let file = dir.open(name)?;
    let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(0)];
    let count = file.read_at(0, &mut bytes)?;
    assert_eq!(count, bytes.len());
    Ok(bytes)
}
