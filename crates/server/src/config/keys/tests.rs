use super::*;
use expect_test::expect_file;
use std::collections::BTreeSet;

#[test]
fn the_documentation_is_the_table() {
    expect_file!["../../../../../docs/configuration.md"].assert_eq(&document());
}

#[test]
fn no_key_is_in_two_tables() {
    let mut seen = BTreeSet::new();
    for (name, place) in names() {
        assert!(seen.insert((name, place.property(name))), "{name} twice");
    }
}

#[test]
fn every_key_says_what_it_does_and_allows_its_default() {
    for key in all() {
        assert!(key.doc().ends_with('.'), "{}: {}", key.name(), key.doc());
        assert!(!key.allowed().is_empty(), "{}", key.name());
        if let Some(default) = key.default_text() {
            assert_eq!(key.check(&default), Ok(()), "{}={default}", key.name());
        }
    }
}
