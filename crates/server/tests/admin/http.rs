//! The admin server as an HTTP server: pages, methods, authorization, snapshots.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use expect_test::expect;
use zoarium_server::admin::http::{AdminOptions, bind};

use crate::client::{Reply, Server};
use crate::fake::Fake;
use crate::golden;

const AUTH: &str = "Authorization: digest root:pw\r\n";

fn get_with(server: &Server, path: &str, headers: &str) -> Reply {
    server.send(&format!("GET {path} HTTP/1.1\r\n{headers}"), b"")
}

fn post(server: &Server, command: &str, body: &[u8]) -> Reply {
    server.send(&format!("POST /commands/{command} HTTP/1.1\r\n{AUTH}"), body)
}

#[test]
fn the_index_is_apaches_and_sheds_connections_too() {
    let server = Server::start(Fake::standalone());
    let ours = server.get("/commands").text();
    assert_eq!(server.get("/commands/").text(), ours);
    let own = "<a href=\"/commands/shed_connections\">shed_connections</a>\n<br/>\n";
    assert_eq!(ours.replace(own, ""), golden::standalone().answer("GET /commands/index"));
}

#[test]
fn another_command_url_moves_the_commands() {
    let options =
        AdminOptions { command_url: Some("/admin/zk".to_owned()), ..AdminOptions::default() };
    let server = Server::with_options(Fake::standalone(), options);
    assert_eq!(server.get("/admin/zk/ruok").status, 200);
    assert!(server.get("/admin/zk").text().contains("href=\"/admin/zk/ruok\""));
    assert_eq!(server.get("/commands/ruok").status, 404);
    assert_eq!(server.get("/admin/zkruok").status, 404);
}

#[test]
fn a_port_for_metrics_alone_has_no_commands() {
    let options = AdminOptions { command_url: None, ..AdminOptions::default() };
    let server = Server::with_options(Fake::standalone(), options);
    assert_eq!(server.get("/metrics").status, 200);
    let reply = server.get("/commands/ruok");
    assert_eq!(reply.status, 404);
    assert_eq!(reply.text(), "nothing here; there are /metrics, /livez and /readyz\n");
}

#[test]
fn an_empty_command_url_puts_commands_at_the_root() {
    let options = AdminOptions { command_url: Some(String::new()), ..AdminOptions::default() };
    let server = Server::with_options(Fake::standalone(), options);
    assert!(server.get("/").text().contains("href=\"/ruok\""));
    assert_eq!(server.get("/ruok").header("content-type"), Some("application/json"));
    assert_eq!(server.get("/livez").text(), "ok\n");
}

#[test]
fn idle_connections_are_closed_and_working_ones_are_not() {
    let options =
        AdminOptions { idle_timeout: Duration::from_millis(50), ..AdminOptions::default() };
    let slow = Fake { slowness: Duration::from_millis(300), ..Fake::standalone() };
    let server = Server::with_options(slow, options);
    let mut idle = TcpStream::connect(server.address).unwrap();
    assert_eq!(
        server.get("/readyz").status,
        200,
        "a request may take longer than the idle timeout"
    );
    let mut bytes = Vec::new();
    assert_eq!(idle.read_to_end(&mut bytes).unwrap_or(0), 0);
}

#[test]
fn an_upload_that_stalls_is_given_up() {
    let options =
        AdminOptions { idle_timeout: Duration::from_millis(50), ..AdminOptions::default() };
    let server = Server::with_options(Fake::standalone(), options);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST /commands/restore HTTP/1.1\r\nHost: x\r\n{AUTH}Content-Length: 1000\r\n\r\nZKSN"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 500 "), "{reply}");
    assert!(server.fake.actions.lock().unwrap().is_empty());
}

#[test]
fn pages_for_orchestrators_and_prometheus() {
    let server = Server::start(Fake::standalone());
    let shown = |path: &str| {
        let reply = server.get(path);
        format!("{path} {} {}", reply.status, reply.text())
    };
    let pages: String = ["/livez", "/readyz", "/", "/nothing"].map(shown).concat();
    expect![[r"
        /livez 200 ok
        /readyz 200 ok: standalone
        / 404 nothing here; there are /commands/, /metrics, /livez and /readyz
        /nothing 404 nothing here; there are /commands/, /metrics, /livez and /readyz
    "]]
    .assert_eq(&pages);
    let metrics = server.get("/metrics");
    let content_type = metrics.header("content-type");
    assert_eq!(content_type, Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.text().contains("\nznode_count 10\n"));
}

#[test]
fn a_server_without_quorum_lives_but_is_not_ready() {
    let server = Server::start(Fake { status: None, ..Fake::standalone() });
    assert_eq!(server.get("/livez").status, 200);
    let ready = server.get("/readyz");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.text(), "This ZooKeeper instance is not currently serving requests\n");
    assert_eq!(server.get("/metrics").status, 200);
}

#[test]
fn methods_other_than_the_right_one_are_refused() {
    let server = Server::start(Fake::standalone());
    let send = |method: &str, command: &str| {
        let reply = server.send(&format!("{method} /commands/{command} HTTP/1.1\r\n{AUTH}"), b"");
        (reply.status, reply.header("allow").map(str::to_owned))
    };
    let get = Some("GET, HEAD, OPTIONS".to_owned());
    let post = Some("POST, OPTIONS".to_owned());
    assert_eq!(send("POST", "ruok"), (405, get.clone()));
    assert_eq!(send("PUT", "ruok"), (405, get.clone()));
    assert_eq!(send("GET", "restore"), (405, post));
    assert_eq!(send("OPTIONS", "ruok"), (200, get));
    assert_eq!(send("TRACE", "ruok"), (403, None));
    assert_eq!(send("HEAD", "ruok"), (200, None));
    assert_eq!(send("POST", "nosuch"), (200, None));
    expect![[r#"
        {
          "command" : "ruok",
          "error" : "Method POST is not allowed for ruok; allowed are GET, HEAD, OPTIONS"
        }"#]]
    .assert_eq(&server.send("POST /commands/ruok HTTP/1.1\r\n", b"").text());
}

#[test]
fn big_actions_need_authorization() {
    let server = Server::start(Fake::standalone());
    let golden = golden::standalone();
    let missing = server.get("/commands/snapshot");
    assert_eq!(missing.status, 401);
    assert_eq!(missing.text(), golden.answer("GET /commands/snapshot"));
    let rows = [
        ("digest root:wrong", 401, "Not authenticated"),
        ("digest", 401, "Not authenticated"),
        ("digest root:pw more", 401, "Not authenticated"),
        ("nosuch x", 401, "Not authenticated"),
        ("digest user:pw", 403, "Not authorized"),
        ("broken x", 500, "Error occurred during auth"),
    ];
    for (auth, status, error) in rows {
        let reply = get_with(&server, "/commands/snap", &format!("Authorization: {auth}\r\n"));
        assert_eq!(reply.status, status, "{auth}");
        assert!(reply.text().contains(&format!("\"error\" : \"{error}\"")), "{auth}");
    }
    assert!(server.fake.actions.lock().unwrap().is_empty());

    let server = Server::start(Fake { status: None, ..Fake::standalone() });
    let reply = server.get("/commands/snapshot");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text(), golden::not_serving().answer("GET /commands/snapshot"));
}

/// A file in the directory that cargo gives to tests.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// More than a few chunks, with some irregular length.
fn big_snapshot() -> Vec<u8> {
    let numbers = (0..123_456_u32).flat_map(u32::to_be_bytes);
    b"ZKSN".iter().copied().chain(numbers).collect()
}

#[test]
fn a_snapshot_is_streamed_whole() {
    let bytes = big_snapshot();
    let snapshot = Some(file("snapshot_is_streamed", &bytes));
    let server = Server::start(Fake { snapshot, ..Fake::standalone() });
    let reply = get_with(&server, "/commands/snapshot", AUTH);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("last_zxid"), Some("0x1e"));
    let length = bytes.len().to_string();
    assert_eq!(reply.header("snapshot_size"), Some(length.as_str()));
    assert_eq!(reply.header("content-length"), Some(length.as_str()));
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    assert!(reply.body == bytes, "the snapshot came out different");
}

#[test]
fn a_second_snapshot_at_once_is_refused() {
    let snapshot = Some(file("second_snapshot", b"ZKSN"));
    let options =
        AdminOptions { snapshot_interval: Duration::from_secs(300), ..AdminOptions::default() };
    let server = Server::with_options(Fake { snapshot, ..Fake::standalone() }, options);
    let first = get_with(&server, "/commands/snapshot?streaming=false", AUTH);
    assert_eq!((first.status, first.header("last_zxid")), (200, Some("0x1e")));
    assert_eq!(first.text(), "{\n  \"command\" : \"snapshot\",\n  \"error\" : null\n}");
    let second = get_with(&server, "/commands/snapshot", AUTH);
    assert_eq!(second.status, 429);
    assert!(second.text().contains("Only one in 300s is allowed"), "{}", second.text());
    assert_eq!(server.fake.metrics.snapshot_rate_limited_count.get(), 1);
}

#[test]
fn a_snapshot_that_fails_says_why() {
    let server = Server::start(Fake::standalone());
    let reply = get_with(&server, "/commands/snapshot", AUTH);
    assert_eq!(reply.status, 500);
    assert!(reply.text().contains("\"error\" : \"disk full\""), "{}", reply.text());
    assert_eq!(server.fake.metrics.snapshot_error_count.get(), 1);

    let snapshot = Some(file("empty_snapshot", b""));
    let server = Server::start(Fake { snapshot, ..Fake::standalone() });
    assert_eq!(get_with(&server, "/commands/snapshot", AUTH).status, 500);

    let disabled = AdminOptions { snapshot_enabled: false, ..AdminOptions::default() };
    let server = Server::with_options(Fake::standalone(), disabled);
    assert_eq!(get_with(&server, "/commands/snapshot", AUTH).status, 503);
}

#[test]
fn a_restore_reads_the_whole_body() {
    let server = Server::start(Fake::standalone());
    let bytes = big_snapshot();
    let reply = post(&server, "restore", &bytes);
    assert_eq!(reply.status, 200);
    let expected = "{\n  \"last_zxid\" : 30,\n  \"command\" : \"restore\",\n  \"error\" : null\n}";
    assert_eq!(reply.text(), expected);
    let actions = server.fake.actions.lock().unwrap().clone();
    assert_eq!(actions, [format!("restore {} bytes", bytes.len())]);
    assert_eq!(post(&server, "rest", &bytes).status, 429);
    assert_eq!(server.fake.metrics.restore_rate_limited_count.get(), 1);
}

#[test]
fn a_restore_that_fails_says_why() {
    let server = Server::start(Fake::standalone());
    let reply = post(&server, "restore", b"hello");
    assert_eq!(reply.status, 500);
    assert!(reply.text().contains("\"error\" : \"not a snapshot\""), "{}", reply.text());
    assert_eq!(server.fake.metrics.restore_error_count.get(), 1);

    let disabled = AdminOptions { restore_enabled: false, ..AdminOptions::default() };
    let server = Server::with_options(Fake::standalone(), disabled);
    assert_eq!(post(&server, "restore", b"ZKSN").status, 503);
}

#[test]
fn a_restore_whose_client_goes_away_is_an_error() {
    let server = Server::start(Fake::standalone());
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST /commands/restore HTTP/1.1\r\nHost: x\r\n{AUTH}Content-Length: 1000\r\n\r\nZKSN"
    );
    stream.write_all(head.as_bytes()).unwrap();
    drop(stream);
    // A stop waits for what is going on, so the restore has ended when it returns.
    let fake = std::sync::Arc::clone(&server.fake);
    server.stop().unwrap();
    assert!(fake.actions.lock().unwrap().is_empty());
}

#[test]
fn connections_are_shed_by_percentage() {
    let server = Server::start(Fake::standalone());
    expect![[r#"
        {
          "connections_shed" : 7,
          "percentage_requested" : 25,
          "command" : "shed_connections",
          "error" : null
        }"#]]
    .assert_eq(&post(&server, "shed", b"{\"percentage\": 25}").text());
    for body in ["", "{}", "{\"percentage\": 101}", "{\"percentage\": -1}", "[25]"] {
        assert_eq!(post(&server, "shed_connections", body.as_bytes()).status, 400, "{body}");
    }
    assert_eq!(*server.fake.actions.lock().unwrap(), ["shed 25"]);
}

#[test]
fn an_address_in_use_is_an_error_that_says_what_to_do() {
    let server = Server::start(Fake::standalone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(bind(server.address)).unwrap_err().to_string();
    let port = server.address.port();
    let expected = format!("admin server: address 127.0.0.1:{port} is in use; find the owner");
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.contains(&format!("sport = :{port}")), "{error}");

    let foreign = "192.0.2.1:8080".parse().unwrap();
    let error = runtime.block_on(bind(foreign)).unwrap_err().to_string();
    assert!(error.contains("192.0.2.1:8080 is not an address of this host"), "{error}");
}

#[test]
fn a_stop_frees_the_port() {
    let server = Server::start(Fake::standalone());
    let address = server.address;
    // An idle kept-alive connection must not hold up the stop.
    let _idle = TcpStream::connect(address).unwrap();
    server.stop().unwrap();
    assert!(TcpStream::connect(address).is_err());
}
