//! How a line becomes words.

/// A word of a line, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Without its quotes.
    pub(crate) text: String,
    /// Where it begins in the line, in bytes, with its quote.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// The words of a line by the rules of Apache's `ZooKeeperMain`: separated by whitespace; a word
/// that begins with a quote ends with the same quote, and nothing is escaped. A quote without its
/// partner is passed over.
pub(crate) fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..)
        && let Some(first) = rest.chars().next()
    {
        let quoted = match first {
            '"' | '\'' => rest.get(1..).and_then(|inner| inner.find(first)),
            _ => None,
        };
        if let Some(length) = quoted {
            let text = rest.get(1..=length).unwrap_or_default().to_owned();
            words.push(Word { text, start: at, end: at + length + 2 });
            at += length + 2;
        } else if first.is_whitespace() || first == '"' || first == '\'' {
            at += first.len_utf8();
        } else {
            let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let text = rest.get(..length).unwrap_or_default().to_owned();
            words.push(Word { text, start: at, end: at + length });
            at += length;
        }
    }
    words
}

/// Where a quote begins that has no partner.
pub(crate) fn open_quote(line: &str) -> Option<usize> {
    let mut end = 0;
    let mut gaps = Vec::new();
    for word in words(line) {
        gaps.push((end, word.start));
        end = word.end;
    }
    gaps.push((end, line.len()));
    gaps.into_iter().find_map(|(from, to)| {
        line.get(from..to).and_then(|gap| gap.find(['"', '\''])).map(|at| from + at)
    })
}

/// The word as it is typed: in quotes if it needs them. A text with both kinds of quotes and blanks
/// cannot be typed, and is left as it is.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain =
        !text.is_empty() && !text.contains(char::is_whitespace) && !text.starts_with(['"', '\'']);
    match (is_plain, text.contains('"'), text.contains('\'')) {
        (true, ..) | (false, true, true) => text.to_owned(),
        (false, true, false) => format!("'{text}'"),
        (false, false, _) => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        words(line).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_those_that_apache_sees() {
        for (line, expected) in [
            ("", vec![]),
            ("   ", vec![]),
            ("ls /", vec!["ls", "/"]),
            ("  get\t/a  ", vec!["get", "/a"]),
            ("set /a \"x y\"", vec!["set", "/a", "x y"]),
            ("set /a 'x \"y\"'", vec!["set", "/a", "x \"y\""]),
            ("set /a \"\"", vec!["set", "/a", ""]),
            ("create /a \"x y\"z", vec!["create", "/a", "x y", "z"]),
            ("set /a x\"y z\"", vec!["set", "/a", "x\"y", "z\""]),
            ("get \"/sp ace", vec!["get", "/sp", "ace"]),
            ("get 'ü€", vec!["get", "ü€"]),
        ] {
            assert_eq!(texts(line), expected, "{line}");
        }
    }

    #[test]
    fn quotes_without_partner_are_found() {
        assert_eq!(open_quote("set /a \"x y\" 'z"), Some(13));
        assert_eq!(open_quote("set /a \"x y\""), None);
        assert_eq!(open_quote("set /a it's"), None);
    }

    #[test]
    fn quoted_words_are_read_back() {
        for text in ["plain", "two words", "", "'quote", "a 'b'", "a \"b\"", "it's"] {
            assert_eq!(texts(&quoted(text)), [text]);
        }
    }
}
