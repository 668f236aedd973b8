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

/// How many letters must be put in, taken out, exchanged or swapped with their neighbours (optimal
/// string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
    for row in 0..=one.len() {
        for column in 0..=other.len() {
            table[row][column] = if row == 0 || column == 0 {
                row + column
            } else {
                let differs = usize::from(one[row - 1] != other[column - 1]);
                let mut least = (table[row - 1][column - 1] + differs)
                    .min(table[row - 1][column] + 1)
                    .min(table[row][column - 1] + 1);
                let is_swapped = row > 1
                    && column > 1
                    && one[row - 1] == other[column - 2]
                    && one[row - 2] == other[column - 1];
                if is_swapped {
                    least = least.min(table[row - 2][column - 2] + 1);
                }
                least
            };
        }
    }
    table[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_understood_and_nonsense_is_not() {
        let known = ["create", "get", "getAcl", "listquota", "ls"];
        for (wrong, meant) in [
            ("craete", Some("create")),
            ("getacl", Some("getAcl")),
            ("lsquota", Some("listquota")),
            ("l", Some("ls")),
            ("gte", Some("get")),
            ("elephant", None),
        ] {
            assert_eq!(nearest(wrong, known), meant, "{wrong}");
        }
    }
}
