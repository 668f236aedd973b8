//! Replies in words.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::{ErrorCode, OpCode, Reader, Stat};

/// What follows the header of a reply to `op` without error.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other operations are of other crates")]
pub(super) fn result_text(op: OpCode, reader: &mut Reader<'_>) -> String {
    match op {
        OpCode::Create => text_of(reader),
        OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
            format!("{} {}", text_of(reader), stat_of(reader))
        }
        OpCode::SetData | OpCode::SetAcl | OpCode::Exists => stat_of(reader),
        OpCode::Reconfig => {
            let text =
                String::from_utf8_lossy(reader.buffer().unwrap().unwrap()).replace('\n', " ");
            format!("{text} {}", stat_of(reader))
        }
        OpCode::GetData => {
            let data = reader.buffer().unwrap().map(String::from_utf8_lossy);
            format!("{data:?} {}", stat_of(reader))
        }
        OpCode::GetChildren => {
            let count = reader.count().unwrap().unwrap();
            let mut names: Vec<_> = (0..count).map(|_| text_of(reader)).collect();
            names.sort();
            format!("{names:?}")
        }
        OpCode::Sync => text_of(reader),
        OpCode::Multi => results_text(reader),
        OpCode::Delete | OpCode::Check | OpCode::CloseSession => "ok".to_string(),
        other => panic!("no script asks for {other:?}"),
    }
}

/// The name of an error, `ok` for none.
pub(super) fn error_text(code: i32) -> String {
    match code {
        0 => "ok".to_string(),
        code => format!("{:?}", ErrorCode::from_wire(code).unwrap()),
    }
}

/// Zxids, versions and sizes of a stat: `czxid/mzxid/pzxid version.cversion.aversion length+children`.
pub(super) fn stat_text(stat: &Stat) -> String {
    let Stat { czxid, mzxid, pzxid, version, cversion, aversion, data_length, .. } = stat;
    let zxids = format!("{:x}/{:x}/{:x}", czxid.0, mzxid.0, pzxid.0);
    format!("{zxids} v{version}.{cversion}.{aversion} {data_length}+{}", stat.num_children)
}

fn results_text(reader: &mut Reader<'_>) -> String {
    let mut results = Vec::new();
    loop {
        let header = MultiHeader::decode(reader).unwrap();
        if header.done {
            assert_eq!(header, MultiHeader::END);
            return format!("[{}]", results.join("; "));
        }
        if header.kind == -1 {
            assert_eq!(reader.int().unwrap(), header.error);
            results.push(error_text(header.error));
        } else {
            assert_eq!(header.error, 0);
            let op = OpCode::from_wire(header.kind).unwrap();
            results.push(format!("{op:?} {}", result_text(op, reader)));
        }
    }
}

fn text_of(reader: &mut Reader<'_>) -> String {
    reader.text().unwrap().map_or_else(|| "null".to_string(), |text| text.to_string())
}

fn stat_of(reader: &mut Reader<'_>) -> String {
    stat_text(&Stat::decode(reader).unwrap())
}
