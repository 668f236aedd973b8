//! Setting the watches of an earlier connection again.

use super::{Kind, Watches};
use crate::request::{put_request, put_texts};
use alloc::vec::Vec;
use bytes::BufMut;
use zoarium_proto::{OpCode, Xid, Zxid};

/// Bytes of paths in one request, so that no request is longer than servers take
/// (`ClientCnxn.SET_WATCHES_MAX_LENGTH`, ZOOKEEPER-706).
const PATHS_BYTES_MAX: usize = 128 * 1024;

impl Watches {
    /// Appends the requests that set all watches again, and make up for what one-shot watches have
    /// missed since `seen`; the result is how many requests.
    pub(crate) fn set_again(&mut self, seen: Zxid, out: &mut Vec<u8>) -> u32 {
        let mut requests = 0;
        let mut chunk = Chunk::default();
        for (path, here) in &mut self.paths {
            for kind in Kind::ALL {
                if !here.entries.iter().any(|entry| entry.kind == kind) {
                    continue;
                }
                here.on_server.add(kind.on_server());
                if chunk.bytes + path.len() > PATHS_BYTES_MAX {
                    requests += chunk.put(seen, out);
                    chunk = Chunk::default();
                }
                chunk.add(kind, path);
            }
            // Each is asked for by itself, and on the servers where only the last one counts the
            // persistent ones come last.
            here.entries.iter_mut().for_each(|entry| entry.covered = false);
        }
        requests + chunk.put(seen, out)
    }
}

/// Paths of one request, by kind.
#[derive(Default)]
struct Chunk<'a> {
    lists: [Vec<&'a str>; 5],
    bytes: usize,
}

impl<'a> Chunk<'a> {
    fn add(&mut self, kind: Kind, path: &'a str) {
        self.lists[kind as usize].push(path);
        self.bytes += 4 + path.len();
    }

    /// Appends the request, unless it would be empty. Servers before 3.6 know setWatches only.
    fn put(&self, seen: Zxid, out: &mut Vec<u8>) -> u32 {
        if self.lists.iter().all(Vec::is_empty) {
            return 0;
        }
        let has_persistent = self.lists[3..].iter().any(|list| !list.is_empty());
        let (op, count) = match has_persistent {
            true => (OpCode::SetWatches2, 5),
            false => (OpCode::SetWatches, 3),
        };
        put_request(out, Xid::SET_WATCHES, op, |out| {
            out.put_i64(seen.to_wire());
            for list in &self.lists[..count] {
                put_texts(out, list.iter().copied());
            }
        });
        1
    }
}
