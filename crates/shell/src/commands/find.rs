//! `find`: znodes by what they are.

use crate::acl_text::line;
use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{Reply, json_stat};
use crate::shell::Shell;
use crate::subtree::{PIPELINED, Seen, owner, walk};
use crate::time::{duration, now_ms};
use serde_json::json;
use zoarium_client::SessionId;

/// What is looked for.
#[derive(Debug, Default)]
struct Wanted {
    name: Option<String>,
    /// Last changed at this time or earlier, ms since the Unix epoch.
    changed_until: Option<i64>,
    changed_since: Option<i64>,
    larger: Option<i32>,
    owner: Option<Owner>,
}

#[derive(Debug, PartialEq, Eq)]
enum Owner {
    Any,
    Session(SessionId),
}

/// `find`.
pub(super) async fn run(shell: &Shell, call: &Call) -> Result<(), Failure> {
    let wanted = wanted(call, now_ms())?;
    let client = shell.client()?;
    let mut walk = walk(&client, call.path(), None).await?;
    walk.seen.retain(|seen| wanted.fits(seen));
    walk.seen.sort_by(|one, other| one.path.cmp(&other.path));
    for chunk in walk.seen.chunks(PIPELINED) {
        let reads: Vec<_> = chunk
            .iter()
            .map(|seen| {
                let path = seen.path.as_str();
                let data = call.has("data").then(|| client.get(path).send());
                (data, call.has("acl").then(|| client.acl(path).send()))
            })
            .collect();
        for (seen, (data, acl)) in chunk.iter().zip(reads) {
            let has_data = match (data, call.value("data")) {
                (Some(read), Some(text)) => {
                    read.await.is_ok_and(|read| contains(&read.data, text.as_bytes()))
                }
                _ => true,
            };
            let has_acl = match (acl, call.value("acl")) {
                (Some(read), Some(text)) => {
                    read.await.is_ok_and(|(acl, _)| line(&acl).contains(text))
                }
                _ => true,
            };
            if has_data && has_acl {
                let value = json!({ "path": seen.path, "stat": json_stat(&seen.stat) });
                shell.say(&Reply::Lines { text: seen.path.clone(), value })?;
            }
        }
    }
    say_unreadable(shell, &walk.unreadable)
}

/// Says which znodes were passed over because of their ACLs.
pub(super) fn say_unreadable(shell: &Shell, paths: &[String]) -> Result<(), Failure> {
    for path in paths {
        shell.say(&Reply::Warning(format!("not readable: {path}")))?;
    }
    Ok(())
}

fn wanted(call: &Call, now_ms: i64) -> Result<Wanted, Failure> {
    let ago = |name: &'static str| -> Result<Option<i64>, Failure> {
        let Some(text) = call.value(name) else { return Ok(None) };
        let wrong = || Failure::Value { what: format!("--{name}"), text: text.to_owned() };
        let age = duration(text).ok_or_else(wrong)?;
        Ok(Some(now_ms.saturating_sub_unsigned(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))))
    };
    let owner = match call.value("owner") {
        None => None,
        Some("any") => Some(Owner::Any),
        Some(text) => {
            let id = u64::from_str_radix(text.trim_start_matches("0x"), 16).map_err(|_| {
                Failure::Value { what: "--owner".to_owned(), text: text.to_owned() }
            })?;
            Some(Owner::Session(SessionId(id.cast_signed())))
        }
    };
    Ok(Wanted {
        name: call.value("name").map(str::to_owned),
        changed_until: ago("older")?,
        changed_since: ago("newer")?,
        larger: call.number("larger")?,
        owner,
    })
}

impl Wanted {
    fn fits(&self, seen: &Seen) -> bool {
        let name = seen.path.rsplit('/').next().unwrap_or_default();
        let owner_fits = match (&self.owner, owner(&seen.stat)) {
            (None, _) | (Some(Owner::Any), Some(_)) => true,
            (Some(Owner::Session(session)), Some(owner)) => *session == owner,
            (Some(_), None) => false,
        };
        owner_fits
            && self.name.as_ref().is_none_or(|glob| matches(glob, name))
            && self.changed_until.is_none_or(|until| seen.stat.mtime <= until)
            && self.changed_since.is_none_or(|since| seen.stat.mtime >= since)
            && self.larger.is_none_or(|bytes| seen.stat.data_length > bytes)
    }
}

fn contains(data: &[u8], text: &[u8]) -> bool {
    text.is_empty() || data.windows(text.len()).any(|window| window == text)
}

/// Whether a name matches a pattern, in which `*` stands for any letters and `?` for one.
fn matches(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the last star is, and what it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[seen] => {
                at += 1;
                seen += 1;
            }
            Some(_) | None => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                seen = taken + 1;
            }
        }
    }
    glob[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (glob, name, expected) in [
            ("*", "", true),
            ("*", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*b*", "abc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("lock-*-?", "lock-x-y-z", true),
            ("", "", true),
            ("", "a", false),
            ("*ab", "aab", true),
            ("ü*", "über", true),
        ] {
            assert_eq!(matches(glob, name), expected, "{glob} {name}");
        }
    }

    #[test]
    fn owner_and_age_are_those_of_the_stat() {
        let seen = |owner| {
            let mut stat = zoarium_client::Stat { mtime: 1000, ..Default::default() };
            stat.ephemeral_owner = SessionId(owner);
            Seen { path: "/a/b".to_owned(), stat, names: Vec::new() }
        };
        let any = Wanted { owner: Some(Owner::Any), ..Wanted::default() };
        assert!(any.fits(&seen(5)) && !any.fits(&seen(0)));
        let old = Wanted { changed_until: Some(999), ..Wanted::default() };
        assert!(!old.fits(&seen(0)));
        let new = Wanted { changed_since: Some(999), ..Wanted::default() };
        assert!(new.fits(&seen(0)));
    }
}
