use super::*;
use std::time::{Duration, Instant};

fn facts(port: u16, srvr: &str, mntr: &str, at: Instant) -> Facts {
    let target = Target { host: "zoo".to_owned(), port };
    Facts::from_answers(&target, srvr, mntr, "", at)
}

#[test]
fn lag_is_told_within_an_epoch_only() {
    let now = Instant::now();
    let leader = facts(1, "Mode: leader\nZxid: 0x20000000a\n", "", now);
    for (zxid, expected) in
        [("0x200000007", Some(3)), ("0x20000000b", Some(0)), ("0x1000000ff", None)]
    {
        let server = facts(2, &format!("Zxid: {zxid}\n"), "", now);
        assert_eq!(lag(&server, &leader), expected, "{zxid}");
    }
    assert_eq!(lag(&facts(2, "", "", now), &leader), None);
}

#[test]
fn rates_are_of_what_grew() {
    let now = Instant::now();
    let before = facts(1, "Received: 100\nSent: 50\nZxid: 0x100000001\n", "", now);
    let later = now + Duration::from_secs(2);
    let after = facts(1, "Received: 300\nSent: 10\nZxid: 0x200000001\n", "", later);
    let rates = Rates::between(&before, &after);
    // The number sent was reset, and an epoch began.
    assert_eq!(rates, Rates { received: Some(100.0), sent: None, transactions: None });
    assert_eq!(Rates::between(&after, &after).received, None);
}

#[test]
fn heat_adds_up_reads_of_servers_and_takes_writes_once() {
    let now = Instant::now();
    let later = now + Duration::from_secs(1);
    let metrics = |reads: u32, writes: u32| {
        format!(
            "zk_cnt_app_read_per_namespace\t{reads}\nzk_sum_app_read_per_namespace\t{}\n\
             zk_cnt_app_write_per_namespace\t{writes}\nzk_cnt_idle_read_per_namespace\t5\n",
            reads * 10
        )
    };
    let before = [facts(1, "", &metrics(10, 5), now), facts(2, "", &metrics(0, 5), now)];
    let after = [facts(1, "", &metrics(110, 15), later), facts(2, "", &metrics(50, 15), later)];
    let heat = heat(&before, &after);
    let expected = Heat { path: "/app".to_owned(), reads: 150.0, writes: 10.0, bytes: 1500.0 };
    assert_eq!(heat, [expected]);
}
