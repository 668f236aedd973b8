//! Quotas.

use super::script::{Script, check};
use super::world::World;
use expect_test::expect;

#[test]
fn hard_quota_refuses_and_soft_quota_warns() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /hard
            c1 #1 0x2 /hard
        c1 create /zookeeper/quota/hard
            c1 #2 0x3 /zookeeper/quota/hard
        c1 create /zookeeper/quota/hard/zookeeper_limits data=count=1,countHardLimit=3,byteHardLimit=5
            c1 #3 0x4 /zookeeper/quota/hard/zookeeper_limits
        c1 create /zookeeper/quota/hard/zookeeper_stats
            c1 #4 0x5 /zookeeper/quota/hard/zookeeper_stats
        c1 create /hard/a data=12345
            c1 #5 0x6 /hard/a
        c1 create /hard/b data=6
            over quota of /hard: hard Bytes 6 > 5
            c1 #6 0x7 QuotaExceeded
        c1 setData /hard/a data=123456
            over quota of /hard: hard Bytes 6 > 5
            c1 #7 0x8 QuotaExceeded
        c1 setData /hard/a data=abcde
            c1 #8 0x9 6/9/6 v1.0.0 5+0
        c1 create /hard/b
            c1 #9 0xa /hard/b
        c1 create /hard/c
            over quota of /hard: hard Count 4 > 3
            c1 #10 0xb QuotaExceeded
        c1 create /hard/b/c
            over quota of /hard: hard Count 4 > 3
            c1 #11 0xc QuotaExceeded
        c1 delete /hard/b
            c1 #12 0xd ok
        c1 multi create /hard/c; create /hard/d data=6
            over quota of /hard: hard Bytes 6 > 5
            c1 #13 0xe [ok; QuotaExceeded]
        c1 create /soft
            c1 #14 0xf /soft
        c1 create /zookeeper/quota/soft
            c1 #15 0x10 /zookeeper/quota/soft
        c1 create /zookeeper/quota/soft/zookeeper_limits data=count=1,bytes=2
            c1 #16 0x11 /zookeeper/quota/soft/zookeeper_limits
        c1 create /zookeeper/quota/soft/zookeeper_stats
            c1 #17 0x12 /zookeeper/quota/soft/zookeeper_stats
        c1 create /soft/a data=123
            over quota of /soft: soft Count 2 > 1
            over quota of /soft: soft Bytes 3 > 2
            c1 #18 0x13 /soft/a
        c1 setData /soft/a data=1234
            over quota of /soft: soft Bytes 4 > 2
            c1 #19 0x14 13/14/13 v1.0.0 4+0
        c1 getData /zookeeper/quota/soft/zookeeper_stats
            c1 #20 0x14 Some("count=2,bytes=4") 12/12/12 v0.0.0 15+0
        stat /zookeeper/quota/soft/zookeeper_stats
            12/12/12 v0.0.0 15+0 created +0 modified +0
    "#]]);
}

/// What is in flight may overshoot, as in Apache.
#[test]
fn quota_counts_what_is_applied() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /q
            c1 #1 0x2 /q
        c1 create /zookeeper/quota/q
            c1 #2 0x3 /zookeeper/quota/q
        c1 create /zookeeper/quota/q/zookeeper_limits data=countHardLimit=2
            c1 #3 0x4 /zookeeper/quota/q/zookeeper_limits
        c1 create /zookeeper/quota/q/zookeeper_stats
            c1 #4 0x5 /zookeeper/quota/q/zookeeper_stats
        hold
        c1 create /q/a
        c1 create /q/b
        settle
            c1 #5 0x6 /q/a
            c1 #6 0x7 /q/b
        c1 create /q/c
            over quota of /q: hard Count 4 > 2
            c1 #7 0x8 QuotaExceeded
    "#]]);
}

#[test]
fn quota_is_not_enforced_where_it_is_off() {
    Script::new(World::configured(|options| options.quota_enforced = false)).check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /q
            c1 #1 0x2 /q
        c1 create /zookeeper/quota/q
            c1 #2 0x3 /zookeeper/quota/q
        c1 create /zookeeper/quota/q/zookeeper_limits data=countHardLimit=1
            c1 #3 0x4 /zookeeper/quota/q/zookeeper_limits
        c1 create /zookeeper/quota/q/zookeeper_stats
            c1 #4 0x5 /zookeeper/quota/q/zookeeper_stats
        c1 create /q/a
            c1 #5 0x6 /q/a
        c1 getData /zookeeper/quota/q/zookeeper_stats
            c1 #6 0x6 Some("count=2,bytes=0") 5/5/5 v0.0.0 15+0
    "#]]);
}
