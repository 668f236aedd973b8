//! JSON in the layout of Jackson's default pretty printer, which Apache's admin server uses:
//! objects over several lines with two spaces, `"key" : value`, arrays on one line.

use std::io::{self, Write};

use serde_json::ser::{CharEscape, Formatter, Serializer};
use serde_json::{Map, Value};

use crate::metrics::java_double;

/// An object as text, without a newline at its end.
pub(super) fn to_text(object: &Map<String, Value>) -> String {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, Jackson::default());
    let written = serde::Serialize::serialize(object, &mut serializer);
    // Keys are strings and the writer is memory, so there is nothing that could fail.
    debug_assert!(written.is_ok());
    String::from_utf8(text).unwrap_or_default()
}

#[derive(Default)]
struct Jackson {
    /// Open objects. Arrays do not indent what is in them.
    depth: usize,
    /// The innermost open object has a field.
    has_field: bool,
}

impl Jackson {
    fn new_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }
}

impl Formatter for Jackson {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(java_double(value).as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        char_escape: CharEscape,
    ) -> io::Result<()> {
        match char_escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04X}"),
        }
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"[")
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b" " } else { b", " })
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" ]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.has_field = false;
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.new_line(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" : ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_field = true;
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        match self.has_field {
            true => self.new_line(writer)?,
            false => writer.write_all(b" ")?,
        }
        writer.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn layout_is_jacksons() {
        let value = json!({
            "empty": [{}, [], {"a": {}}],
            "ids": [1, -2],
            "objects": [{"x": 1}, {"y": {"z": [0.5, 1e-4]}}],
            "text": "a\"\\/\u{1f}\n\u{e9}",
            "none": null,
        });
        let Value::Object(object) = value else { panic!("not an object") };
        expect![[r#"
            {
              "empty" : [ { }, [ ], {
                "a" : { }
              } ],
              "ids" : [ 1, -2 ],
              "objects" : [ {
                "x" : 1
              }, {
                "y" : {
                  "z" : [ 0.5, 1.0E-4 ]
                }
              } ],
              "text" : "a\"\\/\u001F\né",
              "none" : null
            }"#]]
        .assert_eq(&to_text(&object));
    }
}
