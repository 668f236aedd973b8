//! Random requests of two sessions over a few paths: what no one thought of.
//!
//! A seed gives the whole sequence, so `--seed` replays a finding.

use anyhow::Result;

use super::request::{
    Acl, CONTAINER, DIGEST_U_P, EPHEMERAL, EPHEMERAL_SEQUENTIAL, OPEN, PERSISTENT, Request,
    SEQUENTIAL, acl_of, add_watch, auth, check, check_watches, children_of, children2_of,
    close_session, create, create2, data_of, delete, exists, multi, multi_read, path_only, ping,
    plain, remove_watches, set_acl, set_data, sync,
};
use super::stage::Stage;
use crate::dice::Dice;
use crate::wire::op;

/// Steps of one scenario.
const STEPS: usize = 700;
/// One request in so many has one byte of its record changed, or its end cut off.
const DAMAGED: u64 = 12;

/// What is drawn for a request.
impl Dice {
    /// A path under the scenario's root, mostly one of a few dozen.
    fn path(&mut self, root: &str) -> String {
        if self.chance(40) {
            return self
                .pick(&["", "/", "bad", "//", "/zookeeper", "/zookeeper/config"])
                .to_owned();
        }
        let mut path = root.to_owned();
        for _ in 0..self.roll(4) {
            path.push_str(self.pick(&["/a", "/b", "/c", "/d"]));
        }
        path
    }

    fn version(&mut self) -> i32 {
        self.pick(&[-1, -1, -1, 0, 1, 2, 7])
    }

    fn acl(&mut self) -> &'static [Acl] {
        const LOCKED: &[Acl] = &[Acl(31, "digest", DIGEST_U_P), Acl(4, "world", "anyone")];
        const READ: &[Acl] = &[Acl(1, "world", "anyone"), Acl(31, "ip", "127.0.0.1")];
        const MINE: &[Acl] = &[Acl(31, "auth", "")];
        self.pick(&[OPEN, OPEN, OPEN, OPEN, LOCKED, READ, MINE, &[]])
    }

    fn write(&mut self, root: &str) -> Request {
        let path = self.path(root);
        let data = self.pick(&["", "x", "some data", "a longer piece of data"]);
        match self.roll(12) {
            0..=3 => {
                let flags = self.pick(&[
                    PERSISTENT,
                    PERSISTENT,
                    PERSISTENT,
                    EPHEMERAL,
                    SEQUENTIAL,
                    EPHEMERAL_SEQUENTIAL,
                ]);
                create(&path, data, self.acl(), flags)
            }
            4 => create2(&path, data, self.pick(&[PERSISTENT, EPHEMERAL, SEQUENTIAL, 9])),
            5 => create(&path, data, OPEN, CONTAINER).op(op::CREATE_CONTAINER),
            6..=8 => set_data(&path, data, self.version()),
            9 | 10 => delete(&path, self.version()),
            _ => set_acl(&path, self.acl(), self.version()),
        }
    }

    fn in_multi(&mut self, root: &str) -> Request {
        let path = self.path(root);
        match self.roll(6) {
            0 | 1 => plain(&path),
            2 => create2(&path, "m", self.pick(&[PERSISTENT, SEQUENTIAL, EPHEMERAL])),
            3 => set_data(&path, "multi", self.version()),
            4 => delete(&path, self.version()),
            _ => check(&path, self.version()),
        }
    }

    fn read(&mut self, root: &str) -> Request {
        let path = self.path(root);
        let watch = self.chance(2);
        match self.roll(9) {
            0 | 1 => exists(&path, watch),
            2 | 3 => data_of(&path, watch),
            4 => children_of(&path, watch),
            5 => children2_of(&path, watch),
            6 => acl_of(&path),
            7 => path_only("getAllChildrenNumber", op::GET_ALL_CHILDREN_NUMBER, root),
            _ => path_only("getEphemerals", op::GET_EPHEMERALS, &path),
        }
    }

    fn watch(&mut self, root: &str) -> Request {
        let path = self.path(root);
        match self.roll(4) {
            0 | 1 => add_watch(&path, self.pick(&[0, 1])),
            2 => remove_watches(&path, self.pick(&[1, 2, 3, 4, 5])),
            _ => check_watches(&path, self.pick(&[1, 2, 3, 4, 5])),
        }
    }

    fn request(&mut self, root: &str) -> Request {
        let request = match self.roll(20) {
            0..=8 => self.write(root),
            9 | 10 => multi([self.in_multi(root), self.in_multi(root), self.in_multi(root)]),
            11 => multi_read([self.read(root), self.read(root)]),
            12..=16 => self.read(root),
            17 | 18 => self.watch(root),
            _ => sync(&self.path(root)),
        };
        // The number of all children of the empty path differs on purpose.
        let may_be_damaged = request.op != op::GET_ALL_CHILDREN_NUMBER;
        if may_be_damaged && self.chance(DAMAGED) { self.damaged(request) } else { request }
    }

    fn damaged(&mut self, mut request: Request) -> Request {
        let len = request.body.len() as u64;
        let at = usize::try_from(self.roll(len.max(1))).unwrap_or(0);
        if self.chance(2) {
            return request.cut(at);
        }
        let value = self.pick(&[0, 1, 0x7F, 0x80, 0xFF, b'/']);
        if let Some(byte) = request.body.get_mut(at) {
            *byte = value;
        }
        request.note(&format!("byte {at} set to {value:#x}"))
    }
}

/// The scenario of one seed.
pub(super) fn play(s: &mut Stage, seed: u64) -> Result<()> {
    let mut dice = Dice::new(seed);
    let root = format!("/random-{seed}");
    for name in ["c", "d"] {
        s.open(name)?;
    }
    s.call("c", plain(&root))?;
    s.call("d", auth("digest", "u:p"))?;
    for _ in 0..STEPS {
        let name = dice.pick(&["c", "d"]);
        let request = dice.request(&root);
        s.call(name, request)?;
        if dice.chance(8) {
            s.call(dice.pick(&["c", "d"]), ping())?;
        }
    }
    // Which of a session's ephemerals goes first is chance, so nobody watches any longer.
    for name in ["c", "d"] {
        s.drop_connection(name);
        s.hello(name, "resume without watches", |side| side.resuming(name))?;
        s.call(name, close_session())?;
    }
    Ok(())
}
