//! What operators see: four letter words on the client ports, and the HTTP admin server.
//!
//! Layouts are Apache 3.9.5's to the byte, as scripts and monitoring have parsed them for years;
//! the golden texts in `tests/golden` were captured from it. Both speak only through
//! [`crate::status::AdminSource`].
//!
//! Start at [`four_letter::render`] and [`http::serve`].

mod commands;
mod date;
mod documents;
pub mod four_letter;
pub mod http;
mod json;
mod secrets;
mod snapshot_body;
mod words;

use std::net::{IpAddr, SocketAddr};

/// What both interfaces say while the server has no quorum.
pub const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// An address as Java prints it: IPv6 in brackets and without `::`.
fn java_address(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => format!("{ip}:{}", address.port()),
        IpAddr::V6(ip) => {
            let groups = ip.segments().map(|group| format!("{group:x}"));
            format!("[{}]:{}", groups.join(":"), address.port())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_look_like_java() {
        let rows = [
            ("127.0.0.1:34634", "127.0.0.1:34634"),
            ("[::1]:80", "[0:0:0:0:0:0:0:1]:80"),
            ("[2001:db8::ff00]:2181", "[2001:db8:0:0:0:0:0:ff00]:2181"),
        ];
        for (address, expected) in rows {
            assert_eq!(java_address(address.parse().unwrap()), expected);
        }
    }
}
