//! `mntr`, `monitor` and Prometheus against the names and the layout of Apache.

use std::time::{Duration, Instant};

use expect_test::expect;
use zoarium_server::admin::four_letter::{FourLetterWord, render};
use zoarium_server::metrics::prometheus::{self, Window};
use zoarium_server::metrics::{Metrics, process::ProcessUsage};
use zoarium_server::status::{AdminSource, QuotaStatus};

use crate::fake::{Fake, follower, leader, observer};
use crate::golden::{self, Golden};

fn mntr(fake: &Fake) -> String {
    String::from_utf8(render(FourLetterWord::Mntr, 0, fake)).unwrap()
}

fn names(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split_once('\t').expect("a tab").0).collect()
}

/// Namespaces and learners that the captures have.
fn touch_keys(metrics: &Metrics, read: &[&str], written: &[&str], learners: &[&str]) {
    read.iter().for_each(|key| metrics.read_per_namespace.key(key).unwrap().record(1));
    written.iter().for_each(|key| metrics.write_per_namespace.key(key).unwrap().record(1));
    for key in learners {
        metrics.learner_handler_qp_size.key(key).unwrap().record(1);
        metrics.learner_handler_qp_time_ms.key(key).unwrap().record(Duration::ZERO);
    }
}

#[test]
fn mntr_has_the_names_of_apache_in_its_order() {
    let rows: [(Golden, Fake); 4] = [
        (golden::standalone(), Fake::standalone()),
        (golden::leader(), Fake::member(3, leader())),
        (golden::follower(), Fake::member(1, follower())),
        (golden::observer(), Fake::member(4, observer())),
    ];
    for (golden, fake) in rows {
        let expected = golden.answer("mntr");
        // Keys come in hash order in Apache, sorted here.
        let mut expected: Vec<&str> = names(expected);
        let keyed = |name: &&str| {
            ["_namespace", "qp_size", "qp_time_ms"].iter().any(|set| name.ends_with(set))
        };
        let mut expected_keyed: Vec<&str> = expected.iter().copied().filter(keyed).collect();
        expected.retain(|name| !keyed(name));
        let keys = |set: &str| -> Vec<&str> {
            let key = |name: &&'static str| {
                name.strip_prefix("zk_cnt_")?.strip_suffix(set)?.strip_suffix('_')
            };
            expected_keyed.iter().filter_map(key).collect()
        };
        touch_keys(
            &fake.metrics,
            &keys("read_per_namespace"),
            &keys("write_per_namespace"),
            &keys("learner_handler_qp_size"),
        );
        let text = mntr(&fake);
        let mut ours = names(&text);
        let mut ours_keyed: Vec<&str> = ours.iter().copied().filter(keyed).collect();
        ours.retain(|name| !keyed(name));
        assert_eq!(ours, expected);
        ours_keyed.sort_unstable();
        expected_keyed.sort_unstable();
        assert_eq!(ours_keyed, expected_keyed);
    }
}

#[test]
fn mntr_prints_values_as_apache_does() {
    let golden = golden::standalone();
    let mut fake = Fake::standalone();
    fake.traffic(47, 49, &[(0, 1), (1, 33), (2, 1), (5, 1)]);
    let ms = Duration::from_millis;
    let readlatency = &fake.metrics.readlatency;
    [0, 0, 0, 1, 1, 1, 0, 5].into_iter().for_each(|latency| readlatency.record(ms(latency)));
    fake.metrics.node_changed_watch_count.record(1);
    fake.metrics.node_changed_watch_count.record(2);
    (0..28).for_each(|_| fake.metrics.sync_processor_batch_size.record(1));
    fake.metrics.dbinittime.record(ms(7));
    fake.metrics.bytes_received_count.add(1370);

    let ours = mntr(&fake);
    let theirs = golden.answer("mntr");
    let gauges = |text: &'static str| -> Vec<&'static str> { text.lines().take(26).collect() };
    assert_eq!(ours.lines().take(26).collect::<Vec<_>>(), gauges(theirs));
    for name in
        ["readlatency", "node_changed_watch_count", "sync_processor_batch_size", "dbinittime"]
    {
        let lines = |text: &str| -> Vec<String> {
            let of_metric = |line: &&str| line.contains(&format!("_{name}\t"));
            text.lines().filter(of_metric).map(str::to_owned).collect()
        };
        // The captured reservoir holds the same 8 reads; its median is between 0 and 1.
        let mut expected = lines(theirs);
        expected.iter_mut().for_each(|line| {
            *line = line.replace("zk_p50_readlatency\t1", "zk_p50_readlatency\t0");
        });
        assert_eq!(lines(&ours), expected);
    }
    assert!(ours.contains("\nzk_bytes_received_count\t1370\n"));
}

#[test]
fn times_below_a_millisecond_show_in_the_average() {
    let fake = Fake::standalone();
    [200, 400, 1200].into_iter().for_each(|micros| {
        fake.metrics.updatelatency.record(Duration::from_micros(micros));
    });
    let text = mntr(&fake);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("_updatelatency\t")).collect();
    expect![[r"
        zk_avg_updatelatency	0.6
        zk_min_updatelatency	0
        zk_max_updatelatency	2
        zk_cnt_updatelatency	3
        zk_sum_updatelatency	2
        zk_p50_updatelatency	0
        zk_p95_updatelatency	1
        zk_p99_updatelatency	1
        zk_p999_updatelatency	1"]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn quotas_and_exceeded_quotas_appear_by_namespace() {
    let mut fake = Fake::standalone();
    fake.status_mut().quotas = vec![QuotaStatus {
        namespace: "app".to_owned(),
        count_limit: 100,
        bytes_limit: -1,
        count: 7,
        bytes: 345,
    }];
    fake.metrics.quota_exceeded_error_per_namespace.key("app").unwrap().increment();
    let text = mntr(&fake);
    for line in [
        "zk_app_quota_count_limit_per_namespace\t100",
        "zk_app_quota_bytes_limit_per_namespace\t-1",
        "zk_app_quota_count_usage_per_namespace\t7",
        "zk_app_quota_bytes_usage_per_namespace\t345",
        "zk_app_quota_exceeded_error_per_namespace\t1",
    ] {
        assert!(text.lines().any(|ours| ours == line), "{line}");
    }
}

#[test]
fn a_reset_clears_every_metric() {
    let fake = Fake::standalone();
    let before = mntr(&fake);
    fake.metrics.readlatency.record(Duration::from_millis(3));
    fake.metrics.proposal_count.increment();
    fake.metrics.reset();
    assert_eq!(mntr(&fake), before);
    touch_keys(&fake.metrics, &["a"], &["b"], &["1"]);
    fake.metrics.reset();
    assert!(mntr(&fake).contains("\nzk_cnt_a_read_per_namespace\t0\n"));
}

fn scrape(fake: &Fake, window: &Window, now: Instant) -> String {
    prometheus::render(&fake.metrics, fake.status().as_ref(), None, window, now)
}

/// Sample names without labels, as a Prometheus server sees them.
fn samples(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split([' ', '{']).next().unwrap_or_default())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn prometheus_has_every_name_of_apaches_provider() {
    let fake = Fake::standalone();
    touch_keys(&fake.metrics, &["app"], &["app"], &[]);
    let process = ProcessUsage::default();
    let status = fake.status();
    let window = Window::default();
    let ours =
        prometheus::render(&fake.metrics, status.as_ref(), Some(&process), &window, Instant::now());
    let theirs = include_str!("../golden/prometheus.txt");
    let (_header, theirs) = theirs.split_once("\n\n").unwrap();
    let ours = samples(&ours);
    let missing: Vec<&str> =
        samples(theirs).into_iter().filter(|name| !ours.contains(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn prometheus_text_is_well_formed() {
    let fake = Fake::standalone();
    let metrics = &fake.metrics;
    metrics.proposal_count.add(3);
    metrics.readlatency.record(Duration::from_micros(1500));
    metrics.write_per_namespace.key("a\"b").unwrap().record(12);
    metrics.quota_exceeded_error_per_namespace.key("app").unwrap().increment();
    let text = scrape(&fake, &Window::default(), Instant::now());
    let of = |name: &str| -> String {
        let lines = text.lines().filter(|line| {
            line.split([' ', '{']).any(|word| {
                word.trim_end_matches("_count") == name || word.trim_end_matches("_sum") == name
            })
        });
        lines.map(|line| format!("{line}\n")).collect()
    };
    let shown: String = [
        "znode_count",
        "avg_latency",
        "proposal_count",
        "readlatency",
        "fsynctime",
        "write_per_namespace",
        "quota_exceeded_error_per_namespace",
    ]
    .map(of)
    .concat();
    expect![[r##"
        # HELP znode_count Znodes
        # TYPE znode_count gauge
        znode_count 10
        # HELP avg_latency Mean time of a request, in ms
        # TYPE avg_latency gauge
        avg_latency 0.0
        # HELP proposal_count Transactions proposed as leader
        # TYPE proposal_count counter
        proposal_count 3
        # HELP readlatency A read, from arrival to reply
        # TYPE readlatency summary
        readlatency{quantile="0.5"} 1.5
        readlatency{quantile="0.9"} 1.5
        readlatency{quantile="0.99"} 1.5
        readlatency_count 1
        readlatency_sum 1.5
        # HELP fsynctime One fsync of the log
        # TYPE fsynctime summary
        fsynctime{quantile="0.5"} NaN
        fsynctime_count 0
        fsynctime_sum 0
        # HELP write_per_namespace Bytes of one write by namespace
        # TYPE write_per_namespace summary
        write_per_namespace{key="a\"b",quantile="0.5"} 12
        write_per_namespace_count{key="a\"b"} 1
        write_per_namespace_sum{key="a\"b"} 12
        # HELP quota_exceeded_error_per_namespace Errors of exceeded quotas by namespace
        # TYPE quota_exceeded_error_per_namespace counter
        quota_exceeded_error_per_namespace{key="app"} 1
    "##]]
    .assert_eq(&shown);
}

#[test]
fn quantiles_forget_what_is_older_than_two_windows() {
    let fake = Fake::standalone();
    let window = Window::default();
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let p50 = |text: &str| -> String {
        let line = text.lines().find(|line| line.starts_with("readlatency{quantile=\"0.5\"}"));
        line.unwrap().rsplit_once(' ').unwrap().1.to_owned()
    };
    fake.metrics.readlatency.record(Duration::from_millis(8));
    assert_eq!(p50(&scrape(&fake, &window, at(0))), "8");
    assert_eq!(p50(&scrape(&fake, &window, at(30))), "8");
    assert_eq!(p50(&scrape(&fake, &window, at(61))), "NaN");
    fake.metrics.readlatency.record(Duration::from_millis(2));
    assert_eq!(p50(&scrape(&fake, &window, at(90))), "2.016");
    assert_eq!(p50(&scrape(&fake, &window, at(122))), "2.016");
    assert_eq!(p50(&scrape(&fake, &window, at(183))), "NaN");
}

#[test]
fn a_server_that_does_not_serve_still_has_its_counters() {
    let fake = Fake { status: None, ..Fake::standalone() };
    fake.metrics.looking_count.increment();
    let text = scrape(&fake, &Window::default(), Instant::now());
    assert!(text.contains("\nlooking_count 1\n"));
    assert!(!text.contains("\nznode_count "));
}
