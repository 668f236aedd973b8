//! Reads off the wire how a leader brings a learner up to date.

use super::Sid;

/// Packet types, by their wire numbers.
const LEADER_INFO: i32 = 17;
const DIFF: i32 = 13;
const TRUNC: i32 = 14;
const SNAP: i32 = 15;
/// What comes before the choice fits into this; longer streams are not listened to.
const HEARD_BYTES_MAX: usize = 4096;

/// The leader's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncKind {
    Diff,
    Trunc,
    Snap,
}

/// One learner brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncSeen {
    pub(crate) leader: Sid,
    pub(crate) learner: Sid,
    pub(crate) kind: SyncKind,
}

/// Listens to the bytes from a leader to a learner until the choice is made.
#[derive(Debug)]
pub(crate) struct Sniffer {
    leader: Sid,
    learner: Sid,
    heard: Vec<u8>,
}

impl Sniffer {
    pub(crate) fn new(leader: Sid, learner: Sid) -> Self {
        Self { leader, learner, heard: Vec::new() }
    }

    /// The choice, once its packet is there.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Option<SyncSeen> {
        if self.heard.len() > HEARD_BYTES_MAX {
            return None;
        }
        self.heard.extend(bytes);
        let mut rest = &self.heard[..];
        loop {
            let (kind, after) = packet(rest)?;
            let kind = match kind {
                LEADER_INFO => {
                    rest = after;
                    continue;
                }
                DIFF => SyncKind::Diff,
                TRUNC => SyncKind::Trunc,
                SNAP => SyncKind::Snap,
                _ => return None,
            };
            return Some(SyncSeen { leader: self.leader, learner: self.learner, kind });
        }
    }
}

/// The type of the first packet and what follows it: type, zxid, data, and no identities.
fn packet(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let kind = i32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let len = i32::from_be_bytes(bytes.get(12..16)?.try_into().ok()?);
    let data = usize::try_from(len).unwrap_or(0);
    Some((kind, bytes.get(16 + data + 4..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_heard_in_any_cut_of_the_stream() {
        let none = (-1_i32).to_be_bytes();
        let zxid = 0x1_0000_0000_i64.to_be_bytes();
        let info = [&LEADER_INFO.to_be_bytes()[..], &zxid, &[0, 0, 0, 4, 0, 1, 0, 0], &none];
        let choice = [&TRUNC.to_be_bytes()[..], &zxid, &none, &none];
        let stream = [info.concat(), choice.concat()].concat();
        let seen = SyncSeen { leader: 3, learner: 1, kind: SyncKind::Trunc };
        for cut in 0..stream.len() {
            let mut sniffer = Sniffer::new(3, 1);
            assert_eq!(sniffer.hear(&stream[..cut]), None, "{cut}");
            assert_eq!(sniffer.hear(&stream[cut..]), Some(seen), "{cut}");
        }
    }
}
