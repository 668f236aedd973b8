//! The layout of a text answer: what is left when numbers and addresses are taken out.

use std::collections::BTreeSet;

/// Replaces every number (decimal, or hexadecimal after `0x`) by `N`, paths by `PATH` and dates by
/// `DATE`. Only the first of equal lines is kept: how many connections there are is chance.
pub(super) fn of(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line = line_layout(line);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn line_layout(line: &str) -> String {
    let before_date = line.split_once(" expire at ").map(|(before, _)| before);
    if let Some(before) = before_date {
        return format!("{} expire at DATE", line_layout(before));
    }
    if line.starts_with("Zookeeper version:") {
        return "Zookeeper version: V".to_owned();
    }
    if let Some((key, value)) = line.split_once("Dir=").filter(|(_, value)| value.starts_with('/'))
    {
        let end = value.rsplit('/').next().unwrap_or_default();
        return format!("{key}Dir=PATH/{end}");
    }
    numbers(line)
}

fn numbers(line: &str) -> String {
    let mut layout = String::new();
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        if !char.is_ascii_digit() {
            layout.push(char);
            continue;
        }
        let hex = char == '0' && chars.peek() == Some(&'x');
        if hex {
            chars.next();
        }
        let part = |c: &char| if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
        while chars.next_if(part).is_some() {}
        layout.push_str(if hex { "0xN" } else { "N" });
    }
    layout
}

/// The part of each line before the separator.
pub(super) fn keys(text: &str, separator: char) -> BTreeSet<String> {
    let keys = text.lines().filter_map(|line| line.split_once(separator));
    keys.map(|(key, _)| key.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{keys, of};

    #[test]
    fn numbers_dates_and_paths_are_taken_out() {
        let text = "Zxid: 0xde\nLatency min/avg/max: 0/0.7754/12\ndataDir=/tmp/a/version-2\n\
                    2 expire at Mon Nov 23 09:45:01 UTC 2026:\n\t0x1b\n\t0x2c\n";
        let layout = "Zxid: 0xN\nLatency min/avg/max: N/N.N/N\ndataDir=PATH/version-2\n\
                      N expire at DATE\n\t0xN\n";
        assert_eq!(of(text), layout);
    }

    #[test]
    fn keys_end_at_the_separator() {
        let found = keys("zk_a\t1\nzk_b\t2\nnone\n", '\t');
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["zk_a", "zk_b"]);
    }
}
