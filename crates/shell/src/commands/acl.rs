//! Commands that look at ACLs and set them.

use crate::acl_text::{line, parse};
use crate::call::{Call, Manner};
use crate::commands::write::{say_stat, version};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::shell::Shell;
use crate::subtree;
use serde_json::json;
use zoarium_client::acl::AclEntry;
use zoarium_client::{Acl, Client, ErrorCode, OpCode};

/// Requests under way at a time.
const PIPELINED: usize = 100;

/// The ACL that was typed. Apache's client goes on with what it could read, and says what it could
/// not; ours does nothing with such a list.
pub(super) fn typed_acl(shell: &Shell, op: OpCode, path: &str, text: &str) -> Result<Acl, Failure> {
    Ok(typed(shell, op, path, text)?.1)
}

fn typed(
    shell: &Shell,
    op: OpCode,
    path: &str,
    text: &str,
) -> Result<(Vec<AclEntry>, Acl), Failure> {
    let (entries, faults) = parse(text);
    match shell.ways.manner {
        Manner::Own => {
            if let Some(fault) = faults.first() {
                return Err(Failure::Said(fault.to_string()));
            }
        }
        Manner::Apache => {
            for fault in &faults {
                shell.say(&Reply::Warning(fault.to_string()))?;
            }
            if entries.is_empty() {
                return Err(Failure::NoAcl);
            }
        }
    }
    match (Acl::new(entries.clone()), shell.ways.manner) {
        (Ok(acl), _) => Ok((entries, acl)),
        // Apache's client leaves it to the server to refuse it.
        (Err(_), Manner::Apache) => Err(Failure::code(op, path, ErrorCode::InvalidAcl)),
        (Err(error), Manner::Own) => Err(Failure::Said(error.to_string())),
    }
}

/// `getAcl`.
pub(super) async fn get(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (acl, stat) = shell.client()?.acl(call.path()).await?;
    let (path, with_stat) = (call.path().to_owned(), call.has("s"));
    shell.say(&Reply::Acl { path, acl, stat, with_stat })
}

/// `setAcl`.
pub(super) async fn set(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (path, client) = (call.path(), shell.client()?);
    let acl = typed_acl(shell, OpCode::SetAcl, path, call.word(1).unwrap_or_default())?;
    let version = version(call, "v")?;
    if !call.has("R") {
        let stat = set_one(&client, path, acl, version).await?;
        return say_stat(shell, call, path, stat);
    }
    let paths = subtree::paths(&client, path).await?;
    if shell.ways.manner == Manner::Own {
        shell.confirm(&format!("setAcl -R {path} sets the ACL of {} znodes", paths.len()))?;
    }
    for path in &paths {
        let stat = set_one(&client, path, acl.clone(), version).await?;
        say_stat(shell, call, path, stat)?;
    }
    Ok(())
}

async fn set_one(
    client: &Client,
    path: &str,
    acl: Acl,
    version: Option<i32>,
) -> Result<zoarium_client::Stat, Failure> {
    let set = client.set_acl(path, acl);
    Ok(match version {
        Some(version) => set.version(version).await?,
        None => set.await?,
    })
}

/// `acl`: a whole subtree, after a preview.
pub(super) async fn set_all(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let (path, client) = (call.path(), shell.client()?);
    let (wanted, acl) = typed(shell, OpCode::SetAcl, path, call.word(1).unwrap_or_default())?;
    let mut paths = subtree::paths(&client, path).await?;
    // The root and Apache's znodes are changed only by name.
    paths.retain(|found| found == path || !subtree::is_reserved(found));
    let mut differing = Vec::new();
    for chunk in paths.chunks(PIPELINED) {
        let reads: Vec<_> = chunk.iter().map(|path| client.acl(path.as_str()).send()).collect();
        for (path, read) in chunk.iter().zip(reads) {
            let (present, stat) = read.await?;
            if present != wanted {
                let text = format!("{path}: {} -> {}", line(&present), line(&wanted));
                let value = json!({ "path": path, "from": line(&present), "to": line(&wanted) });
                shell.say(&Reply::Lines { text, value })?;
                differing.push((path, stat.aversion));
            }
        }
    }
    if call.has("dry-run") || differing.is_empty() {
        return Ok(());
    }
    shell.confirm(&format!("acl {path} sets the ACL of {} znodes", differing.len()))?;
    let mut changed = 0;
    for chunk in differing.chunks(PIPELINED) {
        let set = |(path, version): &(&String, i32)| {
            client.set_acl(path.as_str().to_owned(), acl.clone()).version(*version).send()
        };
        let sets: Vec<_> = chunk.iter().map(set).collect();
        for ((path, _), set) in chunk.iter().zip(sets) {
            match set.await {
                Ok(_) => changed += 1,
                Err(error) if error.is_bad_version() || error.is_no_node() => {
                    shell.say(&Reply::Warning(format!(
                        "{path}: changed meanwhile, left as it is"
                    )))?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    let text = format!("{changed} changed");
    shell.say(&Reply::Lines { text, value: json!({ "changed": changed }) })
}
