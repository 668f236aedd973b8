//! What the dashboard shows, once and as text or JSON.

use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;
use zoarium_monitor::ensemble::{Heat, Rates, heat, observe};
use zoarium_monitor::facts::{Asking, Facts};
use zoarium_monitor::report;
use zoarium_monitor::target::Target;
use zoarium_monitor::verdict::{Verdict, judge};

/// How many hot paths are shown.
const HEAT_MAX: usize = 10;

/// Two looks at an ensemble.
#[derive(Debug)]
pub struct Once {
    servers: Vec<Facts>,
    rates: Vec<Rates>,
    heat: Vec<Heat>,
    verdict: Verdict,
}

/// Looks twice, `interval` apart, because rates need that.
pub async fn look(targets: &[Target], asking: Asking, interval: Duration) -> Once {
    let before = observe(targets, asking).await;
    sleep(interval).await;
    let servers = observe(targets, asking).await;
    let rates = before.iter().zip(&servers).map(|(old, new)| Rates::between(old, new)).collect();
    let heat = heat(&before, &servers);
    let verdict = judge(&servers);
    Once { servers, rates, heat, verdict }
}

impl Once {
    /// For people.
    pub fn text(&self) -> String {
        let mut out = report::table(&self.servers, &self.rates);
        out += &report::verdict(&self.servers, &self.verdict);
        if !self.heat.is_empty() {
            out += "hottest paths         reads/s   writes/s\n";
        }
        for heat in self.heat.iter().take(HEAT_MAX) {
            out += &format!("{:<18}  {:>9.1}  {:>9.1}\n", heat.path, heat.reads, heat.writes);
        }
        out
    }

    /// For programs.
    pub fn document(&self) -> Value {
        let mut document = report::document(&self.servers, &self.rates, &self.verdict);
        if let Some(members) = document.as_object_mut() {
            members.insert("hottest_paths".to_owned(), json!(self.heat));
        }
        document
    }
}
