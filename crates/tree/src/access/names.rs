//! Which names may stand in an ACL for the schemes whose names have a grammar of their own.

/// `user:hash`: exactly two parts, of which only the first may be empty. Colons at the end do not
/// count, because Java's `split` drops empty parts there.
pub(super) fn is_digest(name: &str) -> bool {
    name.trim_end_matches(':').matches(':').count() == 1
}

/// A Kerberos principal, `service[/host][@realm]`; without `@`, anything (Apache's
/// `KerberosName`).
pub(super) fn is_kerberos(name: &str) -> bool {
    let Some((principal, realm)) = name.split_once('@') else { return true };
    principal.matches('/').count() <= 1 && !realm.contains(['/', '@'])
}

/// A distinguished name (RFC 2253), `CN=a,OU=b+UID=c`. Attribute names are not looked up, unlike
/// in Java's `X500Principal`.
pub(super) fn is_distinguished(name: &str) -> bool {
    let mut rest = name.trim();
    if rest.is_empty() {
        return true;
    }
    loop {
        let Some((attribute, value)) = rest.split_once('=') else { return false };
        if !is_attribute(attribute.trim()) {
            return false;
        }
        match end_of_value(value) {
            Err(UnclosedQuote) => return false,
            Ok(None) => return true,
            Ok(Some(at)) => rest = &value[at + 1..],
        }
    }
}

fn is_attribute(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

struct UnclosedQuote;

/// Where the separator after an attribute's value is, if there is one.
fn end_of_value(value: &str) -> Result<Option<usize>, UnclosedQuote> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b';' | b'+' if !quoted => return Ok(Some(at)),
            _ => {}
        }
    }
    if quoted || escaped { Err(UnclosedQuote) } else { Ok(None) }
}
