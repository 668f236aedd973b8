//! Each kind of write by itself: its checks and their order.

use super::script::{Script, check};
use super::world::World;
use expect_test::expect;

#[test]
fn create_takes_and_refuses_paths_as_apache_does() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create null
            c1 #1 0x2 MarshallingError
        c1 create ''
            c1 #2 0x3 BadArguments
        c1 create a
            c1 #3 0x4 BadArguments
        c1 create /a%00
            c1 #4 0x5 BadArguments
        c1 create /.
            c1 #5 0x6 BadArguments
        c1 create /..
            c1 #6 0x7 BadArguments
        c1 create /a%01
            c1 #7 0x8 BadArguments
        c1 create /%ef%bf%bd
            c1 #8 0x9 BadArguments
        c1 create //
            c1 #9 0xa BadArguments
        c1 create //a
            c1 #10 0xb BadArguments
        c1 create /a//b
            c1 #11 0xc NoNode
        c1 create /
            c1 #12 0xd NodeExists
        c1 create /zookeeper
            c1 #13 0xe NodeExists
        c1 create /zookeeper/config
            c1 #14 0xf NodeExists
        c1 create /zookeeper/x
            c1 #15 0x10 /zookeeper/x
        c1 create /a data=null
            c1 #16 0x11 /a
        c1 create /a
            c1 #17 0x12 NodeExists
        c1 create /a/
            c1 #18 0x13 BadArguments
        c1 create /a/./b
            c1 #19 0x14 NoNode
        c1 create2 /b data=xyz
            c1 #20 0x15 /b 15/15/15 v0.0.0 3+0
        c1 cut create /c
            c1 #21 0x15 MarshallingError
        stat /a
            11/11/11 v0.0.0 0+0 created +0 modified +0
        c1 getData /a
            c1 #22 0x15 None 11/11/11 v0.0.0 0+0
    "#]]);
}

#[test]
fn create_checks_in_order() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /open
            c1 #1 0x2 /open
        c1 create /closed acl=digest:u:h:31
            c1 #2 0x3 /closed
        c1 create /eph eph
            c1 #3 0x4 /eph
        c1 create null mode=7 acl=none
            c1 #4 0x5 BadArguments
        c1 create null mode=5 acl=none
            c1 #5 0x6 BadArguments
        c1 ttl null acl=none for=0
            c1 #6 0x7 BadArguments
        c1 ttl null acl=none mode=0
            c1 #7 0x8 BadArguments
        c1 ttl null acl=none
            c1 #8 0x9 MarshallingError
        c1 create none acl=none
            c1 #9 0xa BadArguments
        c1 create /none/.. acl=none
            c1 #10 0xb InvalidAcl
        c1 create /none/..
            c1 #11 0xc NoNode
        c1 create /closed/..
            c1 #12 0xd NoAuth
        c1 create /open/..
            c1 #13 0xe BadArguments
        c1 create /open
            c1 #14 0xf NodeExists
        c1 create /eph/a
            c1 #15 0x10 NoChildrenForEphemerals
        c1 create /eph/a/b
            c1 #16 0x11 NoNode
    "#]]);
}

#[test]
fn ttl_is_unimplemented_where_it_is_off() {
    Script::new(World::configured(|options| options.ttl_enabled = false)).check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 ttl null acl=none
            c1 #1 0x2 Unimplemented
        c1 create null mode=6 acl=none
            c1 #2 0x3 Unimplemented
        c1 ttl null acl=none mode=0
            c1 #3 0x4 BadArguments
        c1 container /c
            c1 #4 0x5 /c 5/5/5 v0.0.0 0+0
    "#]]);
}

#[test]
fn delete_checks_in_order() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /a
            c1 #1 0x2 /a
        c1 create /a/b
            c1 #2 0x3 /a/b
        c1 create /closed
            c1 #3 0x4 /closed
        c1 create /closed/c
            c1 #4 0x5 /closed/c
        c1 setACL /closed acl=digest:u:h:31
            c1 #5 0x6 4/4/5 v0.1.1 0+1
        c1 delete null v=9
            c1 #6 0x7 MarshallingError
        c1 delete '' v=9
            c1 #7 0x8 BadArguments
        c1 delete a v=9
            c1 #8 0x9 BadArguments
        c1 delete /a%00 v=9
            c1 #9 0xa BadArguments
        c1 delete / v=9
            c1 #10 0xb BadArguments
        c1 delete /zookeeper v=9
            c1 #11 0xc BadArguments
        c1 delete /zookeeper/quota v=9
            c1 #12 0xd BadArguments
        c1 delete /zookeeper/config v=9
            c1 #13 0xe BadArguments
        c1 delete /none/c v=9
            c1 #14 0xf NoNode
        c1 delete /closed/none v=9
            c1 #15 0x10 NoAuth
        c1 delete /closed/c v=9
            c1 #16 0x11 NoAuth
        c1 delete /a/ v=9
            c1 #17 0x12 NoNode
        c1 delete /none v=9
            c1 #18 0x13 NoNode
        c1 delete /a v=9
            c1 #19 0x14 BadVersion
        c1 delete /a v=-2
            c1 #20 0x15 BadVersion
        c1 delete /a v=0
            c1 #21 0x16 NotEmpty
        c1 delete /closed
            c1 #22 0x17 NotEmpty
        c1 delete /a/b v=0
            c1 #23 0x18 ok
        c1 delete /a v=0
            c1 #24 0x19 ok
        c1 cut delete /a
            c1 #25 0x19 MarshallingError
    "#]]);
}

#[test]
fn set_data_checks_in_order() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /closed acl=digest:u:h:31
            c1 #1 0x2 /closed
        c1 create /zookeeper/quota/closed
            c1 #2 0x3 /zookeeper/quota/closed
        c1 create /zookeeper/quota/closed/zookeeper_limits data=byteHardLimit=3
            c1 #3 0x4 /zookeeper/quota/closed/zookeeper_limits
        c1 create /zookeeper/quota/closed/zookeeper_stats
            c1 #4 0x5 /zookeeper/quota/closed/zookeeper_stats
        c1 setData null data=x v=9
            c1 #5 0x6 BadArguments
        c1 setData '' data=x v=9
            c1 #6 0x7 BadArguments
        c1 setData /a/ data=x v=9
            c1 #7 0x8 BadArguments
        c1 setData /none data=x v=9
            c1 #8 0x9 NoNode
        c1 setData /closed data=toolong v=9
            c1 #9 0xa NoAuth
        c1 auth digest:u:h
        c1 setData /closed data=toolong v=9
            over quota of /closed: hard Bytes 7 > 3
            c1 #10 0xb QuotaExceeded
        c1 setData /closed data=new v=9
            c1 #11 0xc BadVersion
        c1 setData /closed data=new v=0
            c1 #12 0xd 2/d/2 v1.0.0 3+0
        c1 setData / data=root
            c1 #13 0xe 0/e/2 v1.0.0 4+2
        c1 setData /zookeeper/config data=x
            c1 #14 0xf NoAuth
        c1 cut setData /closed
            c1 #15 0xf MarshallingError
    "#]]);
}

#[test]
fn set_acl_checks_in_order() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /closed acl=digest:u:h:15
            c1 #1 0x2 /closed
        c1 setACL null acl=none v=9
            c1 #2 0x3 BadArguments
        c1 setACL /a/ acl=none v=9
            c1 #3 0x4 BadArguments
        c1 setACL /none acl=none v=9
            c1 #4 0x5 InvalidAcl
        c1 setACL /none acl=world:anyone:1 v=9
            c1 #5 0x6 NoNode
        c1 setACL /closed acl=world:anyone:1 v=9
            c1 #6 0x7 NoAuth
        c1 auth digest:u:h
        c1 setACL /closed acl=world:anyone:1 v=9
            c1 #7 0x8 NoAuth
        c1 auth super:
        c1 setACL /closed acl=world:anyone:1 v=9
            c1 #8 0x9 BadVersion
        c1 setACL /closed acl=world:anyone:1 v=0
            c1 #9 0xa 2/2/2 v0.0.1 0+0
        stat /closed
            2/2/2 v0.0.1 0+0 created +0 modified +0
        c1 setACL /closed v=0
            c1 #10 0xb BadVersion
        c1 cut setACL /closed
            c1 #11 0xb MarshallingError
    "#]]);
}

#[test]
fn acls_are_fixed_up() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /a acl=null
            c1 #1 0x2 InvalidAcl
        c1 create /a acl=none
            c1 #2 0x3 InvalidAcl
        c1 create /a acl=world:me:31
            c1 #3 0x4 InvalidAcl
        c1 create /a acl=foreign:x:31
            c1 #4 0x5 InvalidAcl
        c1 create /a acl=digest:nohash:31
            c1 #5 0x6 InvalidAcl
        c1 create /a acl=ip:localhost:31
            c1 #6 0x7 InvalidAcl
        c1 create /a acl=super:x:31
            c1 #7 0x8 InvalidAcl
        c1 create /a acl=auth::31
            c1 #8 0x9 InvalidAcl
        c1 auth digest:u:h
        c1 create /a acl=ip:127.0.0.1:1,auth:ignored:31,ip:127.0.0.1:1
            c1 #9 0xa /a
        acl /a
            ip:127.0.0.1:1,digest:u:h:31
        c1 setACL /a acl=auth::7,auth::7,world:anyone:64
            c1 #10 0xb a/a/a v0.0.1 0+0
        acl /a
            digest:u:h:7,world:anyone:64
    "#]]);
}

#[test]
fn reconfig_is_refused() {
    check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 reconfig
            c1 #1 0x2 Unimplemented
        c1 raw reconfig
            c1 #2 0x2 MarshallingError
    "#]]);
}

#[test]
fn reconfig_is_refused_first_where_it_is_disabled() {
    Script::new(World::configured(|options| options.reconfig_enabled = false)).check(expect![[
        r#"
        c1 open
            c1 connected for 6000 ms
        c1 reconfig
            c1 #1 0x2 ReconfigDisabled
        hold
        c1 close
        c1 reconfig
        settle
            c1 #2 0x3 ok
            c1 closed
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: ReconfigDisabled, no digest
            0x3 by c1 #2: close []
            0x4 by c1 #3: ReconfigDisabled, no digest
    "#
    ]]);
}

#[test]
fn transaction_that_no_log_could_hold_is_refused() {
    let mut script = Script::new(World::configured(|options| options.txn_bytes_max = 200));
    script.check(expect![[r#"
        c1 open
            c1 connected for 6000 ms
        c1 create /a data=*115
            c1 #1 0x2 BadArguments
        c1 create /b data=*114
            c1 #2 0x3 /b
        c1 create /p
            c1 #3 0x4 /p
        hold
        c1 setData /b data=*300
        c1 multi create /c data=*60; create /d data=*60
        c1 create /c data=*114
        c1 setData /b v=0
        c1 create /p/s- seq
        settle
            c1 #4 0x5 BadArguments
            c1 #5 0x6 BadArguments
            c1 #6 0x7 /c
            c1 #7 0x8 3/8/3 v1.0.0 0+0
            c1 #8 0x9 /p/s-0000000000
        log
            0x1 by c1 #0: open 6000
            0x2 by c1 #1: BadArguments, no digest
            0x3 by c1 #2: create /b, 1 of its parent
            0x4 by c1 #3: create /p, 2 of its parent
            0x5 by c1 #4: BadArguments, no digest
            0x6 by c1 #5: BadArguments, no digest
            0x7 by c1 #6: create /c, 3 of its parent
            0x8 by c1 #7: set /b v1
            0x9 by c1 #8: create /p/s-0000000000, 1 of its parent
    "#]]);
    let longest = script.world.log.iter().map(bytes::Bytes::len).max();
    assert_eq!(longest, Some(200));
}
