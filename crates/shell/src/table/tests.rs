use super::*;
use std::collections::BTreeSet;

#[test]
fn names_are_unique() {
    let names: Vec<&str> = names().collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn options_in_usage_lines_are_those_of_the_table() {
    for spec in all() {
        for opt in spec.options {
            // Apache's usage lines leave some of its own options out.
            let is_hidden = matches!(
                (spec.verb, opt.name),
                (Verb::Ls, "?") | (Verb::RemoveWatches, "p" | "r") | (Verb::DeleteAll, "dry-run")
            );
            let shown = dashed(opt.name, spec);
            assert_eq!(spec.usage.contains(&shown), !is_hidden, "{} {shown}", spec.name);
        }
    }
}

/// `UPDATE_EXPECT=1` writes the tables instead.
#[test]
fn guide_lists_every_command_as_the_table_has_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/shell.md");
    let mut guide = std::fs::read_to_string(path).unwrap();
    let row = |spec: &Spec| {
        let usage = spec.usage_line().trim_end().replace('|', "\\|");
        format!("| `{usage}` | {} |\n", spec.summary)
    };
    for (mark, commands) in [("apache", apache()), ("more", own())] {
        let expected: String = commands.iter().map(row).collect();
        let mark = format!("<!-- commands: {mark} -->");
        let from = guide.find(&mark).unwrap();
        let length = guide[from..].find("<!-- end -->").unwrap();
        let table = &guide[from..from + length];
        let is_row = |line: &&str| line.starts_with("| `");
        let found: String = table.lines().filter(is_row).map(|row| format!("{row}\n")).collect();
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let head: String =
                table.lines().filter(|it| !is_row(it)).map(|line| format!("{line}\n")).collect();
            guide.replace_range(from..from + length, &format!("{head}{expected}"));
            std::fs::write(path, &guide).unwrap();
        } else {
            assert_eq!(found, expected, "UPDATE_EXPECT=1 writes {mark} of docs/shell.md anew");
        }
    }
}
