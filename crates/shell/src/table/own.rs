//! The commands beyond those of Apache's client.

use super::{Kind, MAYBE_PATH, Opt, PATH, Spec, Verb, Words};

const DRY_RUN: Opt = Opt::flag("dry-run", "only show what would be done");
const TWO_PATHS: Words = Words { min: 2, kinds: &[Kind::Path, Kind::Path] };
const OVERWRITE: Opt = Opt::flag("overwrite", "replace the data and ACLs of znodes that are there");

const PLAIN: Spec = Spec {
    verb: Verb::Help,
    name: "",
    others: &[],
    usage: "",
    summary: "",
    details: "",
    options: &[],
    exclusive: &[],
    words: PATH,
};

pub(super) const COMMANDS: &[Spec] = &[
    Spec {
        verb: Verb::Acl,
        name: "acl",
        usage: "[--dry-run] path acl",
        summary: "Set the ACL of a whole subtree, after a preview",
        details: "Shows each znode whose ACL differs, asks, and sets those only; one that has \
                  changed\nsince the preview is left as it is and named.",
        options: &[DRY_RUN],
        words: Words { min: 2, kinds: &[Kind::Path, Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::Cp,
        name: "cp",
        usage: "[--dry-run] [--overwrite] from to",
        summary: "Copy a subtree, data and ACLs; ephemerals are left out",
        options: &[DRY_RUN, OVERWRITE],
        words: TWO_PATHS,
        ..PLAIN
    },
    Spec {
        verb: Verb::Diff,
        name: "diff",
        usage: "[--with servers] [--acl] path [path]",
        summary: "Compare two subtrees, here or of two ensembles",
        details: "`-` is in the first only, `+` in the second only, `~` in both and different.\n\
                  Leaves with 1 if they differ.",
        options: &[
            Opt::value("with", "servers", "the second subtree is in this ensemble"),
            Opt::flag("acl", "compare the ACLs too"),
        ],
        words: Words { min: 1, kinds: &[Kind::Path, Kind::Path] },
        ..PLAIN
    },
    Spec {
        verb: Verb::Du,
        name: "du",
        usage: "[path]",
        summary: "Count znodes and bytes below each child, the largest first",
        words: MAYBE_PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::Edit,
        name: "edit",
        usage: "path",
        summary: "Edit the data of a znode in $EDITOR",
        details: "It is set only if nobody has changed it meanwhile; what was typed is kept then.",
        words: PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::Export,
        name: "export",
        usage: "path [file]",
        summary: "Write a subtree as JSON, to a file or standard output",
        words: Words { min: 1, kinds: &[Kind::Path, Kind::File] },
        ..PLAIN
    },
    Spec {
        verb: Verb::Find,
        name: "find",
        usage: "[--name glob] [--data text] [--older age] [--newer age] [--larger bytes] \
                [--owner session] [--acl text] [path]",
        summary: "Find znodes by name, data, age, size, owner or ACL",
        details: "An age is a number and ms, s, m, h, d or w, as in --older 30d.",
        options: &[
            Opt::value("name", "glob", "the name matches, with * and ?"),
            Opt::value("data", "text", "the data contains it"),
            Opt::value("older", "age", "last changed longer ago"),
            Opt::value("newer", "age", "last changed more recently"),
            Opt::value("larger", "bytes", "more data"),
            Opt::value("owner", "session", "ephemerals of this session (hex), or of `any`"),
            Opt::value("acl", "text", "the ACL contains it, as in world:anyone or :cdrwa"),
        ],
        words: MAYBE_PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::Help,
        name: "help",
        usage: "[command]",
        summary: "Show all commands, or what there is to say about one",
        words: Words { min: 0, kinds: &[Kind::Command] },
        ..PLAIN
    },
    Spec {
        verb: Verb::Import,
        name: "import",
        usage: "[--dry-run] [--overwrite] file [path]",
        summary: "Create the znodes of an export, where they were or at another path",
        options: &[DRY_RUN, OVERWRITE],
        words: Words { min: 1, kinds: &[Kind::File, Kind::Path] },
        ..PLAIN
    },
    Spec {
        verb: Verb::Ls2,
        name: "ls2",
        usage: "path [watch]",
        summary: "List children with the stat, as `ls -s`",
        words: Words { min: 1, kinds: &[Kind::Path, Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::Mv,
        name: "mv",
        usage: "[--dry-run] from to",
        summary: "Move a subtree; a small one in a single transaction",
        details: "A znode that somebody changes meanwhile is not deleted.",
        options: &[DRY_RUN],
        words: TWO_PATHS,
        ..PLAIN
    },
    Spec {
        verb: Verb::Tree,
        name: "tree",
        usage: "[-s] [--depth n] [path]",
        summary: "Show a subtree as a tree",
        options: &[
            Opt::flag("s", "show bytes of data and versions"),
            Opt::value("depth", "n", "so many levels only"),
        ],
        words: MAYBE_PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::Watch,
        name: "watch",
        usage: "[--data] [--count n] [--for time] path",
        summary: "Log what happens to a subtree, until Ctrl-C",
        options: &[
            Opt::flag("data", "show the new data too"),
            Opt::value("count", "n", "stop after so many changes"),
            Opt::value("for", "time", "stop after so long, as in 30s or 5m"),
        ],
        words: PATH,
        ..PLAIN
    },
];
