//! The Java properties format, as `java.util.Properties.load` reads it.
//!
//! `zoo.cfg` and the dynamic files are such files. Java decodes them as ISO-8859-1, one byte one
//! character; we do the same, so that a non-ASCII path names the very directory Apache used.

use std::char::DecodeUtf16Error;
use std::fmt::Write as _;
use thiserror::Error;

/// One `key=value` of a properties file, in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Line of the key, counted from 1. A value may continue on later lines.
    pub line: u32,
    /// Last line of the value.
    pub last_line: u32,
    /// Whether it was written in ASCII, so that no encoding can be mistaken.
    pub is_ascii: bool,
    /// The key, unescaped and without spaces around it.
    pub key: String,
    /// The value, unescaped and without spaces around it.
    pub value: String,
}

/// Text that Java refuses to load as properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{line}: {fault}")]
pub struct PropertiesError {
    /// Line of the key, counted from 1.
    pub line: u32,
    /// What is wrong there.
    pub fault: PropertiesFault,
}

/// What is wrong with a line of a properties file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PropertiesFault {
    /// `\u` must be followed by four hexadecimal digits.
    #[error("\\u is not followed by four hexadecimal digits")]
    MalformedUnicodeEscape,
    /// Half of a surrogate pair is no character. Java keeps it; no path or name can hold it.
    #[error("\\u{unit:04x} is half a surrogate pair")]
    LoneSurrogate {
        /// The UTF-16 unit without its partner.
        unit: u16,
    },
}

/// Reads a properties file. Duplicates are all returned: which one counts is the caller's rule.
pub fn parse(bytes: &[u8]) -> Result<Vec<Property>, PropertiesError> {
    logical_lines(bytes).into_iter().map(|line| property(&line)).collect()
}

/// Writes properties so that [`parse`] reads the same keys and values back.
pub fn render<'a>(properties: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in properties {
        escape(key, true, &mut text);
        text.push('=');
        escape(value, false, &mut text);
        text.push('\n');
    }
    text
}

/// A line with its continuations joined. Characters are bytes: the encoding is ISO-8859-1.
struct LogicalLine {
    first: u32,
    last: u32,
    text: Vec<u8>,
}

fn logical_lines(bytes: &[u8]) -> Vec<LogicalLine> {
    let mut lines = Vec::new();
    let mut text: Vec<u8> = Vec::new();
    let (mut first, mut last) = (1, 1);
    for (number, natural) in (1..).zip(natural_lines(bytes)) {
        last = number;
        let natural = skip_spaces(natural);
        if text.is_empty() {
            if matches!(natural.first(), None | Some(b'#' | b'!')) {
                continue;
            }
            first = number;
        }
        text.extend_from_slice(natural);
        // An even number of backslashes are escaped backslashes; an odd one escapes the line end.
        if natural.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1 {
            text.pop();
        } else if !text.is_empty() {
            lines.push(LogicalLine { first, last: number, text: std::mem::take(&mut text) });
        }
    }
    if !text.is_empty() {
        lines.push(LogicalLine { first, last, text });
    }
    lines
}

/// The lines of a file, without their ends: `\n`, `\r` or `\r\n`.
pub(super) fn natural_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(text);
        };
        let (line, ending) = text.split_at(end);
        rest = Some(ending.strip_prefix(b"\r\n").unwrap_or(&ending[1..]));
        Some(line)
    })
}

fn skip_spaces(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    &text[start..]
}

/// Java's idea of a space leaves line ends aside, which ASCII's does not.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c')
}

fn property(line: &LogicalLine) -> Result<Property, PropertiesError> {
    let (key, value) = split(&line.text);
    let unescape =
        |text| unescape(text).map_err(|fault| PropertiesError { line: line.first, fault });
    Ok(Property {
        line: line.first,
        last_line: line.last,
        is_ascii: line.text.is_ascii(),
        key: trim(&unescape(key)?).to_owned(),
        value: trim(&unescape(value)?).to_owned(),
    })
}

/// The key ends at the first unescaped `=`, `:` or space; spaces may surround the separator.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = text
        .iter()
        .position(|byte| {
            let ends_key = !escaped && (matches!(byte, b'=' | b':') || is_space(*byte));
            escaped = !escaped && *byte == b'\\';
            ends_key
        })
        .unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    let rest = skip_spaces(rest);
    let value = match rest.first() {
        Some(b'=' | b':') => skip_spaces(&rest[1..]),
        Some(_) | None => rest,
    };
    (key, value)
}

/// `QuorumPeerConfig` trims keys and values with `String.trim`: all characters up to U+0020.
fn trim(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

/// Collected as UTF-16, because `\u` escapes name UTF-16 units.
fn unescape(text: &[u8]) -> Result<String, PropertiesFault> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            units.push(u16::from(byte));
            continue;
        }
        match bytes.next() {
            Some(b'u') => {
                let digits: Vec<u8> = bytes.by_ref().take(4).collect();
                let unit = unicode_unit(&digits);
                units.push(unit.ok_or(PropertiesFault::MalformedUnicodeEscape)?);
            }
            Some(b't') => units.push(u16::from(b'\t')),
            Some(b'n') => units.push(u16::from(b'\n')),
            Some(b'r') => units.push(u16::from(b'\r')),
            Some(b'f') => units.push(0x0c),
            Some(other) => units.push(u16::from(other)),
            None => {}
        }
    }
    let lone =
        |lone: DecodeUtf16Error| PropertiesFault::LoneSurrogate { unit: lone.unpaired_surrogate() };
    char::decode_utf16(units).map(|unit| unit.map_err(lone)).collect()
}

fn unicode_unit(digits: &[u8]) -> Option<u16> {
    let all_hexadecimal = digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = all_hexadecimal.then(|| std::str::from_utf8(digits).ok()).flatten()?;
    u16::from_str_radix(digits, 16).ok()
}

fn escape(text: &str, is_key: bool, out: &mut String) {
    for (index, character) in text.chars().enumerate() {
        match character {
            ' ' if is_key || index == 0 => out.push_str("\\ "),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\x0c' => out.push_str("\\f"),
            '=' | ':' | '#' | '!' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
