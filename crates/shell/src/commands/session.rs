//! Commands about the session, the history and the shell itself.

use crate::call::{Call, Manner};
use crate::failure::Failure;
use crate::nearest::nearest;
use crate::reply::Reply;
use crate::shell::Shell;
use crate::table::{self, Spec, find};
use crate::words::words;
use serde_json::json;

/// Lines that `history` shows.
const SHOWN: usize = 11;

/// The version of Apache's client whose output ours has.
const APACHE: &str = "3.9.5";

/// `addauth`.
pub(super) async fn addauth(shell: &mut Shell, call: &Call) -> Result<(), Failure> {
    let scheme = call.word(0).unwrap_or_default().to_owned();
    let credentials = call.word(1).unwrap_or_default().to_owned();
    let claimed = shell.client()?.authenticate(scheme.clone(), credentials.clone()).await;
    match (claimed, shell.ways.manner) {
        (Ok(()), _) => {
            shell.target.auths.push((scheme.clone(), credentials));
            let value = json!({ "authenticated": scheme });
            shell.say(&Reply::Lines { text: String::new(), value })
        }
        // Apache's client does not wait for the answer; its end shows in what follows.
        (Err(_), Manner::Apache) => Ok(()),
        (Err(error), Manner::Own) => Err(error.into()),
    }
}

/// `whoami`.
pub(super) async fn who_am_i(shell: &Shell) -> Result<(), Failure> {
    let identities = shell.client()?.who_am_i().await?;
    shell.say(&Reply::Identities(identities))
}

/// `close`.
pub(super) async fn close(shell: &mut Shell) -> Result<(), Failure> {
    shell.close().await;
    Ok(())
}

/// `connect`.
pub(super) async fn connect(shell: &mut Shell, call: &Call) -> Result<(), Failure> {
    shell.close().await;
    if let Some(servers) = call.word(0) {
        servers.clone_into(&mut shell.target.servers);
    }
    if shell.ways.manner == Manner::Apache {
        // Another session has none of the identities of the last.
        shell.target.auths.clear();
    }
    shell.open()?;
    match shell.target.waits {
        true => shell.ready().await,
        false => Ok(()),
    }
}

/// `quit`.
pub(super) async fn quit(shell: &mut Shell) -> Result<(), Failure> {
    shell.has_quit = true;
    shell.close().await;
    Ok(())
}

/// `history`.
pub(super) fn history(shell: &Shell) -> Result<(), Failure> {
    if shell.history.next() == 0 && shell.ways.manner == Manner::Apache {
        // A single command has no history; Apache's client shows that so.
        let value = json!({ "history": [] });
        return shell.say(&Reply::Lines { text: "0 - null".to_owned(), value });
    }
    for (number, line) in shell.history.last(SHOWN) {
        let value = json!({ "number": number, "line": line });
        shell.say(&Reply::Lines { text: format!("{number} - {line}"), value })?;
    }
    Ok(())
}

/// What `redo` is to do again; nothing, if Apache's client does nothing.
pub(crate) fn redone(shell: &mut Shell, call: &Call) -> Result<Option<Vec<String>>, Failure> {
    let said = |text: &str| Err(Failure::Said(text.to_owned()));
    let Some(number) = call.word(0) else {
        return match shell.ways.manner {
            Manner::Apache => Ok(None),
            Manner::Own => Err(Failure::Usage { spec: call.spec }),
        };
    };
    let line = number.parse().ok().and_then(|number| shell.history.line(number));
    let Some(line) = line.map(str::to_owned) else { return said("Command index out of range") };
    let words: Vec<String> = words(&line).into_iter().map(|word| word.text).collect();
    if words.first().is_some_and(|name| name == "redo") {
        return said("No redoing redos");
    }
    // The history shows what was done, not that it was done again.
    shell.history.replace_last(line);
    Ok(Some(words))
}

/// `version`.
pub(super) fn version(shell: &Shell, call: &Call) -> Result<(), Failure> {
    if call.word(0).is_some() {
        return Err(Failure::Usage { spec: call.spec });
    }
    let own = env!("CARGO_PKG_VERSION");
    let text = match shell.ways.manner {
        Manner::Apache => format!("ZooKeeper CLI version: {APACHE}-zoarium-{own}"),
        Manner::Own => format!("zoarium {own}, with the commands of Apache's {APACHE}"),
    };
    let value = json!({ "version": own, "apache": APACHE });
    shell.say(&Reply::Lines { text, value })
}

/// `help`.
pub(super) fn help_on(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let Some(name) = call.word(0) else {
        let text = table::overview();
        let names: Vec<&str> = table::all().map(|spec| spec.name).collect();
        return shell.say(&Reply::Lines { text, value: json!({ "commands": names }) });
    };
    match find(name, false) {
        Some(spec) => help(shell, spec),
        None => {
            let nearest = nearest(name, table::names());
            Err(Failure::Unknown { name: name.to_owned(), nearest })
        }
    }
}

/// The help of a command.
pub(crate) fn help(shell: &Shell, spec: &Spec) -> Result<(), Failure> {
    let options: Vec<_> = spec
        .options
        .iter()
        .map(|opt| json!({ "name": opt.name, "value": opt.value, "about": opt.about }))
        .collect();
    let value = json!({
        "name": spec.name,
        "usage": spec.usage_line().trim_end(),
        "summary": spec.summary,
        "options": options,
    });
    shell.say(&Reply::Lines { text: spec.help(), value })
}
