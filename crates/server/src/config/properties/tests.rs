use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn check(text: impl AsRef<[u8]>, expected: Expect) {
    let shown = match parse(text.as_ref()) {
        Ok(properties) => properties
            .iter()
            .map(|p| format!("{}: {:?} = {:?}\n", p.line, p.key, p.value))
            .collect(),
        Err(error) => format!("{error}\n"),
    };
    expected.assert_eq(&shown);
}

#[test]
fn a_key_ends_at_equals_colon_or_space() {
    check(
        "a=1\nb:2\nc 3\nd\t=\t4\n e : 5 \nf\ng=\n=h\ni==j\nk = =l\n",
        expect![[r#"
            1: "a" = "1"
            2: "b" = "2"
            3: "c" = "3"
            4: "d" = "4"
            5: "e" = "5"
            6: "f" = ""
            7: "g" = ""
            8: "" = "h"
            9: "i" = "=j"
            10: "k" = "=l"
        "#]],
    );
}

#[test]
fn comments_and_blank_lines_are_skipped_and_lines_still_counted() {
    check(
        "# c\n\n   ! c \\\n a=1\r\n\t\r\nb=2 # not a comment\rc=3",
        expect![[r#"
            4: "a" = "1"
            6: "b" = "2 # not a comment"
            7: "c" = "3"
        "#]],
    );
}

#[test]
fn an_odd_number_of_backslashes_continues_the_line() {
    check(
        "a=1,\\\n   2,\\\r\n\t3\nb=x\\\\\nc=4\\\n\nd=5\\\n#6\n\\\n# comment\ne=7\\",
        expect![[r##"
            1: "a" = "1,2,3"
            4: "b" = "x\\"
            5: "c" = "4"
            7: "d" = "5#6"
            11: "e" = "7"
        "##]],
    );
}

#[test]
fn escapes_are_undone_and_unknown_ones_lose_their_backslash() {
    check(
        r"a\=\:\ b=\tx\n\r\f\q\\\u00e9\uD83D\ude00.",
        expect![[r#"
            1: "a=: b" = "x\n\r\u{c}q\\é😀."
        "#]],
    );
    check(
        r"\#a=1",
        expect![[r##"
        1: "#a" = "1"
    "##]],
    );
}

#[test]
fn bytes_are_latin_1_as_in_java() {
    check(
        b"dataDir=/d\xe4t",
        expect![[r#"
        1: "dataDir" = "/dät"
    "#]],
    );
    check(
        "dataDir=/dät",
        expect![[r#"
        1: "dataDir" = "/dÃ¤t"
    "#]],
    );
}

#[test]
fn what_java_cannot_load_is_an_error_with_its_line() {
    check(
        "a=1\nb=\\u12",
        expect![[r#"
            2: \u is not followed by four hexadecimal digits
        "#]],
    );
    check(
        "b=\\u+123",
        expect![[r#"
            1: \u is not followed by four hexadecimal digits
        "#]],
    );
    check(
        "b=\\ud83d!",
        expect![[r#"
            1: \ud83d is half a surrogate pair
        "#]],
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_text_of_the_format_makes_the_parser_panic(text in "[ab=:\\\\u0#! \t\r\n]{0,60}") {
        let _ = parse(text.as_bytes());
    }

    #[test]
    fn what_is_rendered_is_parsed_back(
        rows in proptest::collection::vec(("[^\0- ]\\PC{0,8}[^\0- ]", "[^\0- ]\\PC{0,8}[^\0- ]"), 0..8),
    ) {
        let text = render(rows.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let read: Vec<_> =
            parse(text.as_bytes()).unwrap().into_iter().map(|p| (p.key, p.value)).collect();
        prop_assert_eq!(read, rows);
    }
}
