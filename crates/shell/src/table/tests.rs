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

#[test]
fn guide_lists_every_command_as_the_table_has_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/shell.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let row = |spec: &Spec| {
        let usage = spec.usage_line().trim_end().replace('|', "\\|");
        format!("| `{usage}` | {} |\n", spec.summary)
    };
    for (mark, commands) in [("apache", apache()), ("more", own())] {
        let expected: String = commands.iter().map(row).collect();
        let (_, after) = guide.split_once(&format!("<!-- commands: {mark} -->")).unwrap();
        let (table, _) = after.split_once("<!-- end -->").unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| `"));
        let found: String = rows.map(|row| format!("{row}\n")).collect();
        assert_eq!(found, expected, "the table `{mark}` in docs/shell.md should be\n{expected}");
    }
}
