//! Writing what was read from a subtree.

use super::{Content, PIPELINED};
use crate::failure::Failure;
use std::collections::BTreeSet;
use zoarium_client::{Acl, Client, Error, Failure as Unanswered, OpCode, Znode};

/// Znodes in one transaction.
const BATCH: usize = 100;

/// Bytes of data in one transaction; servers take requests of up to 1 MiB.
const BATCH_BYTES: usize = 512 << 10;

/// Which of these paths there are.
pub(crate) async fn exist(client: &Client, paths: &[String]) -> Result<BTreeSet<String>, Failure> {
    let mut there = BTreeSet::new();
    for chunk in paths.chunks(PIPELINED) {
        let looks: Vec<_> = chunk.iter().map(|path| client.exists(path.as_str()).send()).collect();
        for (path, look) in chunk.iter().zip(looks) {
            if look.await?.is_some() {
                there.insert(path.clone());
            }
        }
    }
    Ok(there)
}

/// Writes znodes at their paths: creates them, or, where `there` has the path, sets data and ACL.
/// What is done in one transaction is all done or not at all; the whole
/// is not.
pub(crate) async fn write_all(
    client: &Client,
    znodes: &[(String, &Content)],
    there: &BTreeSet<String>,
    mut progress: impl FnMut(usize),
) -> Result<(), Failure> {
    let mut rest = znodes;
    let mut done = 0;
    while !rest.is_empty() {
        let (batch, behind) = rest.split_at(batch_length(rest));
        let mut transaction = client.transaction();
        for (path, content) in batch {
            if there.contains(path) {
                let data = content.data.clone().unwrap_or_default().to_vec();
                transaction = transaction.set(path.as_str(), data);
            } else {
                transaction = transaction.create(znode(path, content)?);
            }
        }
        let written: Vec<&str> = batch.iter().map(|(path, _)| path.as_str()).collect();
        transaction.await.map_err(|error| named(error, &written))?;
        for (path, content) in batch.iter().filter(|(path, _)| there.contains(path)) {
            client.set_acl(path.as_str(), acl(content)?).await?;
        }
        done += batch.len();
        progress(done);
        rest = behind;
    }
    Ok(())
}

/// How many of these go into one transaction: one at least.
fn batch_length(znodes: &[(String, &Content)]) -> usize {
    let mut bytes = 0;
    let fits = |(path, content): &&(String, &Content)| {
        bytes += path.len() + content.data.as_ref().map_or(0, bytes::Bytes::len) + 100;
        bytes <= BATCH_BYTES
    };
    znodes.iter().take(BATCH).take_while(fits).count().max(1)
}

/// A znode like another one, at `path`.
pub(crate) fn znode<'a>(path: &'a str, content: &Content) -> Result<Znode<'a>, Failure> {
    let znode = Znode::new(path).lifetime(content.lifetime).acl(acl(content)?);
    Ok(match &content.data {
        Some(data) => znode.data(data.to_vec()),
        None => znode.no_data(),
    })
}

fn acl(content: &Content) -> Result<Acl, Failure> {
    Acl::new(content.acl.clone()).map_err(|error| Failure::Said(error.to_string()))
}

/// The failure of a transaction as that of the znode that it is about.
pub(crate) fn named(error: Error, paths: &[&str]) -> Failure {
    if let Error::Request { failure: Unanswered::Aborted { index, code }, .. } = error {
        let path = paths.get(index).copied().unwrap_or_default();
        return Failure::code(OpCode::Create2, path, code);
    }
    error.into()
}
