//! Configurations that do not start, and what they say.

use super::*;
use expect_test::expect;
use proptest::prelude::*;

#[test]
fn every_bad_value_is_reported_with_file_line_key_and_what_is_allowed() {
    check_messages(
        &World::zoo_cfg(
            "tickTime=abc\ndataDir=\nclientPort=65536\nmaxClientCnxns=many\n\
             localSessionsEnabled=yes\nelectionAlg=2\npeerType=leader\nforceSync=true\n\
             snapshot.compression.method=zip\nautopurge.purgeInterval=1w\n\
             connection_throttle_drop_increase=2\nmetricsProvider.className=a.B\n\
             admin.commandURL=commands\nsnapCount=-1\ndigest.enabled=1\ntxnLogSizeLimitInKb=big\n\
             audit.impl.class=a.B\n",
        ),
        expect![[r"
            error: zoo.cfg:1: tickTime=abc: not a number; allowed: 1 to 2147483647 (milliseconds)
            error: zoo.cfg:2: dataDir=: empty; allowed: a path
            error: zoo.cfg:3: clientPort=65536: out of range; allowed: 0 to 65535
            error: zoo.cfg:4: maxClientCnxns=many: not a number; allowed: 1 to 2147483647; 0 or less: unlimited
            error: zoo.cfg:5: localSessionsEnabled=yes: not one of the allowed values; allowed: true, false
            error: zoo.cfg:6: electionAlg=2: not one of the allowed values; allowed: 3
            error: zoo.cfg:7: peerType=leader: not one of the allowed values; allowed: participant, observer
            error: zoo.cfg:8: forceSync=true: not one of the allowed values; allowed: yes, no
            error: zoo.cfg:9: snapshot.compression.method=zip: not one of the allowed values; allowed: (empty), gz, snappy
            error: zoo.cfg:10: autopurge.purgeInterval=1w: not a number; allowed: -2147483648 to 2147483647 (hours), or with a unit: ms, s, m, h, d; 0 or less: off
            error: zoo.cfg:11: connection_throttle_drop_increase=2: out of range; allowed: 0 to 1, with a decimal point
            error: zoo.cfg:12: metricsProvider.className=a.B: not one of the allowed values; allowed: org.apache.zookeeper.metrics.impl.DefaultMetricsProvider, org.apache.zookeeper.metrics.impl.NullMetricsProvider, org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider
            error: zoo.cfg:13: admin.commandURL=commands: not one of the allowed values; allowed: a path that begins with /
            error: zoo.cfg:14: snapCount=-1: out of range; allowed: 0 to 2147483647
            error: zoo.cfg:15: digest.enabled=1: not one of the allowed values; allowed: true, false
            error: zoo.cfg:16: txnLogSizeLimitInKb=big: not a number; allowed: 1 or more (KiB); 0 or less: unlimited
            error: zoo.cfg:17: audit.impl.class=a.B: not one of the allowed values; allowed: org.apache.zookeeper.audit.Slf4jAuditLogger
        "]],
    );
}

#[test]
fn bad_properties_are_reported_with_where_they_come_from() {
    check_messages(
        &World::sample("")
            .variable("SERVER_JVMFLAGS", "-Dzookeeper.snapCount=x -Djute.maxbuffer=5")
            .define("zookeeper.skipACL=true")
            .define("readonlymode.enabled"),
        expect![[r"
            error: SERVER_JVMFLAGS: -Djute.maxbuffer=5: out of range; allowed: 1024 to 2147483647 (bytes)
            error: SERVER_JVMFLAGS: -Dzookeeper.snapCount=x: not a number; allowed: 0 to 2147483647
            error: command line: -Dzookeeper.skipACL=true: not one of the allowed values; allowed: yes, no
            error: command line: -Dreadonlymode.enabled=: not one of the allowed values; allowed: true, false
        "]],
    );
}

#[test]
fn what_is_missing_or_contradicts_is_named() {
    check_messages(
        &World::zoo_cfg("# nothing\n"),
        expect![[r#"
            error: zoo.cfg: clientPort is not set; it is required here or in this server's own server.N line
            error: zoo.cfg: dataDir is not set; it is required by every server
        "#]],
    );
    check_messages(
        &World::zoo_cfg("dataDir=d\nclientPortAddress=::1\n"),
        expect![[r"
            error: zoo.cfg: clientPort is not set; it is required here or in this server's own server.N line
            error: zoo.cfg:2: clientPortAddress=::1: clientPort must be set as well
        "]],
    );
    check_messages(
        &World::sample("minSessionTimeout=50000\n"),
        expect![[r"
            error: zoo.cfg:4: minSessionTimeout=50000: contradicts session timeouts from 50000 to 40000 ms: minSessionTimeout must not be larger than maxSessionTimeout
        "]],
    );
    check_messages(
        &World::sample("enforce.auth.enabled=true\n"),
        expect![[r"
            error: zoo.cfg:4: enforce.auth.enabled=true: enforce.auth.schemes must be set as well
        "]],
    );
}

#[test]
fn protection_that_cannot_be_given_stops_the_start() {
    check_messages(
        &World::sample(
            "secureClientPort=2281\nssl.keyStore.location=/k.jks\nssl.keyStore.password=hush\n\
             ssl.quorum.trustStore.location=/t\nsslQuorum=true\nadmin.forceHttps=true\n\
             sessionRequireClientSASLAuth=true\nquorum.auth.enableSasl=true\n\
             enforce.auth.enabled=true\nenforce.auth.schemes=ip,sasl\n\
             authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n\
             metricsProvider.ssl.keyStore.location=/k\n",
        )
        .define("java.security.auth.login.config=/jaas.conf"),
        expect![[r"
            error: command line: -Djava.security.auth.login.config=/jaas.conf: not supported by this server: there is no SASL here; use the scheme digest or a private network, or remove the key
            error: zoo.cfg:4: secureClientPort=2281: not supported by this server: there is no TLS here; use a proxy that speaks TLS, or remove the key
            error: zoo.cfg:5: ssl.keyStore.location=/k.jks: not supported by this server: there is no TLS here; use a proxy that speaks TLS, or remove the key
            error: zoo.cfg:6: ssl.keyStore.password=***: not supported by this server: there is no TLS here; use a proxy that speaks TLS, or remove the key
            error: zoo.cfg:7: ssl.quorum.trustStore.location=/t: not supported by this server: there is no TLS here; use a proxy that speaks TLS, or remove the key
            error: zoo.cfg:8: sslQuorum=true: not supported by this server: there is no TLS here; use a proxy that speaks TLS, or remove the key
            error: zoo.cfg:9: admin.forceHttps=true: not supported by this server: there is no TLS here; use a proxy that speaks TLS, or remove the key
            error: zoo.cfg:10: sessionRequireClientSASLAuth=true: not supported by this server: there is no SASL here; use the scheme digest or a private network, or remove the key
            error: zoo.cfg:11: quorum.auth.enableSasl=true: not supported by this server: there is no SASL here; use the scheme digest or a private network, or remove the key
            error: zoo.cfg:13: enforce.auth.schemes=sasl: not supported by this server: no such scheme is offered; required schemes can be ip, digest unless it is disabled, and ensemble with its authProvider
            error: zoo.cfg:14: authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider: not supported by this server: the schemes here are digest, ip and ensemble; Java classes cannot be loaded
            error: zoo.cfg:15: metricsProvider.ssl.keyStore.location=/k: not supported by this server: there is no TLS here; use a proxy that speaks TLS, or remove the key
        "]],
    );
}

#[test]
fn files_that_cannot_be_read_are_the_only_error() {
    check_messages(
        &World::arguments(&["no.cfg"]),
        expect![[r"
            error: no.cfg: cannot be read: entity not found
        "]],
    );
    check_messages(
        &World::zoo_cfg("dataDir=d\nclientPort=\\u12\n"),
        expect![[r#"
            error: zoo.cfg:2: \u is not followed by four hexadecimal digits
        "#]],
    );
}

#[test]
fn arguments_of_no_known_form_are_refused() {
    check_messages(
        &World::arguments(&["1", "2", "3", "4", "5"]),
        expect![[r"
            error: 5 arguments: allowed are none, one (path of zoo.cfg), or clientPort dataDir [tickTime] [maxClientCnxns]
        "]],
    );
    check_messages(
        &World::arguments(&["port", "d", "0"]),
        expect![[r"
            error: argument 1: clientPort=port: not a number; allowed: 0 to 65535
            error: argument 3: tickTime=0: out of range; allowed: 1 to 2147483647 (milliseconds)
        "]],
    );
}

proptest! {
    #[test]
    fn no_file_makes_loading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = World::zoo_cfg(bytes).load();
    }

    #[test]
    fn no_value_of_a_known_key_makes_loading_panic(
        lines in proptest::collection::vec((any::<prop::sample::Index>(), "\\PC{0,12}|-?[0-9]{1,20}"), 1..20),
    ) {
        let names: Vec<_> = keys::names().map(|(name, _)| name).collect();
        let mut text = String::new();
        for (index, value) in lines {
            writeln!(text, "{}={value}", index.get(&names)).unwrap();
        }
        let _ = World::zoo_cfg(text).load();
    }

    #[test]
    fn no_member_line_makes_loading_panic(
        lines in proptest::collection::vec(
            ("(server|group|weight)\\.[0-9a]{1,3}", "[a0-9:;|\\[\\]participantobserver-]{0,40}"), 1..8),
        my_id in "[0-9 x]{0,4}",
    ) {
        let mut text = "dataDir=d\ninitLimit=1\nsyncLimit=1\nclientPort=1\n".to_owned();
        for (key, value) in lines {
            writeln!(text, "{key}={value}").unwrap();
        }
        let _ = World::zoo_cfg(text).file("d/myid", my_id).load();
    }
}
