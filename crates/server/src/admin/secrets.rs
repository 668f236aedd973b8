//! Keeps passwords out of answers that anybody who reaches the admin port can read. Apache's
//! `system_properties` and `initial_configuration` show them.

/// What is shown instead.
const HIDDEN: &str = "***";

/// Whether a setting's value is secret: passwords, and digests that stand for one. The path of a
/// file with a password is not.
fn is_secret(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    ["password", "passwd", "superdigest"].iter().any(|secret| name.contains(secret))
        && !name.ends_with("path")
}

/// The value to show of this setting.
pub(super) fn shown(name: &str, value: String) -> String {
    if is_secret(name) { HIDDEN.to_owned() } else { value }
}

/// A configuration file with its secrets hidden, in comments too; everything else as it is.
pub(super) fn hide_in_file(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let (mut is_continued, mut is_hiding) = (false, false);
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if !is_continued {
            let secret = secret_value(content);
            is_hiding = secret.is_some();
            match secret {
                Some(start) => shown.extend([&content[..start], HIDDEN, "\n"]),
                None => shown.push_str(line),
            }
        } else if !is_hiding {
            shown.push_str(line);
        }
        let is_comment = content.trim_start().starts_with(['#', '!']);
        let backslashes = content.len() - content.trim_end_matches('\\').len();
        is_continued = backslashes % 2 == 1 && (is_continued || !is_comment);
    }
    shown
}

/// Where the value begins, if this line gives a secret one.
fn secret_value(line: &str) -> Option<usize> {
    const BLANKS: [char; 3] = [' ', '\t', '\x0c'];
    let name = line.trim_start_matches(['#', '!', ' ', '\t', '\x0c']);
    let (name, rest) = name.split_at(name.find(['=', ':', ' ', '\t', '\x0c'])?);
    let value = rest.trim_start_matches(BLANKS);
    let value = value.strip_prefix(['=', ':']).unwrap_or(value).trim_start_matches(BLANKS);
    is_secret(name).then_some(line.len() - value.len())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn passwords_are_hidden_and_their_paths_are_not() {
        let rows = [
            ("zookeeper.DigestAuthenticationProvider.superDigest", true),
            ("ssl.keyStore.password", true),
            ("ssl.keyStore.passwordPath", false),
            ("zookeeper.ssl.trustStore.passwd", true),
            ("dataDir", false),
        ];
        for (name, secret) in rows {
            assert_eq!(shown(name, "value".to_owned()) == HIDDEN, secret, "{name}");
        }
    }

    #[test]
    fn only_secrets_change_in_a_file() {
        let file = "tickTime=2000\n# ssl.keyStore.password=old \\\n\
                    ssl.keyStore.password = two \\\n  lines\nssl.trustStore.password:x\n\
                    dataDir=/a\\\n  /b\\\\\nDigestAuthenticationProvider.superDigest root:abc";
        expect![[r#"
            tickTime=2000
            # ssl.keyStore.password=***
            ssl.keyStore.password = ***
            ssl.trustStore.password:***
            dataDir=/a\
              /b\\
            DigestAuthenticationProvider.superDigest ***
        "#]]
        .assert_eq(&hide_in_file(file));
        assert_eq!(hide_in_file("a=1\r\nb=\\\r\n2"), "a=1\r\nb=\\\r\n2");
    }
}
