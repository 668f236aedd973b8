//! Data as a table of bytes.

use std::fmt::Write;

/// Bytes a row.
const ROW: usize = 16;

/// The table that `get -x` prints in Apache's client (Netty's `ByteBufUtil.prettyHexDump`), without
/// a line end. Nothing for no bytes.
pub(crate) fn hexdump(data: &[u8]) -> String {
    if data.is_empty() {
        return String::new();
    }
    let bytes = "-".repeat(3 * ROW + 1);
    let rule = format!("+--------+{bytes}+{}+", "-".repeat(ROW));
    let mut text = format!("         +{bytes}+\n         |");
    for column in 0..ROW {
        let _ = write!(text, "  {column:x}");
    }
    let _ = write!(text, " |\n{rule}");
    for (row, chunk) in data.chunks(ROW).enumerate() {
        let _ = write!(text, "\n|{:08x}|", row * ROW);
        for byte in chunk {
            let _ = write!(text, " {byte:02x}");
        }
        let shown = chunk.iter().map(|byte| match byte {
            0x20..0x7F => char::from(*byte),
            _ => '.',
        });
        let padding = " ".repeat(3 * (ROW - chunk.len()) + 1);
        let _ = write!(text, "{padding}|{:16}|", shown.collect::<String>());
    }
    text + "\n" + &rule
}

#[cfg(test)]
mod tests {
    use super::hexdump;
    use expect_test::expect;

    #[test]
    fn table_is_the_one_of_apache() {
        expect![[r#"
                     +-------------------------------------------------+
                     |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |
            +--------+-------------------------------------------------+----------------+
            |00000000| 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 |0123456789abcdef|
            |00000010| c3 bc                                           |..              |
            +--------+-------------------------------------------------+----------------+"#]]
        .assert_eq(&hexdump("0123456789abcdefü".as_bytes()));
        assert_eq!(hexdump(b""), "");
    }
}
