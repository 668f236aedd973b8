//! Who held what from when to when, and whether that may be.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// One holding, as the holder has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) recipe: String,
    /// The czxid of what stands for it; 0 if the holder does not know it.
    pub(crate) token: i64,
    /// The zxid of the holder's first write.
    pub(crate) from: i64,
    /// The zxid of its last write.
    pub(crate) to: i64,
}

impl Holding {
    /// Reads `RECIPE TOKEN FROM TO`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next().with_context(|| format!("too few words in {text:?}"));
        let recipe = word()?.to_owned();
        let mut number = || word()?.parse().with_context(|| format!("a number in {text:?}"));
        Ok(Self { recipe, token: number()?, from: number()?, to: number()? })
    }
}

/// The holdings of everybody.
#[derive(Debug, Default)]
pub(crate) struct Holdings(Vec<Holding>);

impl Extend<Holding> for Holdings {
    fn extend<I: IntoIterator<Item = Holding>>(&mut self, holdings: I) {
        self.0.extend(holdings);
    }
}

impl Holdings {
    /// How many there are, if no two were at the same time that must not be.
    pub(crate) fn judge(&self) -> Result<usize> {
        let mut by_recipe = BTreeMap::<&str, Vec<&Holding>>::new();
        for holding in &self.0 {
            ensure!(holding.from < holding.to, "it ends before it begins: {holding:?}");
            let recipe = match &*holding.recipe {
                "read" | "write" => "read-write-lock",
                "set-barrier" | "pass-barrier" => "barrier",
                recipe => recipe,
            };
            by_recipe.entry(recipe).or_default().push(holding);
        }
        for (recipe, mut holdings) in by_recipe {
            holdings.sort_by_key(|holding| holding.from);
            match recipe {
                "semaphore" => at_most(super::contenders::PERMITS, &holdings)?,
                "limited-semaphore" => at_most(super::contenders::LIMIT, &holdings)?,
                "read-write-lock" => writers_alone(&holdings)?,
                "barrier" => passed_when_lifted(&holdings)?,
                round if round.starts_with("enter-") || round.starts_with("leave-") => {
                    all_together(&holdings)?;
                }
                _ => one_after_the_other(&holdings)?,
            }
        }
        Ok(self.0.len())
    }
}

fn one_after_the_other(holdings: &[&Holding]) -> Result<()> {
    for pair in holdings.windows(2) {
        let [one, next] = pair else { continue };
        ensure!(one.to < next.from, "held by two: {one:?} and {next:?}");
        ensure!(one.token < next.token, "tokens do not grow: {one:?} and {next:?}");
    }
    Ok(())
}

fn at_most(permits: usize, holdings: &[&Holding]) -> Result<()> {
    for holding in holdings {
        let also = |it: &&&Holding| it.from <= holding.from && holding.from < it.to;
        let together: Vec<_> = holdings.iter().filter(also).collect();
        ensure!(together.len() <= permits, "more than {permits} holders: {together:?}");
    }
    Ok(())
}

fn writers_alone(holdings: &[&Holding]) -> Result<()> {
    let writers: Vec<&Holding> =
        holdings.iter().copied().filter(|holding| holding.recipe == "write").collect();
    one_after_the_other(&writers)?;
    for writer in writers {
        let with = holdings
            .iter()
            .find(|it| it.recipe == "read" && it.from < writer.to && writer.from < it.to);
        ensure!(with.is_none(), "read while written: {writer:?} and {with:?}");
    }
    Ok(())
}

fn passed_when_lifted(holdings: &[&Holding]) -> Result<()> {
    let lifted = holdings.iter().filter(|it| it.recipe == "set-barrier").map(|it| it.to).max();
    let early = holdings.iter().find(|it| it.recipe == "pass-barrier" && Some(it.from) < lifted);
    ensure!(early.is_none(), "passed before {lifted:?}: {early:?}");
    Ok(())
}

/// In each interval is the moment at which all have come.
fn all_together(holdings: &[&Holding]) -> Result<()> {
    let came = holdings.iter().map(|it| it.from).max();
    let went = holdings.iter().map(|it| it.to).min();
    ensure!(came < went, "one went before another came: {holdings:?}");
    ensure!(holdings.len() == super::contenders::MEMBERS, "not all are there: {holdings:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(lines: &[&str]) -> Result<usize> {
        let mut holdings = Holdings::default();
        holdings.extend(lines.iter().map(|line| Holding::parse(line).unwrap()));
        holdings.judge()
    }

    #[test]
    fn overlaps_and_old_tokens_are_found() {
        assert_eq!(judge(&["lock 1 2 3", "lock 4 5 6", "latch 1 2 6"]).unwrap(), 3);
        assert!(judge(&["lock 1 2 5", "lock 3 4 6"]).is_err());
        assert!(judge(&["lock 4 5 6", "lock 1 7 8"]).is_err());
        assert!(judge(&["lock 1 3 2"]).is_err());
    }

    #[test]
    fn readers_share_and_writers_do_not() {
        assert!(judge(&["read 0 1 5", "read 0 2 6", "write 3 7 8"]).is_ok());
        assert!(judge(&["read 0 1 5", "write 1 2 6"]).is_err());
        assert!(judge(&["write 1 2 5", "write 3 4 6"]).is_err());
    }

    #[test]
    fn holders_of_permits_are_counted() {
        let three = ["semaphore 1 2 9", "semaphore 3 4 9", "semaphore 5 6 9"];
        assert!(judge(&three).is_ok());
        assert!(judge(&[&three[..], &["semaphore 7 8 10"]].concat()).is_err());
        assert!(judge(&[&three[..], &["semaphore 7 9 10"]].concat()).is_ok());
    }

    #[test]
    fn barriers_are_kept() {
        assert!(judge(&["set-barrier 0 1 5", "pass-barrier 0 6 7", "pass-barrier 0 6 8"]).is_ok());
        assert!(judge(&["set-barrier 0 1 5", "pass-barrier 0 4 7"]).is_err());
        let three = ["enter-0 0 1 5", "enter-0 0 2 6", "enter-0 0 3 7"];
        assert!(judge(&three).is_err());
        assert!(judge(&[&three[..], &["enter-0 0 4 8"]].concat()).is_ok());
        assert!(judge(&[&three[..], &["enter-0 0 6 8"]].concat()).is_err());
    }
}
