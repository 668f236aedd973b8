use super::*;
use crate::words::words;

fn read(line: &str, manner: Manner) -> Result<Call, String> {
    let words: Vec<String> = words(line).into_iter().map(|word| word.text).collect();
    parse(&words, manner).map_err(|failure| failure.text(manner))
}

#[test]
fn options_may_be_anywhere_and_share_a_dash() {
    for line in ["create -s -e /a x", "create /a -se x", "create -es /a x", "create /a x -e -s"] {
        let call = read(line, Manner::Apache).unwrap();
        assert!(call.has("s") && call.has("e") && !call.has("c"), "{line}");
        assert_eq!(call.words, ["/a", "x"], "{line}");
    }
    for line in ["set -v 5 /a x", "set -v5 /a x", "set -v=5 /a x", "set /a x -sv 5"] {
        assert_eq!(read(line, Manner::Apache).unwrap().value("v"), Some("5"), "{line}");
    }
    let call = read("create -t -5 /a", Manner::Apache).unwrap();
    assert_eq!(call.value("t"), Some("-5"));
    assert_eq!(read("set /a -- -5", Manner::Own).unwrap().words, ["/a", "-5"]);
    assert_eq!(read("get -", Manner::Apache).unwrap().words, ["-"]);
}

#[test]
fn what_is_wrong_is_said_as_apache_says_it() {
    let exception = "org.apache.commons.cli.";
    for (line, expected) in [
        (
            "create -x /a",
            format!("{exception}UnrecognizedOptionException: Unrecognized option: -x"),
        ),
        ("get --s /q", format!("{exception}UnrecognizedOptionException: Unrecognized option: --s")),
        ("get -sq /q", format!("{exception}UnrecognizedOptionException: Unrecognized option: -sq")),
        (
            "ls / --json",
            format!("{exception}UnrecognizedOptionException: Unrecognized option: --json"),
        ),
        ("set -v", format!("{exception}MissingArgumentException: Missing argument for option: v")),
        (
            "set -v -s /a x",
            format!("{exception}MissingArgumentException: Missing argument for option: v"),
        ),
        (
            "setquota -n 5 -N 7 /a",
            format!(
                "{exception}AlreadySelectedException: The option 'N' was specified but an option \
                 from this group has already been selected: 'n'"
            ),
        ),
        ("stat", "stat [-w] path".to_owned()),
    ] {
        assert_eq!(read(line, Manner::Apache).unwrap_err(), expected, "{line}");
    }
}

#[test]
fn what_is_wrong_comes_with_what_was_meant() {
    for (line, expected) in [
        ("craete /a", "no command craete; did you mean create?"),
        ("elephant", "no command elephant; `help` lists all"),
        ("find --nmae x", "find has no option --nmae; did you mean --name?"),
        ("get -q /a", "get has no option -q; usage: get [-s] [-w] [-b] [-x] path"),
        ("get", "usage: get [-s] [-w] [-b] [-x] path"),
        ("sync / /b", "/b is one word too many; usage: sync path"),
        ("set -v", "option -v of set needs a value"),
    ] {
        assert_eq!(read(line, Manner::Own).unwrap_err(), expected, "{line}");
    }
}

#[test]
fn older_names_are_known_in_our_manner_only() {
    for name in ["ls2 /", "rmr /a", "exit"] {
        assert!(read(name, Manner::Own).is_ok(), "{name}");
        assert!(read(name, Manner::Apache).is_err(), "{name}");
    }
}
