use super::*;
use crate::app::App;
use crate::sampler::{Detail, Sample};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use expect_test::{ExpectFile, expect_file};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::time::{Duration, Instant};
use zoarium_monitor::facts::Facts;
use zoarium_monitor::target::Target;
use zoarium_monitor::word::AskError;
use zoarium_monitor::words::connections::Connection;
use zoarium_monitor::words::watches::{WatchSummary, WatchedPath};

fn target(host: &str) -> Target {
    Target { host: host.to_owned(), port: 2181 }
}

fn server(host: &str, mode: &str, counter: u64, received: u64, at: Instant) -> Facts {
    let zxid = 0x2_0000_0000 + counter;
    let srvr = format!(
        "Zookeeper version: 3.9.5-293c895a8d966a3e, built on 2026-02-11 20:18 UTC\n\
         Latency min/avg/max: 0/0.7754/12\nReceived: {received}\nSent: {received}\n\
         Connections: {}\nOutstanding: 3\nZxid: {zxid:#x}\nMode: {mode}\nNode count: 12345\n",
        host.len() * 7,
    );
    let mntr = format!(
        "zk_peer_state\t{mode} - broadcast\nzk_watch_count\t1234567\nzk_global_sessions\t321\n\
         zk_uptime\t93784000\nzk_p50_readlatency\t0.4\nzk_p99_readlatency\t2.0\n\
         zk_p50_updatelatency\t3.0\nzk_p99_updatelatency\t17.0\nzk_avg_fsynctime\t1.25\n\
         zk_max_fsynctime\t250\nzk_open_file_descriptor_count\t99\n\
         zk_max_file_descriptor_count\t20000\nzk_approximate_data_size\t45678901\n\
         zk_cnt_app_read_per_namespace\t{received}\nzk_cnt_app_write_per_namespace\t{counter}\n"
    );
    Facts::from_answers(&target(host), &srvr, &mntr, "serverId=2\n", at)
}

/// Three servers, of which one is gone, in two moments.
fn ensemble() -> App {
    let mut app = App::new(Duration::from_secs(1));
    let began = Instant::now();
    for (second, counter, received) in [(0, 100, 1000), (1, 350, 21_000), (2, 600, 36_000)] {
        let at = began + Duration::from_secs(second);
        let servers = vec![
            server("zoo1", "follower", counter - 7, received, at),
            server("zoo2.example", "leader", counter, received * 2, at),
            Facts::from_failure(&target("zoo3"), AskError::NotServing, at),
        ];
        app.on_sample(Sample { servers, detail: None });
    }
    app
}

fn press(app: &mut App, codes: &[KeyCode]) {
    for code in codes {
        assert!(app.on_key(KeyEvent::new(*code, KeyModifiers::NONE)), "{code:?}");
    }
}

fn screen(app: &App, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, app)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| -> String { (0..width).map(|x| buffer[(x, y)].symbol()).collect() };
    (0..height).map(|y| line(y).trim_end().to_owned() + "\n").collect()
}

fn check(app: &App, expected: &ExpectFile) {
    expected.assert_eq(&screen(app, 80, 24));
}

/// What the server that is looked at tells beyond the others.
fn detail(app: &mut App) {
    let cons = "\
 /10.0.0.7:34650[0](queued=0,recved=1,sent=0)
 /10.0.0.9:34620[1](queued=2,recved=60123,sent=60120,sid=0x200000bc6770030,lop=GETD,\
est=1795427070696,to=30000,lcxid=0x4,lzxid=0xdd,lresp=1029340,llat=1,minlat=0,avglat=2,maxlat=310)
 /10.0.0.8:34621[1](queued=0,recved=77,sent=79,sid=0x200000bc6770031,lop=SETD,est=1795427070696,\
to=30000,lcxid=0x4,lzxid=0xdd,lresp=1029340,llat=1,minlat=0,avglat=0,maxlat=3)
";
    let paths = "/app/leader\n\t0x1\n\t0x2\n/app/config/of/something\n\t0x1\n";
    let target = app.looked_at().unwrap().facts.target.clone();
    let servers = app.servers().into_iter().map(|row| row.facts.clone()).collect();
    let detail = Detail {
        target,
        connections: Ok(Connection::parse_all(cons)),
        summary: Some(WatchSummary { connections: 2, paths: 2, watches: 3 }),
        paths: Some(Ok(WatchedPath::parse_all(paths))),
    };
    app.on_sample(Sample { servers, detail: Some(detail) });
}

#[test]
fn all_servers_fit_into_80_by_24() {
    check(&ensemble(), &expect_file!["screens/servers.txt"]);
    expect_file!["screens/servers-wide.txt"].assert_eq(&screen(&ensemble(), 120, 30));
}

#[test]
fn before_the_first_answer_there_is_a_word_about_it() {
    let shown = screen(&App::new(Duration::from_secs(1)), 80, 24);
    assert!(shown.starts_with(" zoarium top  asking the servers"), "{shown}");
}

#[test]
fn connections_and_watched_paths_of_a_server_are_one_key_away() {
    let mut app = ensemble();
    press(&mut app, &[KeyCode::Down, KeyCode::Enter]);
    detail(&mut app);
    check(&app, &expect_file!["screens/connections.txt"]);
    press(&mut app, &[KeyCode::Char('w')]);
    assert!(app.wanted().detail.unwrap().1, "watched paths are asked for");
    detail(&mut app);
    check(&app, &expect_file!["screens/paths.txt"]);
    press(&mut app, &[KeyCode::Esc]);
    assert_eq!((&app.screen, app.selected), (&Screen::Servers, 1));
}

#[test]
fn help_explains_keys_and_columns() {
    let mut app = ensemble();
    press(&mut app, &[KeyCode::Char('?')]);
    check(&app, &expect_file!["screens/help.txt"]);
    press(&mut app, &[KeyCode::Char('x')]);
    assert!(!app.shows_help);
}

#[test]
fn rows_are_sorted_and_filtered_by_keys() {
    let mut app = ensemble();
    let hosts = |app: &App| -> Vec<String> {
        app.servers().iter().map(|row| row.facts.target.host.clone()).collect()
    };
    assert_eq!(hosts(&app), ["zoo1", "zoo2.example", "zoo3"]);
    press(&mut app, &[KeyCode::Right, KeyCode::Right, KeyCode::Right, KeyCode::Char('r')]);
    assert_eq!(app.servers_by.column, crate::app::ServerColumn::Rate);
    assert_eq!(hosts(&app), ["zoo2.example", "zoo1", "zoo3"]);
    press(&mut app, &[KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Backspace]);
    press(&mut app, &['F', 'o', 'l'].map(KeyCode::Char));
    assert_eq!(hosts(&app), ["zoo1"]);
    assert!(screen(&app, 80, 24).contains(" filter: Fol"));
    press(&mut app, &[KeyCode::Enter, KeyCode::Esc]);
    assert_eq!(hosts(&app).len(), 3);
}

#[test]
fn no_key_and_no_size_is_too_odd() {
    let mut app = ensemble();
    for code in [KeyCode::Up, KeyCode::End, KeyCode::Down, KeyCode::PageDown, KeyCode::F(9)] {
        press(&mut app, &[code, KeyCode::Left, KeyCode::Char('c'), KeyCode::Char('w')]);
        for (width, height) in [(1, 1), (5, 3), (40, 10), (80, 24), (300, 100)] {
            let _shown = screen(&app, width, height);
        }
    }
    press(&mut app, &[KeyCode::Enter, KeyCode::Enter]);
    for (width, height) in [(1, 1), (20, 4), (79, 9)] {
        let _shown = screen(&app, width, height);
    }
    assert!(!app.on_key(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE)));
    assert!(!app.on_key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
}

#[test]
fn intervals_and_pauses_reach_the_sampler() {
    let mut app = ensemble();
    press(&mut app, &[KeyCode::Char(' '), KeyCode::Char('+')]);
    let wanted = app.wanted();
    assert_eq!((wanted.is_paused, wanted.interval), (true, Duration::from_secs(2)));
    press(&mut app, &[KeyCode::Char('-'); 9]);
    assert_eq!(app.wanted().interval, Duration::from_millis(250));
}

#[test]
fn numbers_are_short_and_true() {
    for (value, shown) in
        [(9.0, "9"), (12_345.0, "12.3k"), (123_456.0, "123k"), (1_234_567.0, "1.2M")]
    {
        assert_eq!(compact(value), shown);
    }
    for (ms, shown) in [(999, "0s"), (61_000, "1m 1s"), (7_260_000, "2h 1m"), (93_784_000, "1d 2h")]
    {
        assert_eq!(duration(ms), shown);
    }
}
