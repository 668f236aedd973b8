//! Which znodes a transaction names, found without decoding the rest of it.

use std::ops::ControlFlow;

use zoarium_proto::{DecodeError, OpCode, Reader};

/// Shows each path that a txn of type `kind` names to `visit`, until it has seen enough; the parts
/// of a multi too, and the ephemerals of a closing session. The paths of a multi that failed are
/// not in the log.
///
/// # Errors
/// If the record ends too early.
pub fn each_path(
    kind: i32,
    body: &[u8],
    visit: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, DecodeError> {
    let mut reader = Reader::new(body);
    match OpCode::from_wire(kind) {
        Some(op) if names_path_first(op) => {
            return Ok(reader.text()?.map_or(ControlFlow::Continue(()), |path| visit(&path)));
        }
        Some(OpCode::CloseSession) => {
            // In old logs there is no list, perhaps a digest in its place: what is too short is no
            // list.
            if body.len() < 4 || is_digest(body) {
                return Ok(ControlFlow::Continue(()));
            }
            for _ in 0..reader.count()?.unwrap_or(0) {
                if let Some(path) = reader.text()?
                    && visit(&path).is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Some(OpCode::Multi) => {
            for _ in 0..reader.count()?.unwrap_or(0) {
                let kind = reader.int()?;
                let part = reader.buffer()?.unwrap_or_default();
                // A multi inside a multi does not exist.
                if kind != OpCode::Multi.to_wire() && each_path(kind, part, visit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Some(_) | None => {}
    }
    Ok(ControlFlow::Continue(()))
}

/// Whether any path that a txn names is `wanted`'s.
///
/// # Errors
/// As [`each_path`].
pub fn names_any(
    kind: i32,
    body: &[u8],
    wanted: &dyn Fn(&str) -> bool,
) -> Result<bool, DecodeError> {
    let mut is_wanted = |path: &str| {
        if wanted(path) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    Ok(each_path(kind, body, &mut is_wanted)?.is_break())
}

const fn names_path_first(op: OpCode) -> bool {
    matches!(
        op,
        OpCode::Create
            | OpCode::Create2
            | OpCode::CreateContainer
            | OpCode::CreateTtl
            | OpCode::Delete
            | OpCode::DeleteContainer
            | OpCode::SetData
            | OpCode::SetAcl
            | OpCode::Reconfig
            | OpCode::Check
    )
}

/// Whether a digest stands where a closing session's list should be: version 2 and a long. As a
/// list it would be two paths in eight bytes.
fn is_digest(body: &[u8]) -> bool {
    body.len() == 12 && body.starts_with(&[0, 0, 0, 2])
}
