//! Changing the ensemble while it runs.

use super::script::{check, check_with};
use super::world::Setup;
use expect_test::expect;

/// With the version that the first leader has given it.
#[test]
fn config_znode_shows_the_membership_in_force() {
    check_with(
        Setup { observers: 1, ..Setup::default() },
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            c4 open 4
                c4 connected for 6000 ms
            c1 getData /zookeeper/config
                c1 #1 0x100000003 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nserver.4=host4:2888:3888:observer;0.0.0.0:2181\nversion=100000000") 0/100000000/0 v-1.0.-1 214+0
            c3 getData /zookeeper/config
                c3 #1 0x100000003 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nserver.4=host4:2888:3888:observer;0.0.0.0:2181\nversion=100000000") 0/100000000/0 v-1.0.-1 214+0
            c4 getData /zookeeper/config
                c4 #1 0x100000003 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nserver.4=host4:2888:3888:observer;0.0.0.0:2181\nversion=100000000") 0/100000000/0 v-1.0.-1 214+0
            crash 1
            start 1
                server 1 looks for a leader: just started
                server 1 serves, 3 leads epoch 1
            c5 open 1
                c5 connected for 6000 ms
            c5 getData /zookeeper/config
                c5 #1 0x100000004 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nserver.4=host4:2888:3888:observer;0.0.0.0:2181\nversion=100000000") 0/100000000/0 v-1.0.-1 214+0
        "#]],
    );
}

#[test]
fn config_znode_is_there_without_reconfiguration() {
    check_with(
        DISABLED,
        expect![[r#"
            c1 open 1
                c1 connected for 6000 ms
            c3 open 3
                c3 connected for 6000 ms
            c1 getData /zookeeper/config
                c1 #1 0x100000002 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nversion=0") 0/0/0 v-1.0.-1 159+0
            c3 getData /zookeeper/config
                c3 #1 0x100000002 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nversion=0") 0/0/0 v-1.0.-1 159+0
            c1 auth super:
            c1 reconfig v=5
                c1 #2 0x100000003 ReconfigDisabled
        "#]],
    );
}

/// Its first quorum without the old one is 3 and 4, when 2 is gone.
#[test]
fn server_joins_and_another_leaves() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c2 open 2
            c2 connected for 6000 ms
        c1 auth super:
        c2 getData /zookeeper/config watch
            c2 #1 0x100000002 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nversion=100000000") 0/100000000/0 v-1.0.-1 167+0
        add 4
            server 4 looks for a leader: just started
            server 4 serves, 3 leads epoch 1
        c1 reconfig join=server.4=host4:2888:3888:participant;2181
            c1 #1 0x100000003 server.1=host1:2888:3888:participant;0.0.0.0:2181 server.2=host2:2888:3888:participant;0.0.0.0:2181 server.3=host3:2888:3888:participant;0.0.0.0:2181 server.4=host4:2888:3888:participant;0.0.0.0:2181 version=100000003 0/100000003/0 v-1.0.-1 217+0
            c2 NodeDataChanged /zookeeper/config
        c2 getData /zookeeper/config watch
            c2 #2 0x100000003 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nserver.4=host4:2888:3888:participant;0.0.0.0:2181\nversion=100000003") 0/100000003/0 v-1.0.-1 217+0
        c4 open 4
            c4 connected for 6000 ms
        c4 getData /zookeeper/config
            c4 #1 0x100000004 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nserver.4=host4:2888:3888:participant;0.0.0.0:2181\nversion=100000003") 0/100000003/0 v-1.0.-1 217+0
        c1 reconfig leave=1
            c1 #2 0x100000005 server.2=host2:2888:3888:participant;0.0.0.0:2181 server.3=host3:2888:3888:participant;0.0.0.0:2181 server.4=host4:2888:3888:participant;0.0.0.0:2181 version=100000005 0/100000005/0 v-1.0.-1 167+0
            c2 NodeDataChanged /zookeeper/config
        c4 getData /zookeeper/config
            c4 #2 0x100000005 Some("server.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nserver.4=host4:2888:3888:participant;0.0.0.0:2181\nversion=100000005") 0/100000005/0 v-1.0.-1 167+0
        pass 2000
        c4 create /a
            c4 #3 0x100000006 /a
        crash 2
        c4 create /b
            c4 #4 0x100000007 /b
        c5 renew c1 3
            c5 connected for 6000 ms
        c5 getData /zookeeper/config
            c5 #1 0x100000007 Some("server.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nserver.4=host4:2888:3888:participant;0.0.0.0:2181\nversion=100000005") 0/100000005/0 v-1.0.-1 167+0
    "#]]);
}

/// With groups nothing joins or leaves by itself.
#[test]
fn membership_is_replaced_as_a_whole() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c1 auth super:
        c1 reconfig members=server.3=host3:2888:3888;2181,server.2=host2:2888:3888:participant;2181,server.1=host1:2888:3888:observer;2181
            c1 #1 0x100000002 server.1=host1:2888:3888:observer;0.0.0.0:2181 server.2=host2:2888:3888:participant;0.0.0.0:2181 server.3=host3:2888:3888:participant;0.0.0.0:2181 version=100000002 0/100000002/0 v-1.0.-1 164+0
            server 1 looks for a leader: reconfigured, 3 is to lead
            c1 closed
            server 1 serves, 3 leads epoch 1
        pass 3000
        c2 open 2
            c2 connected for 6000 ms
        c2 getData /zookeeper/config
            c2 #1 0x100000003 Some("server.1=host1:2888:3888:observer;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nversion=100000002") 0/100000002/0 v-1.0.-1 164+0
        c2 auth super:
        c2 reconfig members=server.1=host1:2888:3888;2181,server.2=host2:2888:3888;2181,server.3=host3:2888:3888;2181,group.1=1:2:3,weight.1=1,weight.2=1,weight.3=1
            c2 #2 0x100000004 server.1=host1:2888:3888:participant;0.0.0.0:2181 server.2=host2:2888:3888:participant;0.0.0.0:2181 server.3=host3:2888:3888:participant;0.0.0.0:2181 group.1=1:2:3 weight.1=1 weight.2=1 weight.3=1 version=100000004 0/100000004/0 v-1.0.-1 214+0
            server 1 looks for a leader: reconfigured, 3 is to lead
            server 1 serves, 3 leads epoch 1
        c2 reconfig leave=1
            c2 #3 0x100000005 BadArguments
        c2 getData /zookeeper/config
            c2 #4 0x100000005 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\ngroup.1=1:2:3\nweight.1=1\nweight.2=1\nweight.3=1\nversion=100000004") 0/100000004/0 v-1.0.-1 214+0
    "#]]);
}

#[test]
fn checks_come_in_the_order_of_apache() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c1 reconfig v=5 leave=x
            c1 #1 0x100000002 BadVersion
        c1 reconfig v=100000000 leave=x
            c1 #2 0x100000003 MarshallingError
        c1 reconfig join=server.4
            c1 #3 0x100000004 BadArguments
        c1 reconfig join=foo=bar
            c1 #4 0x100000005 MarshallingError
        c1 reconfig join=server.4=host4:2888:3888
            c1 #5 0x100000006 BadArguments
        c1 reconfig join=server.4=host4:2888:3888;2181|x
            c1 #6 0x100000007 BadArguments
        c1 reconfig join=server.4=host4:2888:3888|other:2888:3888;2181
            c1 #7 0x100000008 BadArguments
        c1 reconfig join=server.4=host3:2888:3888;2181
            c1 #8 0x100000009 BadArguments
        c1 reconfig join=server.4=127.0.0.1:2888:3888;2181,server.5=127.0.0.1:2888:3888;2181,server.6=h:1:2;3
            c1 #9 0x10000000a NewConfigNoQuorum
        c1 reconfig members=
            c1 #10 0x10000000b BadArguments
        c1 reconfig members=version=1
            c1 #11 0x10000000c BadArguments
        c1 reconfig members=server.3=host3:2888:3888;2181
            c1 #12 0x10000000d BadArguments
        c1 reconfig leave=1,2
            c1 #13 0x10000000e BadArguments
        c1 reconfig leave=1,2,3
            c1 #14 0x10000000f BadArguments
        c1 reconfig join=server.4=host4:2888:3888;2181,server.5=host5:2888:3888;2181,server.6=host6:2888:3888;2181
            c1 #15 0x100000010 NewConfigNoQuorum
        c1 reconfig leave=9
            c1 #16 0x100000011 NoAuth
        c1 setACL /zookeeper/config
            c1 #17 0x100000012 NoAuth
        c1 auth super:
        c1 setACL /zookeeper/config
            c1 #18 0x100000013 0/100000000/0 v-1.0.0 167+0
        c3 open 3
            c3 connected for 6000 ms
        c3 cut reconfig
            c3 #1 0x100000014 MarshallingError
        c3 reconfig
            c3 #2 0x100000015 server.1=host1:2888:3888:participant;0.0.0.0:2181 server.2=host2:2888:3888:participant;0.0.0.0:2181 server.3=host3:2888:3888:participant;0.0.0.0:2181 version=100000015 0/100000015/0 v-1.0.0 167+0
        c3 getData /zookeeper/config
            c3 #3 0x100000015 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nversion=100000015") 0/100000015/0 v-1.0.0 167+0
    "#]]);
}

#[test]
fn reconfiguration_waits_for_the_one_under_way() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c3 open 3
            c3 connected for 6000 ms
        c1 auth super:
        c3 auth super:
        c4 open 2
            c4 connected for 6000 ms
        stall 1
        stall 2
        c1 reconfig leave=9
        c3 reconfig v=5
        c3 reconfig join=server.4
        c3 getData /zookeeper/config
        c3 create /a
        unstall 1
            c1 #1 0x100000004 server.1=host1:2888:3888:participant;0.0.0.0:2181 server.2=host2:2888:3888:participant;0.0.0.0:2181 server.3=host3:2888:3888:participant;0.0.0.0:2181 version=100000004 0/100000004/0 v-1.0.-1 167+0
            c3 #1 0x100000005 ReconfigInProgress
            c3 #2 0x100000006 ReconfigInProgress
            c3 #3 0x100000006 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nversion=100000004") 0/100000004/0 v-1.0.-1 167+0
            c3 #4 0x100000007 /a
        unstall 2
        c3 reconfig
            c3 #5 0x100000008 server.1=host1:2888:3888:participant;0.0.0.0:2181 server.2=host2:2888:3888:participant;0.0.0.0:2181 server.3=host3:2888:3888:participant;0.0.0.0:2181 version=100000008 0/100000008/0 v-1.0.-1 167+0
    "#]]);
}

#[test]
fn leader_that_is_removed_answers_before_it_goes() {
    check(expect![[r#"
        c3 open 3
            c3 connected for 6000 ms
        c3 auth super:
        c3 create /a eph
            c3 #1 0x100000002 /a
        c1 open 1
            c1 connected for 6000 ms
        c1 lively
        c3 reconfig leave=3
            c3 #2 0x100000004 server.1=host1:2888:3888:participant;0.0.0.0:2181 server.2=host2:2888:3888:participant;0.0.0.0:2181 version=100000004 0/100000004/0 v-1.0.-1 117+0
            server 3 looks for a leader: reconfigured, 1 is to lead
            c3 closed
            server 1 looks for a leader: reconfigured, 1 is to lead
            c1 closed
            server 2 looks for a leader: reconfigured, 1 is to lead
            server 2 serves, 2 leads epoch 2
            server 1 serves, 2 leads epoch 2
        pass 3000
            server 3 serves, 2 leads epoch 2
        c4 renew c3 2
            c4 connected for 6000 ms
        c4 exists /a
            c4 #1 0x100000004 100000002/100000002/100000002 v0.0.0 0+0
        c4 getData /zookeeper/config
            c4 #2 0x100000004 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nversion=100000004") 0/100000004/0 v-1.0.-1 117+0
        c5 open 3
            c5 connected for 6000 ms
        c5 getData /zookeeper/config
            c5 #1 0x200000001 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.2=host2:2888:3888:participant;0.0.0.0:2181\nversion=100000004") 0/100000004/0 v-1.0.-1 117+0
    "#]]);
}

#[test]
fn membership_survives_a_restart_of_all() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c1 auth super:
        c1 reconfig leave=2
            c1 #1 0x100000002 server.1=host1:2888:3888:participant;0.0.0.0:2181 server.3=host3:2888:3888:participant;0.0.0.0:2181 version=100000002 0/100000002/0 v-1.0.-1 117+0
        crash 1
        crash 3
            server 2 looks for a leader: link down
        crash 2
        start 1
            server 1 looks for a leader: just started
        start 3
            server 3 looks for a leader: just started
            server 3 serves, 3 leads epoch 2
            server 1 serves, 3 leads epoch 2
        pass 1000
        c2 renew c1 1
            c2 connected for 6000 ms
        c2 getData /zookeeper/config
            c2 #1 0x100000002 Some("server.1=host1:2888:3888:participant;0.0.0.0:2181\nserver.3=host3:2888:3888:participant;0.0.0.0:2181\nversion=100000002") 0/100000002/0 v-1.0.-1 117+0
    "#]]);
}

#[test]
fn session_that_is_over_cannot_reconfigure() {
    check(expect![[r#"
        c1 open 1
            c1 connected for 6000 ms
        c3 open 3
            c3 connected for 6000 ms
        c3 auth super:
        stall 1
        stall 2
        c3 close
        c3 reconfig v=5
        unstall 1
            c3 #1 0x100000003 ok
            c3 closed
        unstall 2
    "#]]);
}

/// `reconfigEnabled=false`.
const DISABLED: Setup = Setup {
    voters: 3,
    observers: 0,
    peer: |peer| peer.reconfig_enabled = false,
    zab: |zab| zab.reconfig_enabled = false,
};
