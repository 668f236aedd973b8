//! Bytes that no honest server sends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::ensemble::{Ensemble, Sid};
use crate::wire::Jute;

/// How long a server may take to close a connection that it refuses; it need not.
const CLOSE_LIMIT: Duration = Duration::from_millis(400);
/// How long connections are left open behind bytes that nobody should have sent.
const HELD: Duration = Duration::from_millis(400);
/// How many connections are opened and left alone, by port.
const SILENT: usize = 20;

const PROTOCOL_V1: i64 = -65536;
const FOLLOWER_INFO: i32 = 11;
const LEADER_INFO: i32 = 17;

/// Sends each of these to both ports of every server, each on a connection of its own, and leaves
/// the connections open for a while.
fn to_all(ensemble: &Ensemble<'_>, all: &[Vec<u8>]) -> Result<String> {
    let mut held = Vec::new();
    for member in &ensemble.members {
        for port in [member.addresses.quorum, member.addresses.election] {
            for bytes in all {
                // Only the leader listens on its quorum port.
                if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
                    // A refusal may come before all is sent.
                    drop(stream.write_all(bytes));
                    held.push(stream);
                }
            }
        }
    }
    ensure!(!held.is_empty(), "no port is open");
    std::thread::sleep(HELD);
    Ok(String::new())
}

/// Sends bytes and returns what comes back until the server closes or is silent for a while.
fn exchange(mut stream: TcpStream, bytes: &[u8]) -> Result<Vec<u8>> {
    stream.set_read_timeout(Some(CLOSE_LIMIT))?;
    let mut answer = Vec::new();
    // A refusal may come before all is sent, and silence is an answer too.
    let sent = stream.write_all(bytes);
    let _ = stream.read_to_end(&mut answer);
    drop(sent);
    Ok(answer)
}

pub(super) fn garbage(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec();
    let noise = (0..4096_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let web = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    to_all(ensemble, &[web, hello, noise, vec![0xff; 1 << 20], b"ruok".to_vec(), vec![0], vec![]])
}

pub(super) fn unknown_version(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let mut all = vec![learner_info(99, 0, 1, 0x10000)];
    for version in [-65530, -1, i64::MIN] {
        all.push(Jute::new().long(version).long(2).text("127.0.0.1:9").bytes());
    }
    for version in [i32::MAX, -1, 0] {
        all.push(learner_info(FOLLOWER_INFO, 0, 1, version));
    }
    to_all(ensemble, &all)
}

pub(super) fn huge_lengths(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let head = || Jute::new().long(PROTOCOL_V1).long(9);
    let mut all = Vec::new();
    for len in [i32::MAX, i32::MIN, -1, 0, 2049] {
        all.push(head().int(len).raw(&[b'x'; 64]).bytes());
        all.push(head().text("127.0.0.1:9").int(len).raw(&[0; 64]).bytes());
        all.push(Jute::new().int(FOLLOWER_INFO).long(0).int(len).raw(&[0; 64]).bytes());
    }
    to_all(ensemble, &all)
}

/// Connections that say nothing, and some that stop in the middle of a handshake.
pub(super) fn silent_connections(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let handshake = Jute::new().long(PROTOCOL_V1).long(9).bytes();
    let cut = |number: usize| handshake[..number % handshake.len()].to_vec();
    to_all(ensemble, &(0..SILENT).map(cut).collect::<Vec<_>>())
}

/// Somebody introduces himself to each server as each of the others, and spreads rumours.
pub(super) fn impostor(ensemble: &mut Ensemble<'_>) -> Result<String> {
    for claimed in ensemble.sids() {
        for member in ensemble.members.iter().filter(|member| member.sid() != claimed) {
            let mut rumours = Jute::new().long(PROTOCOL_V1).long(claimed.into());
            rumours = rumours.text("127.0.0.1:9");
            for (state, epoch) in [(0, 1000), (2, 1000), (1, 0), (77, 1)] {
                let vote = Jute::new().int(state).long(claimed.into()).long(i64::MAX).long(1);
                rumours = rumours.text(vote.long(epoch).int(2).text("version=0").bytes());
            }
            let stream = TcpStream::connect(("127.0.0.1", member.addresses.election))?;
            exchange(stream, &rumours.bytes())?;
        }
    }
    Ok(String::new())
}

/// Somebody introduces himself to each server with that server's own id.
pub(super) fn own_id(ensemble: &mut Ensemble<'_>) -> Result<String> {
    for member in &ensemble.members {
        let handshake = Jute::new().long(PROTOCOL_V1).long(member.sid().into());
        let stream = TcpStream::connect(("127.0.0.1", member.addresses.election))?;
        exchange(stream, &handshake.text("127.0.0.1:9").bytes())?;
    }
    Ok(String::new())
}

/// Somebody has promised an epoch that nobody can ever reach: an established leader keeps its own,
/// and tells it so or closes.
pub(super) fn epoch_from_the_future(ensemble: &mut Ensemble<'_>) -> Result<String> {
    let leader: Sid = ensemble.wait_leader()?;
    let member = ensemble.member(leader);
    let epoch = member.status()?.zxid >> 32;
    // Nobody knows server 9; server 1 is a follower.
    for info in [9, 1].into_iter().flat_map(infos_from_the_future) {
        let stream = TcpStream::connect(("127.0.0.1", member.addresses.quorum))?;
        let answer = exchange(stream, &info)?;
        if let Some((head, _)) = answer.split_at_checked(12) {
            let kind = i32::from_be_bytes(head[..4].try_into()?);
            let offered = i64::from_be_bytes(head[4..].try_into().context("zxid")?) >> 32;
            ensure!(kind == LEADER_INFO, "the leader answered with packet {kind}");
            ensure!(offered == epoch, "the leader offers epoch {offered}, its own is {epoch}");
        }
    }
    Ok(String::new())
}

/// First packets with absurd epochs, from a server with this id.
pub(super) fn infos_from_the_future(sid: i64) -> Vec<Vec<u8>> {
    let epochs = [i64::from(i32::MAX) - 1, i64::from(i32::MAX), -1];
    epochs.map(|epoch| learner_info(FOLLOWER_INFO, epoch << 32, sid, 0x10000)).to_vec()
}

/// The first packet of a learner.
fn learner_info(kind: i32, zxid: i64, sid: i64, version: i32) -> Vec<u8> {
    let info = Jute::new().long(sid).int(version).long(0).bytes();
    Jute::new().int(kind).long(zxid).text(info).int(-1).bytes()
}
