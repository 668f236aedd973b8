//! Commands that change znodes.

use crate::call::{Call, Manner};
use crate::commands::acl::typed_acl;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::shell::Shell;
use crate::subtree;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::json;
use std::time::Duration;
use zoarium_client::{Error, Failure as Unanswered, Lifetime, OpCode, Stat};

/// The longest time to live, ms: 2^40 − 1.
const TTL_MS_MAX: i64 = 0xFF_FFFF_FFFF;

/// Znodes that `deleteall` deletes in one transaction.
const BATCH: i64 = 1000;

/// `create`.
pub(super) async fn create(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let lifetime = lifetime(call)?;
    let client = shell.client()?;
    let mut create = client.create(call.path());
    create = match call.word(1) {
        Some(data) => create.data(data.as_bytes()),
        None => create.no_data(),
    };
    if let Some(text) = call.word(2) {
        let acl = typed_acl(shell, OpCode::Create2, call.path(), text);
        if let (Err(Failure::NoAcl), Manner::Apache) = (&acl, shell.ways.manner) {
            shell.say(&Reply::Warning("KeeperErrorCode = InvalidACL".to_owned()))?;
        }
        create = create.acl(acl?);
    }
    create = match lifetime {
        Lifetime::Persistent => create,
        Lifetime::Ephemeral => create.ephemeral(),
        Lifetime::Container => create.container(),
        Lifetime::Ttl(ttl) => create.ttl(ttl),
    };
    if call.has("s") {
        create = create.sequential();
    }
    let created = create.await?;
    shell.say(&Reply::Created { path: created.path, stat: created.stat })
}

fn lifetime(call: &Call) -> Result<Lifetime, Failure> {
    let said = |text: &str| Err(Failure::Said(text.to_owned()));
    if call.has("c") && (call.has("s") || call.has("e")) {
        return said(
            "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.",
        );
    }
    let Some(text) = call.value("t") else {
        return Ok(match (call.has("e"), call.has("c")) {
            (true, _) => Lifetime::Ephemeral,
            (false, true) => Lifetime::Container,
            (false, false) => Lifetime::Persistent,
        });
    };
    let Ok(ttl_ms) = text.parse::<i64>() else {
        return said("-t argument must be a long value");
    };
    if call.has("e") {
        return said("TTLs cannot be used with Ephemeral znodes");
    }
    if call.has("c") {
        return said("TTLs cannot be used with Container znodes");
    }
    match u64::try_from(ttl_ms) {
        Ok(ttl) if (1..=TTL_MS_MAX).contains(&ttl_ms) => {
            Ok(Lifetime::Ttl(Duration::from_millis(ttl)))
        }
        _ => Err(Failure::Said(format!(
            "ttl must be positive and cannot be larger than: {TTL_MS_MAX}"
        ))),
    }
}

/// The version that is typed; Apache's −1 is none.
pub(super) fn version(call: &Call, name: &'static str) -> Result<Option<i32>, Failure> {
    Ok(call.number::<i32>(name)?.filter(|version| *version != -1))
}

/// `set`.
pub(super) async fn set(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (path, typed) = (call.path(), call.word(1).unwrap_or_default());
    let data = if call.has("b") {
        let wrong = |_| Failure::Value { what: "base64".to_owned(), text: typed.to_owned() };
        let decoded = STANDARD.decode(typed).or_else(|_| STANDARD_NO_PAD.decode(typed));
        decoded.map_err(wrong)?
    } else {
        typed.as_bytes().to_vec()
    };
    // Up to 3.4 the version was the third word. Apache's client has passed over it since.
    let old = match (call.word(2), shell.ways.manner) {
        (Some(text), Manner::Own) => Some(old_version(text)?),
        (Some(_), Manner::Apache) | (None, _) => None,
    };
    let client = shell.client()?;
    let mut set = client.set(path, data);
    if let Some(version) = version(call, "v")?.or(old) {
        set = set.version(version);
    }
    let stat = set.await?;
    say_stat(shell, call, path, stat)
}

fn old_version(text: &str) -> Result<i32, Failure> {
    let wrong = |_| Failure::Value { what: "a version".to_owned(), text: text.to_owned() };
    text.parse().map_err(wrong)
}

/// Says the stat after a change, if it was asked for.
pub(super) fn say_stat(shell: &Shell, call: &Call, path: &str, stat: Stat) -> Result<(), Failure> {
    shell.say(&Reply::Stat { path: path.to_owned(), stat, is_shown: call.has("s") })
}

/// `delete`.
pub(super) async fn delete(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let path = call.path();
    let mut version = version(call, "v")?;
    if let Some(old) = call.word(1) {
        let text = "'delete path [version]' has been deprecated. Please use \
                    'delete [-v version] path' instead.";
        shell.say(&Reply::Warning(text.to_owned()))?;
        // Apache's client passes over the version. Whoever types one does not mean that.
        if shell.ways.manner == Manner::Own {
            version = Some(old_version(old)?);
        }
    }
    let client = shell.client()?;
    let delete = client.delete(path);
    match version {
        Some(version) => delete.version(version).await?,
        None => delete.await?,
    }
    shell.say(&Reply::Done { path: path.to_owned() })
}

/// `deleteall`.
pub(super) async fn delete_all(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (path, client) = (call.path(), shell.client()?);
    let batch = call.number::<i64>("b")?.unwrap_or(BATCH);
    let mut paths = subtree::paths(&client, path).await?;
    if shell.ways.manner == Manner::Own {
        paths.retain(|path| !subtree::is_reserved(path));
        if call.has("dry-run") {
            for path in &paths {
                shell.say(&Reply::Path { path: path.clone() })?;
            }
            return Ok(());
        }
        shell.confirm(&format!("deleteall {path} deletes {} znodes", paths.len()))?;
    }
    // What is below comes behind what is above it, and is deleted first.
    paths.reverse();
    let all = paths.len();
    let mut done = 0;
    for chunk in paths.chunks(usize::try_from(batch).unwrap_or(0).max(1)) {
        let mut transaction = client.transaction();
        for path in chunk {
            transaction = transaction.delete(path.as_str());
        }
        if let Err(error) = transaction.await {
            return Err(match (shell.ways.manner, error.code()) {
                (Manner::Apache, Some(_)) => {
                    let text = "Failed to delete some node(s) in the subtree!";
                    Failure::Said(text.to_owned())
                }
                (_, Some(code)) => Failure::code(OpCode::Delete, culprit(&error, chunk), code),
                (_, None) => error.into(),
            });
        }
        done += chunk.len();
        shell.progress("deleted", done, all);
    }
    shell.say(&Reply::Lines { text: String::new(), value: json!({ "deleted": all }) })
}

/// Which part of a transaction was refused.
fn culprit<'a>(error: &Error, paths: &'a [String]) -> &'a str {
    let index = if let Error::Request { failure: Unanswered::Aborted { index, .. }, .. } = error {
        *index
    } else {
        0
    };
    paths.get(index).map_or("", String::as_str)
}
