//! Configurations that start.

use super::*;
use crate::config::clients::SessionWeights;
use expect_test::{expect, expect_file};
use std::time::Duration;

#[test]
fn without_arguments_the_server_is_on_loopback_alone() {
    let loaded = World::arguments(&[]).load().unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config, ServerConfig::embedded());
    let config = loaded.config;
    assert_eq!(config.client_port.host.as_deref(), Some("127.0.0.1"));
    assert_eq!(config.client_port.port, 2181);
    let admin = config.admin.unwrap();
    assert_eq!((admin.host.as_str(), admin.port), ("127.0.0.1", 8080));
    assert_eq!(config.storage.data_dir, Path::new("zoarium-data"));
    assert_eq!(config.sessions.tick_time, Duration::from_secs(2));
    assert!(FourLetterWords::ALL.into_iter().all(|word| config.four_letter_words.allows(word)));
}

#[test]
fn a_start_without_arguments_takes_defines_and_jvmflags() {
    let world = World::arguments(&[])
        .define("zookeeper.admin.serverPort=9090")
        .define("zookeeper.4lw.commands.whitelist=ruok")
        .variable("SERVER_JVMFLAGS", "-Xmx1g -Dzookeeper.admin.enableServer=true");
    let config = world.config();
    assert_eq!(config.admin.unwrap().port, 9090);
    assert!(!config.four_letter_words.allows("mntr"));
    check_messages(
        &world,
        expect![[r"
        Debug: SERVER_JVMFLAGS: -Xmx1g: meant for a JVM, ignored
    "]],
    );
}

#[test]
fn defaults_with_a_file_are_apaches_but_for_purging_and_ttl_znodes() {
    let world = World::zoo_cfg("dataDir=/data\nclientPort=2181\n");
    check_messages(&world, expect![""]);
    expect_file!["defaults.txt"].assert_debug_eq(&world.config());
}

#[test]
fn positional_arguments_are_apaches() {
    let config = World::arguments(&["2182", "/data"]).config();
    assert_eq!((config.client_port.host, config.client_port.port), (None, 2182));
    assert_eq!(config.storage.data_dir, Path::new("/data"));
    assert_eq!(config.sessions.tick_time, Duration::from_secs(3));
    let config = World::arguments(&["2182", "/data", "500", "7"]).config();
    assert_eq!(config.sessions.tick_time, Duration::from_millis(500));
    assert_eq!(config.limits.connections_per_client, Some(7));
}

#[test]
fn the_file_wins_over_the_command_line_and_that_over_jvmflags() {
    let world = World::sample("snapCount=10\n")
        .define("zookeeper.snapCount=20")
        .define("zookeeper.flushDelay=21")
        .variable("SERVER_JVMFLAGS", "-Dzookeeper.flushDelay=31 -Dzookeeper.maxBatchSize=32");
    let storage = world.config().storage;
    assert_eq!(storage.snap_count, 10);
    assert_eq!(storage.flush_delay, Duration::from_millis(21));
    assert_eq!(storage.max_write_queue_poll, Duration::from_millis(7));
    assert_eq!(storage.max_batch_size, Some(32));
    check_messages(
        &world,
        expect![[r"
            Info: SERVER_JVMFLAGS: -Dzookeeper.flushDelay=31: overridden by command line
            Info: command line: -Dzookeeper.snapCount=20: overridden by zoo.cfg:4
        "]],
    );
    let properties = world.load().unwrap().properties;
    assert_eq!(properties.find("zookeeper.snapCount").unwrap().value, "10");
}

#[test]
fn properties_without_prefix_are_read_from_flags() {
    let world = World::sample("").variable(
        "SERVER_JVMFLAGS",
        "-Djute.maxbuffer=0x9fffff -Dreadonlymode.enabled=true -Dfsync.warningthresholdms=50 \
         -Dznode.container.checkIntervalMs=100 -Dznode.container.maxNeverUsedIntervalMs=200",
    );
    check_messages(&world, expect![""]);
    let config = world.config();
    assert_eq!(config.limits.frame_bytes, 0x9f_ffff);
    assert!(config.four_letter_words.allows("isro"));
    assert_eq!(config.storage.fsync_warning, Duration::from_millis(50));
    assert_eq!(config.znodes.container_check_interval, Duration::from_millis(100));
    assert_eq!(config.znodes.container_max_never_used, Some(Duration::from_millis(200)));
    // The name with prefix is the newer one, and wins.
    let config = world.define("zookeeper.fsync.warningthresholdms=60").config();
    assert_eq!(config.storage.fsync_warning, Duration::from_millis(60));
}

#[test]
fn sentinels_become_none_or_their_meaning() {
    let config = World::sample(
        "minSessionTimeout=-1\nmaxSessionTimeout=-1\nmaxClientCnxns=0\nclientPortListenBacklog=-1\n\
         snapSizeLimitInKb=0\ntxnLogSizeLimitInKb=-1\nmaxBatchSize=0\nlargeRequestThreshold=-1\n\
         autopurge.purgeInterval=0\nconnection_throttle_tokens=0\nadmin.enableServer=false\n",
    )
    .config();
    assert_eq!(config.sessions.min_timeout, Duration::from_secs(4));
    assert_eq!(config.sessions.max_timeout, Duration::from_secs(40));
    assert_eq!(config.limits.connections_per_client, None);
    assert_eq!(config.client_port.listen_backlog, None);
    assert_eq!(config.storage.snap_size_bytes, None);
    assert_eq!(config.storage.txn_log_size_bytes, None);
    assert_eq!(config.storage.max_batch_size, None);
    assert_eq!(config.limits.large_request_bytes, None);
    assert_eq!(config.storage.purge, None);
    assert_eq!(config.limits.connection_throttle, None);
    assert_eq!(config.admin, None);
}

#[test]
fn session_timeouts_do_not_overflow_the_protocol() {
    let config = World::zoo_cfg("tickTime=2147483647\ndataDir=d\nclientPort=1\n").config();
    assert_eq!(config.sessions.max_timeout, Duration::from_millis(0x7fff_ffff));
}

#[test]
fn purging_takes_hours_or_a_unit_and_keeps_three_at_least() {
    for (text, seconds) in [("2", 7200), ("30s", 30), ("1 d", 86400), ("5m", 300), ("1h", 3600)] {
        let purge =
            World::sample(&format!("autopurge.purgeInterval={text}")).config().storage.purge;
        assert_eq!(purge.unwrap().interval, Duration::from_secs(seconds), "{text}");
    }
    let world = World::sample("autopurge.snapRetainCount=1\nsnapCount=0\n");
    let storage = world.config().storage;
    assert_eq!((storage.purge.unwrap().retain, storage.snap_count), (3, 2));
    check_messages(
        &world,
        expect![[r"
            Warn: zoo.cfg:4: autopurge.snapRetainCount=1: raised to 3
            Warn: zoo.cfg:5: snapCount=0: raised to 2
        "]],
    );
}

#[test]
fn who_may_do_what() {
    let world = World::sample(
        "skipACL=yes\nDigestAuthenticationProvider.superDigest=super:xQJmxLMiHGwaqBvst5y6rkB6HQs=\n\
         DigestAuthenticationProvider.digestAlg=SHA-256\nsuperUser=a\nsuperUser.x=b\n\
         enforce.auth.enabled=true\nenforce.auth.schemes=digest, ensemble\nenforceQuota=TRUE\n\
         authProvider.1=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider\n\
         ensembleAuthName=north,south\n",
    );
    check_messages(&world, expect![""]);
    expect![[r#"
        Access {
            skip_acl: true,
            digest_scheme: true,
            digest_algorithm: Sha256,
            super_digest: Some(
                ***,
            ),
            super_users: [
                "a",
                "b",
            ],
            required_schemes: [
                "digest",
                "ensemble",
            ],
            ensemble_names: Some(
                [
                    "north",
                    "south",
                ],
            ),
            use_x_forwarded_for: false,
            enforce_quota: true,
        }
    "#]]
    .assert_debug_eq(&world.config().access);
}

#[test]
fn four_letter_words_are_trimmed_and_mistyped_ones_reported() {
    let world = World::sample("4lw.commands.whitelist= stat , ruok,mntrr,,x\n");
    let words = world.config().four_letter_words;
    assert!(words.allows("stat") && words.allows("ruok") && words.allows("srvr"));
    assert!(!words.allows("mntr") && !words.allows("isro") && !words.allows("x"));
    check_messages(
        &world,
        expect![[r#"
            Warn: zoo.cfg:4: 4lw.commands.whitelist=stat , ruok,mntrr,,x: no such command: "mntrr"; did you mean "mntr"?
            Warn: zoo.cfg:4: 4lw.commands.whitelist=stat , ruok,mntrr,,x: no such command: "x"
        "#]],
    );
}

#[test]
fn connection_throttling_is_scaled_by_weights() {
    let throttle = |text: &str| World::sample(text).config().limits.connection_throttle.unwrap();
    let plain = throttle("connection_throttle_tokens=10\n");
    assert_eq!((plain.tokens, plain.fill_count), (10, 1));
    assert_eq!(plain.weights, SessionWeights { global: 1, local: 1, renew: 1 });
    let weighted = throttle(
        "connection_throttle_tokens=10\nconnection_throttle_weight_enabled=true\n\
         connection_throttle_local_session_weight=4\nconnection_throttle_freeze_time=5\n\
         connection_throttle_drop_increase=0.5\n",
    );
    assert_eq!((weighted.tokens, weighted.fill_count), (40, 4));
    assert_eq!(weighted.weights, SessionWeights { global: 4, local: 4, renew: 4 });
    assert_eq!(weighted.freeze_time, Some(Duration::from_millis(5)));
}

#[test]
fn metrics_providers_are_known_by_their_class() {
    let metrics = |text: &str| World::sample(text).config().metrics;
    assert_eq!(
        metrics(
            "metricsProvider.className=\
             org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider\n\
             metricsProvider.httpHost=127.0.0.1\nmetricsProvider.httpPort=7001\n\
             metricsProvider.httpsPort=-1\n"
        ),
        Metrics::Prometheus { host: "127.0.0.1".to_owned(), port: 7001 }
    );
    assert_eq!(
        metrics(
            "metricsProvider.className=org.apache.zookeeper.metrics.impl.NullMetricsProvider\n"
        ),
        Metrics::Null
    );
}

#[test]
fn what_concerns_only_java_is_accepted_with_a_note() {
    check_messages(
        &World::sample(
            "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\n\
             nio.numSelectorThreads=4\njvm.pause.monitor=true\nnetty.server.outstandingHandshake.limit=5\n\
             sslQuorum=false\nclient.portUnification=FALSE\nsessionRequireClientSASLAuth=false\n",
        )
        .define("com.sun.management.jmxremote.port=1")
        .define("zookeeper.jmx.log4j.disable=true"),
        expect![[r"
            Info: command line: -Dzookeeper.jmx.log4j.disable=true: accepted without effect: the log goes to standard error, and RUST_LOG chooses what it holds
            Info: zoo.cfg:4: serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory: accepted without effect: there is one network layer, not a choice between NIO and Netty
            Info: zoo.cfg:5: nio.numSelectorThreads=4: accepted without effect: there are no Java threads and buffers to size
            Info: zoo.cfg:6: jvm.pause.monitor=true: accepted without effect: there is no JVM that could pause
            Info: zoo.cfg:7: netty.server.outstandingHandshake.limit=5: accepted without effect: there is one network layer, not a choice between NIO and Netty
        "]],
    );
}

#[test]
fn unknown_keys_are_kept_and_the_nearest_known_one_named() {
    let world = World::sample(
        "tickTme=2000\nzookeeper.snapCount=5\nmadeUp=1\njute.maxbuffer=99999999\n\
         metricsProvider.httpport=7\ndataDir=/data2\nsslquorum=false\n",
    )
    .define("zookeeper.tickTime=5")
    .define("zookeeper.snapcount=5")
    .define("zookeeper.wholly.unheard.of=5")
    .define("jute.maxbufer=5");
    check_messages(
        &world,
        expect![[r#"
            Warn: command line: unknown system property "zookeeper.snapcount"; did you mean "zookeeper.snapCount"?
            Warn: command line: -Dzookeeper.tickTime=5: no effect as a system property; tickTime is read from the file only
            Warn: command line: unknown system property "zookeeper.wholly.unheard.of"
            Warn: zoo.cfg:4: unknown key "tickTme"; did you mean "tickTime"? It is kept as the system property zookeeper.tickTme
            Warn: zoo.cfg:5: unknown key "zookeeper.snapCount"; did you mean "snapCount"? It is kept as the system property zookeeper.zookeeper.snapCount
            Warn: zoo.cfg:6: unknown key "madeUp". It is kept as the system property zookeeper.madeUp
            Warn: zoo.cfg:7: jute.maxbuffer=99999999: no effect in a file; it is read as the system property -Djute.maxbuffer only
            Warn: zoo.cfg:8: unknown key "metricsProvider.httpport"; did you mean "metricsProvider.httpPort"?
            Warn: zoo.cfg:9: dataDir=/data2: set before on line 2; the last one counts
            Warn: zoo.cfg:10: unknown key "sslquorum"; did you mean "sslQuorum"? It is kept as the system property zookeeper.sslquorum
        "#]],
    );
    let loaded = world.load().unwrap();
    assert_eq!(loaded.properties.find("zookeeper.tickTme").unwrap().value, "2000");
    assert_eq!(loaded.config.limits.frame_bytes, 0xf_ffff);
    assert_eq!(loaded.config.storage.data_dir, Path::new("/data2"));
}

#[test]
fn a_path_that_is_not_ascii_is_read_as_java_reads_it() {
    let world = World::zoo_cfg("dataDir=/dät\nclientPort=1\ndataLogDir=/d\\u00e4t\n");
    let storage = world.config().storage;
    assert_eq!(storage.data_dir, Path::new("/dÃ¤t"));
    assert_eq!(storage.log_dir, Path::new("/dät"));
    check_messages(
        &world,
        expect![[r#"
            Warn: zoo.cfg:1: dataDir=/dÃ¤t: not ASCII, and read as ISO-8859-1 as Java does; \uXXXX is unambiguous
        "#]],
    );
}
