//! The parts of docs/performance.md that `--write` writes, and its charts.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::chart::ratios;
use super::figures::{Contest, markdown};

const PAGE: &str = "performance.md";

/// Before it a section is added that is not there yet.
const LAST_SECTION: &str = "## Measure it again";

/// Writes charts and the section of this number of servers, below `docs`.
pub(super) fn write(contest: &Contest, docs: &Path) -> Result<()> {
    let mut charts = Vec::new();
    for (side, rival) in contest.sides.iter().enumerate().skip(1) {
        // A commit's name would leave a file behind for each.
        let rival = if rival.starts_with("Apache") { "apache" } else { "earlier" };
        let name = format!("{}-{rival}", kind(contest.servers));
        charts.push(save_chart(docs, &name, &ratios::svg(contest, side))?);
    }
    put_section(docs, &kind(contest.servers), &section(contest, &charts))
}

/// Saves a chart below `docs`; the place that the page names it by.
pub(super) fn save_chart(docs: &Path, name: &str, svg: &str) -> Result<String> {
    let place = format!("bench/{name}.svg");
    let file = docs.join(&place);
    let charts = docs.join("bench");
    fs::create_dir_all(&charts).with_context(|| format!("create {}", charts.display()))?;
    fs::write(&file, svg).with_context(|| format!("write {}", file.display()))?;
    Ok(place)
}

/// Puts a section into the page, in the place of the one of its kind if there is one.
pub(super) fn put_section(docs: &Path, kind: &str, section: &str) -> Result<()> {
    let page = docs.join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))?;
    let text = with_section(&text, kind, section)?;
    fs::write(&page, text).with_context(|| format!("write {}", page.display()))
}

fn kind(servers: u16) -> String {
    if servers == 1 { "standalone".to_owned() } else { format!("ensemble-{servers}") }
}

fn section(contest: &Contest, charts: &[String]) -> String {
    let heading = match contest.servers {
        1 => "One server, in pairs".to_owned(),
        servers => format!("An ensemble of {servers}, in pairs"),
    };
    let mut text = format!(
        "### {heading}\n\n{}. Workloads are those of `zoarium bench --list`. {} {}\n",
        contest.circumstances.line(),
        contest.manner,
        contest.other_load()
    );
    for (chart, side) in charts.iter().zip(&contest.sides[1..]) {
        text += &format!("\n![How many times better than {side}, by workload]({chart})\n");
    }
    text += &format!("\n{}", markdown(&contest.table(), 2));
    for entry in &contest.entries {
        if let Some(failure) = &entry.failure {
            text += &format!("\n{} could not be measured: {failure}\n", entry.workload);
        }
    }
    text
}

/// The page with the section between its markers, which are added if they are not there.
fn with_section(page: &str, kind: &str, section: &str) -> Result<String> {
    let (begin, end) =
        (format!("<!-- bench {kind} -->\n"), format!("<!-- end of bench {kind} -->\n"));
    let (before, after) = match page.split_once(&begin) {
        Some((before, rest)) => {
            let (_, after) = rest.split_once(&end).with_context(|| format!("{PAGE}: no {end}"))?;
            (before, after.to_owned())
        }
        None => {
            let (before, after) = page
                .split_once(LAST_SECTION)
                .with_context(|| format!("{PAGE}: no {LAST_SECTION:?}"))?;
            (before, format!("\n{LAST_SECTION}{after}"))
        }
    };
    Ok(format!("{before}{begin}{section}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn section_is_added_once_and_replaced_then() {
        let first = with_section("# Page\n\n## Measure it again\nhow\n", "standalone", "old\n");
        let second = with_section(&first.unwrap(), "standalone", "new\n").unwrap();
        let expected = "# Page\n\n<!-- bench standalone -->\nnew\n<!-- end of bench standalone -->\n\
                        \n## Measure it again\nhow\n";
        assert_eq!(second, expected);
    }

    #[test]
    fn page_with_half_a_section_is_left_alone() {
        assert!(with_section("<!-- bench standalone -->\n", "standalone", "").is_err());
        assert!(with_section("nothing", "standalone", "").is_err());
    }
}
