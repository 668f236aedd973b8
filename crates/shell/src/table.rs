//! The command table: what there is, how it is called and what it does. Parsing, help, completion and
//! the table in `docs/shell.md` all come from here.

mod apache;
mod own;

/// Which command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    AddAuth,
    AddWatch,
    Close,
    Config,
    Connect,
    Create,
    Delete,
    DeleteAll,
    DelQuota,
    Get,
    GetAcl,
    GetAllChildrenNumber,
    GetEphemerals,
    History,
    ListQuota,
    Ls,
    PrintWatches,
    Quit,
    Reconfig,
    Redo,
    RemoveWatches,
    Set,
    SetAcl,
    SetQuota,
    Stat,
    Sync,
    Version,
    WhoAmI,
    Acl,
    Cp,
    Diff,
    Du,
    Edit,
    Export,
    Find,
    Help,
    Import,
    Ls2,
    Mv,
    Tree,
    Watch,
}

/// A command.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) verb: Verb,
    pub(crate) name: &'static str,
    /// Other names, which Apache's client does not have, or has no longer.
    pub(crate) others: &'static [&'static str],
    /// What follows the name.
    pub(crate) usage: &'static str,
    /// One line of help.
    pub(crate) summary: &'static str,
    /// What else there is to say.
    pub(crate) details: &'static str,
    pub(crate) options: &'static [Opt],
    /// Of these options one at most may be given.
    pub(crate) exclusive: &'static [&'static str],
    pub(crate) words: Words,
}

/// An option of a command.
#[derive(Debug)]
pub(crate) struct Opt {
    /// Without dashes. A name of several letters takes two of them, but for those of Apache's
    /// `reconfig`, which take one.
    pub(crate) name: &'static str,
    /// What its value is; `None` if it has none.
    pub(crate) value: Option<&'static str>,
    pub(crate) about: &'static str,
}

impl Opt {
    const fn flag(name: &'static str, about: &'static str) -> Self {
        Self { name, value: None, about }
    }

    const fn value(name: &'static str, value: &'static str, about: &'static str) -> Self {
        Self { name, value: Some(value), about }
    }
}

/// The words of a command that are no options.
#[derive(Debug)]
pub(crate) struct Words {
    /// Fewer make no sense.
    pub(crate) min: usize,
    /// What each is, for completion. More than these are refused, but Apache passes over them.
    pub(crate) kinds: &'static [Kind],
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A znode's path.
    Path,
    /// A local file.
    File,
    /// A command's name.
    Command,
    /// `on` or `off`.
    Switch,
    /// Anything.
    Text,
}

const NO_WORDS: Words = Words { min: 0, kinds: &[] };
const PATH: Words = Words { min: 1, kinds: &[Kind::Path] };
const MAYBE_PATH: Words = Words { min: 0, kinds: &[Kind::Path] };

/// Options that every command takes, outside Apache's manner.
pub(crate) const COMMON: &[Opt] = &[
    Opt::flag("json", "print JSON, one object a line"),
    Opt::flag("yes", "do not ask before znodes are deleted or changed in numbers"),
    Opt::flag("help", "show help for the command"),
];

/// The commands of Apache's client, in its order.
pub(crate) fn apache() -> &'static [Spec] {
    apache::COMMANDS
}

/// The commands beyond it.
pub(crate) fn own() -> &'static [Spec] {
    own::COMMANDS
}

/// Every command.
pub(crate) fn all() -> impl Iterator<Item = &'static Spec> {
    apache().iter().chain(own())
}

/// Every name of every command.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().flat_map(|spec| std::iter::once(spec.name).chain(spec.others.iter().copied()))
}

/// The command of a name, by Apache's names only or by all.
pub(crate) fn find(name: &str, is_apache: bool) -> Option<&'static Spec> {
    match is_apache {
        true => apache().iter().find(|spec| spec.name == name),
        false => all().find(|spec| spec.name == name || spec.others.contains(&name)),
    }
}

impl Spec {
    /// The line that says how to call it. Apache's ends in a blank for a command without arguments.
    pub(crate) fn usage_line(&self) -> String {
        format!("{} {}", self.name, self.usage)
    }

    /// The help of the command.
    pub(crate) fn help(&self) -> String {
        let mut text = format!("{}\n\n  {}\n", self.usage_line().trim_end(), self.summary);
        if !self.details.is_empty() {
            text += &format!("  {}\n", self.details.replace('\n', "\n  "));
        }
        if !self.others.is_empty() {
            text += &format!("  Also called: {}\n", self.others.join(", "));
        }
        let shown = |opt: &Opt| match opt.value {
            None => dashed(opt.name, self),
            Some(value) => format!("{} {value}", dashed(opt.name, self)),
        };
        let width = self.options.iter().map(|opt| shown(opt).len()).max().unwrap_or(0);
        for opt in self.options {
            text += &format!("\n  {:width$}   {}", shown(opt), opt.about);
        }
        text.trim_end().to_owned()
    }
}

/// An option as it is typed.
pub(crate) fn dashed(name: &str, spec: &Spec) -> String {
    let is_single = name.len() == 1 || spec.verb == Verb::Reconfig;
    format!("{}{name}", if is_single { "-" } else { "--" })
}

/// The list of all commands.
pub(crate) fn overview() -> String {
    let width = all().map(|spec| spec.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (title, commands) in [("Apache's commands:", apache()), ("More:", own())] {
        text += &format!("{title}\n");
        for spec in commands {
            text += &format!("  {:width$}   {}\n", spec.name, spec.summary);
        }
    }
    text + "`help COMMAND` says more. Every command takes --json; --yes answers its questions."
}

/// What Apache's client prints for a command it does not know.
pub(crate) fn apache_usage() -> String {
    let mut text =
        "ZooKeeper -server host:port -client-configuration properties-file cmd args".to_owned();
    for spec in apache() {
        text += &format!("\n\t{}", spec.usage_line());
    }
    text
}

#[cfg(test)]
mod tests;
