//! Any frame of a client but the first. Reads are answered, because their answers are as much at
//! the client's mercy as their decoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use zoarium_proto::request::{
    AuthRequest, CreateRequest, PathVersionRequest, ReconfigRequest, RequestHeader, SetAclRequest,
    SetDataRequest,
};
use zoarium_proto::{ConnId, Id, OpCode, Reader, SessionId};
use zoarium_tree::access::{AccessRules, Identities};
use zoarium_tree::read::{ReadContext, answer};
use zoarium_tree::watches::Watches;
use zoarium_tree::{Tree, TreeOptions};

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::new(TreeOptions::default()));

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    let Ok(header) = RequestHeader::decode(&mut reader) else { return };
    let Some(op) = header.op() else { return };
    decode_write(op, &mut reader.clone());
    let (rules, ids) = (AccessRules::default(), Identities::new([Id::new("ip", "10.0.0.1")]));
    let ctx = ReadContext {
        tree: &TREE,
        rules: &rules,
        ids: &ids,
        session: SessionId(1),
        conn: ConnId(1),
        xid: header.xid,
    };
    let mut out = Vec::new();
    answer(op, reader.rest(), &ctx, &mut Watches::new(0), &mut out);
    let mut frames = Reader::new(&out);
    while !frames.is_at_end() {
        assert!(matches!(frames.buffer(), Ok(Some(_))), "the answer is whole frames");
    }
});

fn decode_write(op: OpCode, body: &mut Reader<'_>) {
    let _ = CreateRequest::decode(op, &mut body.clone());
    let _ = PathVersionRequest::decode(&mut body.clone());
    let _ = SetDataRequest::decode(&mut body.clone());
    let _ = SetAclRequest::decode(&mut body.clone());
    let _ = AuthRequest::decode(&mut body.clone());
    let _ = ReconfigRequest::decode(&mut body.clone());
}
