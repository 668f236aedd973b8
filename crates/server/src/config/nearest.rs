//! Finds the known name that a mistyped one was probably meant to be.

/// The candidate closest to `name`, when it is close enough to be what was meant.
///
/// Case does not count: `ticktime` is `tickTime`. Otherwise a quarter of the letters, but at
/// least two and fewer than half, may differ.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_lowercase();
    let tolerated = (name.len() / 4).max(2).min(name.len().saturating_sub(1) / 2);
    candidates
        .into_iter()
        // A length that differs by more cannot be close; it also bounds the work on long names.
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= tolerated)
        .map(|candidate| (edits(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `from` into `to`
/// (Damerau-Levenshtein, each letter edited once at most).
fn edits(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut distance = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                let swapped: &Vec<usize> = &before;
                distance = distance.min(swapped[j - 1] + 1);
            }
            row.push(distance);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_key() {
        let keys = ["tickTime", "syncLimit", "initLimit", "dataDir", "snapCount"];
        for (typed, meant) in [
            ("tickTme", Some("tickTime")),
            ("ticktime", Some("tickTime")),
            ("tikcTime", Some("tickTime")),
            ("synclimit", Some("syncLimit")),
            ("datDir", Some("dataDir")),
            ("snpaCuont", Some("snapCount")),
            ("a", None),
            ("", None),
            ("secureClientPort", None),
        ] {
            assert_eq!(nearest(typed, keys), meant, "{typed}");
        }
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(edits("tikc", "tick"), 1);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", "abc"), 0);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
