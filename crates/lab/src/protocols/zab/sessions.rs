//! Sessions and their ephemeral znodes, as far as commands tell: `S+/e` is session S making the
//! znode /e. A leader turns the end of a session into a transaction that says what it deletes,
//! computed from its own state: what a primary is for.

use crate::said::Value;

/// The transaction that closes a session, or nothing if that is proposed already. `history` is all
/// that was proposed before it.
pub(super) fn close(session: &Value, history: &[Value]) -> Option<Value> {
    let close = format!("close {session}");
    if history.iter().any(|command| command.as_str().starts_with(&close)) {
        return None;
    }
    let made_by = format!("{session}+");
    let made = history.iter().filter_map(|command| command.as_str().strip_prefix(&made_by));
    let deletes: String = made.map(|path| format!(" -{path}")).collect();
    Some(Value::from((close + &deletes).as_str()))
}
