//! SASL with the mechanism DIGEST-MD5 (RFC 2831), as Apache's servers have it.

use md5::{Digest, Md5};
use std::collections::HashMap;
use std::fmt;
use zoarium_proto::membership::HostPort;
pub use zoarium_session::random::Random;
pub use zoarium_session::sasl::{Exchange, Mechanism, SaslError, Step};

/// What servers call themselves, whatever their names are (`SecurityUtils`).
const DIGEST_URI: &str = "zookeeper/zk-sasl-md5";

/// The name and the password of a user whom servers know from their JAAS configuration
/// (`DigestLoginModule`). The password does not travel; and a server has to prove that it knows it
/// too. What the two say afterwards is in the open: that takes TLS.
///
/// ```no_run
/// # async fn example() -> Result<(), zoarium_client::ConnectError> {
/// use zoarium_client::{Client, sasl::DigestMd5};
///
/// let client = Client::builder("zoo1").sasl(DigestMd5::new("app", "secret")).connect().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct DigestMd5 {
    user: String,
    password: String,
}

impl fmt::Debug for DigestMd5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestMd5").field("user", &self.user).finish_non_exhaustive()
    }
}

impl DigestMd5 {
    /// A user and a password.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }
}

impl Mechanism for DigestMd5 {
    fn begin(&self, _: &HostPort, random: &mut Random) -> Box<dyn Exchange> {
        let cnonce = format!("{:032x}", random.wide_bits());
        let uri = DIGEST_URI.to_owned();
        Box::new(Conversation { user: self.clone(), uri, cnonce, awaited: Awaited::Challenge })
    }
}

struct Conversation {
    user: DigestMd5,
    uri: String,
    cnonce: String,
    awaited: Awaited,
}

/// What the server says next.
enum Awaited {
    Challenge,
    /// The proof that it knows the password: this one.
    Proof(String),
    Nothing,
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Exchange for Conversation {
    fn first(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn next(&mut self, token: &[u8]) -> Result<Step, SaslError> {
        let token = std::str::from_utf8(token).map_err(|_| SaslError("the token is no text"))?;
        let fields = fields(token)?;
        match std::mem::replace(&mut self.awaited, Awaited::Nothing) {
            Awaited::Challenge => self.answer(&fields),
            Awaited::Proof(proof) if fields.get("rspauth").is_some_and(|it| equal(it, &proof)) => {
                Ok(Step::Done)
            }
            Awaited::Proof(_) => Err(SaslError("the server does not know the password")),
            Awaited::Nothing => Err(SaslError("a token after the last one")),
        }
    }
}

impl Conversation {
    fn answer(&mut self, challenge: &Fields<'_>) -> Result<Step, SaslError> {
        let field = |name| challenge.get(name).map(String::as_str);
        let nonce = field("nonce").ok_or(SaslError("no nonce in the challenge"))?;
        if field("algorithm") != Some("md5-sess") {
            return Err(SaslError("an algorithm other than md5-sess"));
        }
        let mut protections = field("qop").unwrap_or("auth").split(',');
        if !protections.any(|protection| protection.trim() == "auth") {
            return Err(SaslError("the server insists on a protection that is not supported"));
        }
        let realm = field("realm").unwrap_or_default();
        let (user, password) = (&self.user.user, &self.user.password);
        let secret = [&hashed(user)[..], b":", &hashed(realm), b":", &hashed(password)].concat();
        let secret = Md5::digest(secret);
        let (cnonce, uri) = (&self.cnonce, &self.uri);
        let a1 = [&secret[..], format!(":{nonce}:{cnonce}").as_bytes()].concat();
        let response = |method: &str| {
            let (a1, a2) = (hex(&a1), hex(format!("{method}:{uri}").as_bytes()));
            hex(format!("{a1}:{nonce}:00000001:{cnonce}:auth:{a2}").as_bytes())
        };
        let mut answer = format!("charset=utf-8,username={},", quoted(user));
        if !realm.is_empty() {
            answer += &format!("realm={},", quoted(realm));
        }
        answer += &format!(
            "nonce={},nc=00000001,cnonce=\"{cnonce}\",digest-uri=\"{uri}\",qop=auth,\
             response={}",
            quoted(nonce),
            response("AUTHENTICATE")
        );
        self.awaited = Awaited::Proof(response(""));
        Ok(Step::Answer(answer.into_bytes()))
    }
}

type Fields<'a> = HashMap<&'a str, String>;

/// Reads `name=value,name="value"`. Of values with the same name the first counts.
fn fields(token: &str) -> Result<Fields<'_>, SaslError> {
    let mut fields = Fields::new();
    let mut rest = token.trim_start_matches([',', ' ', '\t', '\0']);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(text) => quoted_value(text)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim_end().to_owned(), &after[end..])
            }
        };
        fields.entry(name.trim()).or_insert(value);
        rest = after.trim_start_matches([',', ' ', '\t', '\0']);
    }
    match rest {
        "" => Ok(fields),
        _ => Err(SaslError("a field without a value")),
    }
}

/// The text up to the closing quotation mark, and what follows that.
fn quoted_value(text: &str) -> Result<(String, &str), SaslError> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    Err(SaslError("a quotation mark without its counterpart"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Text as it is hashed: in ISO 8859-1 if it can be, in UTF-8 otherwise (RFC 2831, 2.1.2.1).
fn hashed(text: &str) -> Vec<u8> {
    let latin: Option<Vec<u8>> =
        text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    latin.unwrap_or_else(|| text.as_bytes().to_owned())
}

fn hex(text: &[u8]) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares in a time that tells nothing about where the difference is.
fn equal(left: &str, right: &str) -> bool {
    let difference = left.bytes().zip(right.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    left.len() == right.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(user: &str, uri: &str, cnonce: &str) -> Conversation {
        Conversation {
            user: DigestMd5::new(user, "secret"),
            uri: uri.into(),
            cnonce: cnonce.into(),
            awaited: Awaited::Challenge,
        }
    }

    fn text(step: Result<Step, SaslError>) -> String {
        match step.unwrap() {
            Step::Answer(answer) => String::from_utf8(answer).unwrap(),
            Step::Done => panic!("done"),
        }
    }

    #[test]
    fn conversation_is_that_of_the_standard() {
        // RFC 2831, section 4.
        let uri = "imap/elwood.innosoft.com";
        let mut chris = conversation("chris", uri, "OA6MHXh6VqTrRk");
        assert_eq!(chris.first(), []);
        let challenge = b"realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",qop=\"auth\",\
                          algorithm=md5-sess,charset=utf-8";
        let answer = text(chris.next(challenge));
        let expected = "charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",\
                        nonce=\"OA6MG9tEQGm2hh\",nc=00000001,cnonce=\"OA6MHXh6VqTrRk\",\
                        digest-uri=\"imap/elwood.innosoft.com\",qop=auth,\
                        response=d388dad90d4bbd760a152321f2143af7";
        assert_eq!(answer, expected);
        let proof = b"rspauth=ea40f60335c427b5527b84dbabcdfffd";
        assert_eq!(chris.next(proof), Ok(Step::Done));
        assert!(chris.next(proof).is_err());
    }

    #[test]
    fn server_that_does_not_know_the_password_is_left() {
        let mut app = conversation("app", DIGEST_URI, "c");
        text(app.next(b"nonce=\"n\",algorithm=md5-sess"));
        let wrong = app.next(b"rspauth=ea40f60335c427b5527b84dbabcdfffd");
        assert_eq!(wrong, Err(SaslError("the server does not know the password")));
    }

    #[test]
    fn what_is_no_challenge_is_refused() {
        for token in [
            &b""[..],
            b"\xff",
            b"nonce",
            b"nonce=\"n",
            b"nonce=\"n\\",
            b"nonce=n",
            b"nonce=n,algorithm=sha",
            b"nonce=n,algorithm=md5-sess,qop=\"auth-int,auth-conf\"",
        ] {
            let refused = conversation("app", DIGEST_URI, "c").next(token);
            assert!(refused.is_err(), "{token:?}");
        }
    }

    #[test]
    fn quotation_marks_in_names_are_kept() {
        let answer =
            text(conversation("a\"\\b", "u", "c").next(b"nonce=\"\\\"n\",algorithm=md5-sess"));
        let read = fields(&answer).unwrap();
        assert_eq!((read["username"].as_str(), read["nonce"].as_str()), ("a\"\\b", "\"n"));
        assert!(!answer.contains("realm"));
    }

    #[test]
    fn passwords_are_not_shown() {
        let app = DigestMd5::new("app", "secret");
        let exchange = app.begin(&HostPort { host: "a".into(), port: 1 }, &mut Random::new(1));
        assert!(!format!("{app:?}{exchange:?}").contains("secret"));
    }
}
