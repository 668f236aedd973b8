//! The watches that a client has to set again when it comes back to its session.

use super::{Ask, Reply};
use std::collections::BTreeSet;
use zoarium_proto::jute::{length, put_text};
use zoarium_proto::{ErrorCode, EventType};

/// Paths by kind, as setWatches lists them.
#[derive(Debug, Default)]
pub(super) struct Watches {
    data: BTreeSet<String>,
    exist: BTreeSet<String>,
    child: BTreeSet<String>,
    persistent: BTreeSet<String>,
}

impl Watches {
    /// Notes the watch that a request has set.
    pub(super) fn replied(&mut self, ask: &Ask, reply: &Reply) {
        let is_error = matches!(reply, Reply::Error(_));
        let is_missing = *reply == Reply::Error(ErrorCode::NoNode.to_wire());
        let (paths, path) = match ask {
            Ask::Get { path, watch: true } if !is_error => (&mut self.data, path),
            Ask::Exists { path, watch: true } if !is_error => (&mut self.data, path),
            Ask::Exists { path, watch: true } if is_missing => (&mut self.exist, path),
            Ask::List { path, watch: true } if !is_error => (&mut self.child, path),
            Ask::WatchAlways { path } if !is_error => (&mut self.persistent, path),
            Ask::Create { .. }
            | Ask::CreateSequential { .. }
            | Ask::Set { .. }
            | Ask::Delete { .. }
            | Ask::SetBoth { .. }
            | Ask::GetBoth { .. }
            | Ask::Get { .. }
            | Ask::Exists { .. }
            | Ask::List { .. }
            | Ask::WatchAlways { .. }
            | Ask::Sync
            | Ask::CloseSession => return,
        };
        paths.insert(path.clone());
    }

    /// Forgets the one-shot watches that an event has used up.
    pub(super) fn fired(&mut self, kind: EventType, path: &str) {
        if kind != EventType::NodeChildrenChanged {
            self.data.remove(path);
            self.exist.remove(path);
        }
        if matches!(kind, EventType::NodeChildrenChanged | EventType::NodeDeleted) {
            self.child.remove(path);
        }
    }

    /// The record of a setWatches2; none if there is nothing to set.
    pub(super) fn set_again(&self, last_zxid: i64) -> Option<Vec<u8>> {
        let recursive = BTreeSet::new();
        let all = [&self.data, &self.exist, &self.child, &self.persistent, &recursive];
        if all.iter().all(|paths| paths.is_empty()) {
            return None;
        }
        let mut out = last_zxid.to_be_bytes().to_vec();
        for paths in all {
            out.extend(length(paths.len()).to_be_bytes());
            paths.iter().for_each(|path| put_text(&mut out, path));
        }
        Some(out)
    }
}
