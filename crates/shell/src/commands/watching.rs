//! Commands about watches.

use crate::call::{Call, Manner};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::shell::Shell;
use crate::watches::Watching;
use serde_json::json;
use zoarium_client::{ErrorCode, OpCode};

/// `addWatch`.
pub(super) async fn add(shell: &mut Shell, call: &Call) -> Result<(), Failure> {
    let is_persistent = match call.value("m").map(str::to_uppercase).as_deref() {
        Some("PERSISTENT") => true,
        Some("PERSISTENT_RECURSIVE") => false,
        Some(_) => return Err(Failure::Usage { spec: call.spec }),
        // Apache's client goes on with the mode it was given last, whatever its usage line says.
        None => shell.last_mode_is_persistent && shell.ways.manner == Manner::Apache,
    };
    shell.last_mode_is_persistent = is_persistent;
    let watch = shell.client()?.watch(call.path());
    let (watching, watch) = match is_persistent {
        true => (Watching::Persistent, watch),
        false => (Watching::Recursive, watch.recursive()),
    };
    let watch = match shell.ways.manner {
        Manner::Own => watch.across_sessions().await?,
        Manner::Apache => watch.await?,
    };
    shell.watches.add_stays(call.path(), watching, watch);
    shell.say(&Reply::Done { path: call.path().to_owned() })
}

/// `removewatches`.
pub(super) fn remove(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let mut wanted = Vec::new();
    for (flag, watching) in [
        ("c", Watching::Children),
        ("d", Watching::Data),
        ("p", Watching::Persistent),
        ("r", Watching::Recursive),
    ] {
        if call.has(flag) {
            wanted.push(watching);
        }
    }
    if wanted.is_empty() || call.has("a") {
        wanted =
            vec![Watching::Children, Watching::Data, Watching::Persistent, Watching::Recursive];
    }
    match shell.watches.remove(call.path(), &wanted) {
        true => shell.say(&Reply::Done { path: call.path().to_owned() }),
        false => Err(Failure::code(OpCode::RemoveWatches, call.path(), ErrorCode::NoWatcher)),
    }
}

/// `printwatches`.
pub(super) fn printing(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let turn = call.word(0).map(|word| word == "on");
    let is_on = shell.watches.printing(turn);
    let text = match turn {
        Some(_) => String::new(),
        None => format!("printwatches is {}", if is_on { "on" } else { "off" }),
    };
    shell.say(&Reply::Lines { text, value: json!({ "printwatches": is_on }) })
}
