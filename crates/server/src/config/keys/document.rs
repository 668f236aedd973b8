//! Writes the key table as Markdown, for `docs/configuration.md`.

use super::other::{REFUSED, WITHOUT_EFFECT};
use super::{FAMILIES, KnownKey, Place, SUBJECTS};
use std::fmt::Write as _;

const INTRODUCTION: &str = "\
# Configuration

`zoarium server [-Dname=value]... [zoo.cfg]` reads Apache ZooKeeper's configuration file. This page \
is written by the program from its own table of keys; a test keeps the two the same.

* The file is in Java's properties format. A bad value stops the start with file, line, key, value \
and what is allowed; all of them are reported at once.
* Keys marked **file** stand in `zoo.cfg`. Keys marked **property** are the system property \
`zookeeper.KEY`; a line `KEY=value` in `zoo.cfg` sets it, and wins over `-Dzookeeper.KEY=value` on \
the command line, which wins over `JVMFLAGS` and that over `SERVER_JVMFLAGS`. Keys marked **-D** \
are system properties without prefix, which `zoo.cfg` cannot set: `-DKEY=value`.
* Whole numbers of system properties may be hexadecimal (`0x9fffff`) or octal (`010`), as in Java.
* `ZOO_DATADIR_AUTOCREATE_DISABLE`, when not empty, is `-Dzookeeper.datadir.autocreate=false`. Other \
 options in `SERVER_JVMFLAGS` and `JVMFLAGS` are for a JVM and ignored.
* An unknown key is reported with the known one it resembles.
* `zoarium server clientPort dataDir [tickTime] [maxClientCnxns]` needs no file.
* `zoarium server` without any argument is for trying things out: it listens on 127.0.0.1 alone, client \
port 2181 and admin port 8080, keeps its data in `zoarium-data` in the current directory, has a \
tickTime of 2000 and answers all four-letter words.
";

/// The text of `docs/configuration.md`.
pub fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    for subject in SUBJECTS {
        heading(&mut text, subject.title);
        text.push_str("\n| Key | Where | Default | Allowed | Meaning |\n|---|---|---|---|---|\n");
        for key in subject.keys {
            row(&mut text, *key);
        }
    }
    heading(&mut text, "Keys with a free part");
    text.push_str("\n| Key | Where | Meaning |\n|---|---|---|\n");
    for family in FAMILIES {
        line(&mut text, &[&code(family.shape), place(family.place), family.doc]);
    }
    heading(&mut text, "Refused");
    text.push_str(
        "\nThese ask for what this server does not have and nobody should lose without noticing, \
         so it does not start with them.\n\n| Key | Where | Accepted | Why |\n|---|---|---|---|\n",
    );
    for key in REFUSED {
        let accepted: Vec<_> = key.harmless.iter().map(|value| code(value)).collect();
        line(&mut text, &[&pattern(key.pattern), place(key.place), &accepted.join(", "), key.why]);
    }
    heading(&mut text, "Accepted without effect");
    text.push_str("\n| Keys | Where | Why |\n|---|---|---|\n");
    for group in WITHOUT_EFFECT {
        let names: Vec<_> = group.names.iter().map(|name| pattern(name)).collect();
        line(&mut text, &[&names.join(", "), place(group.place), group.why]);
    }
    text
}

fn heading(text: &mut String, title: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\n## {title}\n");
}

fn row(text: &mut String, key: &dyn KnownKey) {
    let default = match key.default_text() {
        None => "unset".to_owned(),
        Some(default) if default.is_empty() => "empty".to_owned(),
        Some(default) => code(&default),
    };
    line(text, &[&code(key.name()), place(key.place()), &default, &key.allowed(), &key.doc()]);
}

fn line(text: &mut String, cells: &[&str]) {
    for cell in cells {
        // Inside a table cell, Markdown takes a bar for the next cell even between backquotes.
        let _ = write!(text, "| {} ", cell.replace('|', "\\|"));
    }
    text.push_str("|\n");
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn pattern(name: &str) -> String {
    if name.ends_with('.') { format!("`{name}*`") } else { code(name) }
}

fn place(place: Place) -> &'static str {
    match place {
        Place::File => "file",
        Place::Property => "property",
        Place::FileOrProperty => "file or property",
        Place::PropertyOrBare => "property or -D",
        Place::Bare => "-D",
    }
}
