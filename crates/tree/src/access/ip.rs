//! The scheme `ip`: addresses and prefixes of them (Apache's `IPAuthenticationProvider`, with IPv6
//! as since 3.9.5).

use alloc::format;
use alloc::string::{String, ToString};
use core::net::{IpAddr, Ipv6Addr};

/// An address prefix: the address left-aligned in 128 bits, and how many bits count.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Prefix {
    bits: u128,
    width: u32,
    length: u32,
}

/// Whether `wanted` may stand in an ACL.
pub(super) fn is_valid(wanted: &str) -> bool {
    parse_prefix(wanted).is_some()
}

/// Whether the address `held` is in the prefix `wanted`.
pub(super) fn matches(held: &str, wanted: &str) -> bool {
    let (Some(held), Some(wanted)) = (parse_address(held), parse_prefix(wanted)) else {
        return false;
    };
    let differing = (held.bits ^ wanted.bits).leading_zeros();
    held.width == wanted.width && differing >= wanted.length
}

/// An address as Java writes it: IPv6 in eight groups without compression, and IPv4 as such even
/// if it arrived on an IPv6 socket.
pub(super) fn to_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => {
                let [a, b, c, d, e, f, g, h] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}")
            }
        },
    }
}

fn parse_prefix(text: &str) -> Option<Prefix> {
    let Some((address, length)) = text.split_once('/') else { return parse_address(text) };
    let address = parse_address(address)?;
    let length = length.parse().ok().filter(|length| *length <= address.width)?;
    Some(Prefix { length, ..address })
}

fn parse_address(text: &str) -> Option<Prefix> {
    if text.contains(':') {
        // Apache knows no IPv4 tail in an IPv6 address.
        let address: Ipv6Addr = text.parse().ok().filter(|_| !text.contains('.'))?;
        return Some(Prefix { bits: address.to_bits(), width: 128, length: 128 });
    }
    let mut numbers = text.split('.');
    let mut bits = 0;
    for _ in 0..4 {
        // Unlike Rust's own parser this lets `010` pass, as ten, because Java does.
        let number: u8 = numbers.next()?.parse().ok()?;
        bits = (bits << 8) | u128::from(number);
    }
    if numbers.next().is_some() {
        return None;
    }
    Some(Prefix { bits: bits << 96, width: 32, length: 32 })
}
