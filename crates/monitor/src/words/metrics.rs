//! `mntr`, and the admin server's `monitor`: metrics by name.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What `mntr` puts before every name.
const PREFIX: &str = "zk_";

/// Metrics by their names, without `zk_`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    #[serde(flatten)]
    numbers: BTreeMap<String, f64>,
    #[serde(flatten)]
    texts: BTreeMap<String, String>,
}

/// How much was read or written below a top-level znode.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace<'a> {
    /// The first element of paths, without a slash.
    pub name: &'a str,
    /// Reads since the last reset.
    pub reads: f64,
    /// Their bytes.
    pub read_bytes: f64,
    /// Writes.
    pub writes: f64,
    /// Their bytes.
    pub written_bytes: f64,
}

impl Metrics {
    /// Reads the answer to `mntr`; lines that are not understood are passed over.
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines() {
            if let Some((name, value)) = line.split_once('\t') {
                metrics.insert(name, value.trim());
            }
        }
        metrics
    }

    /// Reads the admin server's `monitor`.
    pub fn from_document(document: &Value) -> Self {
        let mut metrics = Self::default();
        for (name, value) in document.as_object().into_iter().flatten() {
            match value {
                Value::String(text) => metrics.insert(name, text),
                Value::Number(number) => metrics.insert(name, &number.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
            }
        }
        metrics
    }

    fn insert(&mut self, name: &str, value: &str) {
        let name = name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        match value.parse::<f64>() {
            // Java writes NaN for means of nothing.
            Ok(number) if number.is_finite() => {
                self.numbers.insert(name, number);
            }
            Ok(_) => {}
            Err(_) => {
                self.texts.insert(name, value.to_owned());
            }
        }
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    /// A number that counts something.
    pub fn count(&self, name: &str) -> Option<u64> {
        let number = self.number(name).filter(|number| (0.0..1e18).contains(number))?;
        // Where it has a fraction, that says nothing about a count.
        format!("{number:.0}").parse().ok()
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Every number by its name.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, f64)> {
        self.numbers.iter().map(|(name, number)| (name.as_str(), *number))
    }

    /// A summary's quantile in its own unit: `p99` of `readlatency` is `p99_readlatency`, or, with
    /// Prometheus as the provider of metrics, `readlatency{quantile="0.99"}`.
    pub fn quantile(&self, summary: &str, percent: &str) -> Option<f64> {
        self.number(&format!("p{percent}_{summary}"))
            .or_else(|| self.number(&format!("{summary}{{quantile=\"0.{percent}\"}}")))
    }

    /// Top-level znodes that were read or written.
    pub fn namespaces(&self) -> Vec<Namespace<'_>> {
        let of = |prefix: &str, name: &str, kind: &str| {
            self.number(&format!("{prefix}_{name}_{kind}_per_namespace")).unwrap_or(0.0)
        };
        let named = self.numbers.keys().filter_map(|key| {
            let inside = key.strip_prefix("cnt_")?.strip_suffix("_per_namespace")?;
            inside.strip_suffix("_read").or_else(|| inside.strip_suffix("_write"))
        });
        let names: std::collections::BTreeSet<&str> = named.collect();
        let namespace = |name| Namespace {
            name,
            reads: of("cnt", name, "read"),
            read_bytes: of("sum", name, "read"),
            writes: of("cnt", name, "write"),
            written_bytes: of("sum", name, "write"),
        };
        names.into_iter().map(namespace).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_by_name_and_kind() {
        let metrics = Metrics::parse(
            "zk_version\t3.9.5-2, built on x\nzk_avg_latency\t0.25\nzk_watch_count\t7\n\
             zk_avg_x\tNaN\nzk_last_size\t-1\nnot a metric\nzk_odd\t\n\
             zk_p99_readlatency\t12\nzk_updatelatency{quantile=\"0.99\"}\t34.0\n",
        );
        assert_eq!(metrics.text("version"), Some("3.9.5-2, built on x"));
        assert_eq!(metrics.number("avg_latency"), Some(0.25));
        assert_eq!(metrics.count("watch_count"), Some(7));
        assert_eq!((metrics.number("avg_x"), metrics.count("last_size")), (None, None));
        assert_eq!(metrics.quantile("readlatency", "99"), Some(12.0));
        assert_eq!(metrics.quantile("updatelatency", "99"), Some(34.0));
    }

    #[test]
    fn namespaces_are_found_whatever_they_are_called() {
        let metrics = Metrics::parse(
            "zk_cnt_app_read_per_namespace\t10\nzk_sum_app_read_per_namespace\t1000\n\
             zk_cnt_app_write_per_namespace\t2\nzk_cnt_a_read_per_namespace_write_per_namespace\t1\n",
        );
        let found = metrics.namespaces();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].name, "a_read_per_namespace");
        assert_eq!((found[1].name, found[1].reads, found[1].read_bytes), ("app", 10.0, 1000.0));
        assert_eq!(found[1].writes, 2.0);
    }

    #[test]
    fn documents_say_the_same_as_lines() {
        let document = serde_json::json!({
            "version": "3.9.5", "watch_count": 7, "avg_latency": 0.25, "error": null,
        });
        let lines = "zk_version\t3.9.5\nzk_watch_count\t7\nzk_avg_latency\t0.25\n";
        assert_eq!(Metrics::from_document(&document), Metrics::parse(lines));
    }
}
