//! `edit`: a znode's data in an editor.

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::shell::Shell;
use serde_json::json;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zoarium_client::Zxid;

/// `edit`.
pub(super) async fn run(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (path, client) = (call.path(), shell.client()?);
    let before = client.get(path).await?;
    let file = scratch(path, before.stat.mzxid, &before.data)?;
    edit(&file).await?;
    let after = fs::read(&file).map_err(|source| Failure::File { path: file.clone(), source })?;
    if after == before.data {
        forget(&file);
        let value = json!({ "path": path, "changed": false });
        return shell.say(&Reply::Lines { text: "unchanged".to_owned(), value });
    }
    match client.set(path, after).version(before.stat.version).await {
        Ok(stat) => {
            forget(&file);
            let text = format!("{path} has version {}", stat.version);
            let value = json!({ "path": path, "changed": true, "version": stat.version });
            shell.say(&Reply::Lines { text, value })
        }
        Err(error) => {
            let text = format!("what was typed is in {}", file.display());
            shell.say(&Reply::Warning(text))?;
            Err(error.into())
        }
    }
}

/// A file that only this user can read, with the data.
fn scratch(path: &str, version: Zxid, data: &[u8]) -> Result<PathBuf, Failure> {
    let name: String =
        path.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
    let name = format!("zoarium{name}.{version}.{}", std::process::id());
    let file = env::temp_dir().join(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .and_then(|mut open| open.write_all(data));
    match written {
        Ok(()) => Ok(file),
        Err(source) => Err(Failure::File { path: file, source }),
    }
}

/// Runs the editor, which may be a command with arguments, and waits for its end.
async fn edit(file: &Path) -> Result<(), Failure> {
    let editor = env::var("VISUAL").or_else(|_| env::var("EDITOR"));
    let editor = editor.unwrap_or_else(|_| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let failure = |source| Failure::File { path: program.into(), source };
    let mut command = tokio::process::Command::new(program);
    let status = command.args(words).arg(file).status().await.map_err(failure)?;
    match status.success() {
        true => Ok(()),
        false => Err(failure(io::Error::other(format!("{status}, nothing was set")))),
    }
}

fn forget(file: &Path) {
    // It is in the directory of temporary files.
    let _stays = fs::remove_file(file);
}
