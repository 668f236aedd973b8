//! What was meant by a name that is not there.

/// The known name that is nearest to a wrong one, if any is near.
pub(crate) fn nearest<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let scored = known.into_iter().map(|name| (distance(&wrong, &name.to_lowercase()), name));
    let (changes, name) = scored.min_by_key(|(changes, _)| *changes)?;
    (changes <= wrong.len().max(name.len()).div_ceil(3)).then_some(name)
}

/// How many letters must be put in, taken out or exchanged (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other_letter) in other.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != *other_letter);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_understood_and_nonsense_is_not() {
        let known = ["create", "getAcl", "listquota", "ls"];
        for (wrong, meant) in [
            ("craete", Some("create")),
            ("getacl", Some("getAcl")),
            ("lsquota", Some("listquota")),
            ("l", Some("ls")),
            ("elephant", None),
        ] {
            assert_eq!(nearest(wrong, known), meant, "{wrong}");
        }
    }
}
