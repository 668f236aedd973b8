//! The requests that the tests make.

use crate::client::Request;
use zoarium_proto::OpCode;

pub(crate) const EPHEMERAL: i32 = 1;

/// Appends a string or buffer.
fn put(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
    body.extend_from_slice(bytes);
}

fn path_and(path: &str, rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    put(&mut body, path.as_bytes());
    body.extend_from_slice(rest);
    body
}

/// Open to everybody.
pub(crate) fn create(path: &str, data: &[u8], flags: i32) -> Request {
    let mut body = Vec::new();
    put(&mut body, path.as_bytes());
    put(&mut body, data);
    body.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 31]);
    put(&mut body, b"world");
    put(&mut body, b"anyone");
    body.extend_from_slice(&flags.to_be_bytes());
    (OpCode::Create, body)
}

/// Whatever the version is.
pub(crate) fn delete(path: &str) -> Request {
    (OpCode::Delete, path_and(path, &(-1_i32).to_be_bytes()))
}

/// Whatever the version is.
pub(crate) fn set_data(path: &str, data: &[u8]) -> Request {
    let mut body = path_and(path, &[]);
    put(&mut body, data);
    body.extend_from_slice(&(-1_i32).to_be_bytes());
    (OpCode::SetData, body)
}

pub(crate) fn get_data(path: &str, watch: bool) -> Request {
    (OpCode::GetData, path_and(path, &[watch.into()]))
}

pub(crate) fn exists(path: &str, watch: bool) -> Request {
    (OpCode::Exists, path_and(path, &[watch.into()]))
}

pub(crate) fn get_children(path: &str) -> Request {
    (OpCode::GetChildren, path_and(path, &[0]))
}

/// A persistent watch on this znode and all below.
pub(crate) fn watch_below(path: &str) -> Request {
    (OpCode::AddWatch, path_and(path, &1_i32.to_be_bytes()))
}

pub(crate) fn close_session() -> Request {
    (OpCode::CloseSession, Vec::new())
}

/// A multi, or of reads a multiRead.
pub(crate) fn multi(op: OpCode, parts: &[Request]) -> Request {
    let mut body = Vec::new();
    for (op, part) in parts {
        body.extend_from_slice(&(*op as i32).to_be_bytes());
        body.push(0);
        body.extend_from_slice(&(-1_i32).to_be_bytes());
        body.extend_from_slice(part);
    }
    body.extend_from_slice(&(-1_i32).to_be_bytes());
    body.push(1);
    body.extend_from_slice(&(-1_i32).to_be_bytes());
    (op, body)
}
