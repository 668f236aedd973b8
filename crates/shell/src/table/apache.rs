//! The commands of Apache's client (3.9), with its usage lines.

use super::{Kind, MAYBE_PATH, NO_WORDS, Opt, PATH, Spec, Verb, Words};

const STAT: Opt = Opt::flag("s", "show the stat too");
const VERSION: Opt = Opt::value("v", "version", "only if this is the version");

/// What commands that want nothing leave open.
const PLAIN: Spec = Spec {
    verb: Verb::Version,
    name: "",
    others: &[],
    usage: "",
    summary: "",
    details: "",
    options: &[],
    exclusive: &[],
    words: NO_WORDS,
};

pub(super) const COMMANDS: &[Spec] = &[
    Spec {
        verb: Verb::AddWatch,
        name: "addWatch",
        usage: "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] \
                - default is PERSISTENT_RECURSIVE",
        summary: "Set a watch that stays",
        options: &[Opt::value("m", "mode", "PERSISTENT or PERSISTENT_RECURSIVE")],
        words: PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::AddAuth,
        name: "addauth",
        usage: "scheme auth",
        summary: "Claim an identity, as in `addauth digest user:password`",
        words: Words { min: 1, kinds: &[Kind::Text, Kind::Text] },
        ..PLAIN
    },
    Spec { verb: Verb::Close, name: "close", summary: "Close the session", ..PLAIN },
    Spec {
        verb: Verb::Config,
        name: "config",
        usage: "[-c] [-w] [-s]",
        summary: "Show the configuration of the ensemble",
        options: &[
            Opt::flag("c", "only its version and the addresses for clients"),
            Opt::flag("w", "set a watch"),
            STAT,
        ],
        ..PLAIN
    },
    Spec {
        verb: Verb::Connect,
        name: "connect",
        usage: "host:port",
        summary: "Open another session, at the same servers unless told others",
        words: Words { min: 0, kinds: &[Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::Create,
        name: "create",
        usage: "[-s] [-e] [-c] [-t ttl] path [data] [acl]",
        summary: "Create a znode",
        details: "An ACL is scheme:id:perms, several with commas between them; perms are letters \
                  of\ncdrwa: create, delete, read, write, admin.",
        options: &[
            Opt::flag("s", "append a counter to the name"),
            Opt::flag("e", "ephemeral: it goes with the session"),
            Opt::flag("c", "container: it goes some time after its last child"),
            Opt::value("t", "ttl", "it goes if it is not changed for so many ms"),
        ],
        words: Words { min: 1, kinds: &[Kind::Path, Kind::Text, Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::Delete,
        name: "delete",
        usage: "[-v version] path",
        summary: "Delete a znode without children",
        options: &[VERSION],
        words: Words { min: 1, kinds: &[Kind::Path, Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::DeleteAll,
        name: "deleteall",
        others: &["rmr"],
        usage: "path [-b batch size]",
        summary: "Delete a znode with all that is below it",
        details: "Asks first, and says how many znodes go; --yes answers, --dry-run only lists \
                  them.\nApache's znodes (/zookeeper) stay.",
        options: &[
            Opt::value("b", "size", "so many znodes in one transaction, default 1000"),
            Opt::flag("dry-run", "only list the znodes that would go"),
        ],
        words: PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::DelQuota,
        name: "delquota",
        usage: "[-n|-b|-N|-B] path",
        summary: "Take a quota away, or one limit of it",
        options: &[
            Opt::flag("n", "the soft limit of znodes"),
            Opt::flag("b", "the soft limit of bytes"),
            Opt::flag("N", "the hard limit of znodes"),
            Opt::flag("B", "the hard limit of bytes"),
        ],
        exclusive: &["n", "b", "N", "B"],
        words: PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::Get,
        name: "get",
        usage: "[-s] [-w] [-b] [-x] path",
        summary: "Show the data of a znode",
        options: &[
            Opt::flag("b", "Output data in base64 format"),
            Opt::flag("s", "Print znode stats additionally"),
            Opt::flag("w", "Watch for changes on the znode"),
            Opt::flag("x", "Output data in hexdump format"),
        ],
        words: Words { min: 1, kinds: &[Kind::Path, Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::GetAcl,
        name: "getAcl",
        usage: "[-s] path",
        summary: "Show who may do what to a znode",
        options: &[STAT],
        words: PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::GetAllChildrenNumber,
        name: "getAllChildrenNumber",
        usage: "path",
        summary: "Count the znodes below one, at any depth",
        words: PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::GetEphemerals,
        name: "getEphemerals",
        usage: "path",
        summary: "List the ephemerals of this session whose paths begin with a path",
        words: MAYBE_PATH,
        ..PLAIN
    },
    Spec { verb: Verb::History, name: "history", summary: "Show the last commands", ..PLAIN },
    Spec {
        verb: Verb::ListQuota,
        name: "listquota",
        usage: "path",
        summary: "Show a quota, and what it is used for",
        words: PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::Ls,
        name: "ls",
        usage: "[-s] [-w] [-R] path",
        summary: "List the children of a znode",
        options: &[
            Opt::flag("?", "help"),
            Opt::flag("R", "recurse"),
            Opt::flag("s", "stat"),
            Opt::flag("w", "watch"),
        ],
        words: Words { min: 1, kinds: &[Kind::Path, Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::PrintWatches,
        name: "printwatches",
        usage: "on|off",
        summary: "Print what watches tell, or do not",
        words: Words { min: 0, kinds: &[Kind::Switch] },
        ..PLAIN
    },
    Spec { verb: Verb::Quit, name: "quit", others: &["exit"], summary: "Leave", ..PLAIN },
    Spec {
        verb: Verb::Reconfig,
        name: "reconfig",
        usage: "[-s] [-v version] [[-file path] | \
                [-members serverID=host:port1:port2;port3[,...]*]] | \
                [-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
        summary: "Change who belongs to the ensemble",
        options: &[
            STAT,
            Opt::value("v", "version", "only if this is the configuration's version, in hex"),
            Opt::value("file", "path", "a file with the whole new membership"),
            Opt::value("members", "servers", "the whole new membership"),
            Opt::value("add", "servers", "who joins or changes"),
            Opt::value("remove", "ids", "who leaves"),
        ],
        ..PLAIN
    },
    Spec {
        verb: Verb::Redo,
        name: "redo",
        usage: "cmdno",
        summary: "Run a command again, by its number in the history",
        words: Words { min: 0, kinds: &[Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::RemoveWatches,
        name: "removewatches",
        usage: "path [-c|-d|-a] [-l]",
        summary: "Remove the watches of a znode",
        options: &[
            Opt::flag("c", "those of its children"),
            Opt::flag("d", "those of its data"),
            Opt::flag("p", "those that stay"),
            Opt::flag("r", "those that stay and are recursive"),
            Opt::flag("a", "all of them, the default"),
            Opt::flag("l", "even if no server is connected"),
        ],
        words: PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::Set,
        name: "set",
        usage: "path data [-s] [-v version] [-b]",
        summary: "Replace the data of a znode",
        options: &[
            Opt::flag("b", "Supply data in base64 format"),
            Opt::flag("s", "Print znode stats additionally"),
            Opt::value("v", "<arg>", "Set with an expected version"),
        ],
        words: Words { min: 2, kinds: &[Kind::Path, Kind::Text, Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::SetAcl,
        name: "setAcl",
        usage: "[-s] [-v version] [-R] path acl",
        summary: "Say who may do what to a znode",
        details: "An ACL is scheme:id:perms, several with commas between them; perms are letters \
                  of\ncdrwa: create, delete, read, write, admin. `acl` shows first what would \
                  change.",
        options: &[STAT, VERSION, Opt::flag("R", "of all znodes below it too")],
        words: Words { min: 2, kinds: &[Kind::Path, Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::SetQuota,
        name: "setquota",
        usage: "-n|-b|-N|-B val path",
        summary: "Limit how many znodes or bytes a subtree may have",
        options: &[
            Opt::value("n", "val", "the soft limit of znodes: more are logged by servers"),
            Opt::value("b", "val", "the soft limit of bytes"),
            Opt::value("N", "val", "the hard limit of znodes: more are refused"),
            Opt::value("B", "val", "the hard limit of bytes"),
        ],
        exclusive: &["n", "b", "N", "B"],
        words: PATH,
        ..PLAIN
    },
    Spec {
        verb: Verb::Stat,
        name: "stat",
        usage: "[-w] path",
        summary: "Show the stat of a znode",
        options: &[Opt::flag("w", "set a watch, even if there is no such znode")],
        words: Words { min: 1, kinds: &[Kind::Path, Kind::Text] },
        ..PLAIN
    },
    Spec {
        verb: Verb::Sync,
        name: "sync",
        usage: "path",
        summary: "Have the server catch up with its leader",
        words: PATH,
        ..PLAIN
    },
    Spec { verb: Verb::Version, name: "version", summary: "Show the version", ..PLAIN },
    Spec {
        verb: Verb::WhoAmI,
        name: "whoami",
        summary: "Show the identities of this connection",
        ..PLAIN
    },
];
