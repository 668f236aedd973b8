//! How a connection comes by its identities: its address, its certificate, auth packets, SASL.

use super::{AccessRules, EnsembleCheck, Identities, SUPER, Scheme, ip};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::net::IpAddr;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use zoarium_proto::Id;

/// What the transport knows of the other side.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    /// Its address.
    pub address: IpAddr,
    /// The subject (RFC 2253) of its certificate, if it showed one that was verified.
    pub certificate: Option<&'a str>,
}

/// What comes of an auth packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthOutcome {
    /// Answer without error; these are the connection's identities from here on.
    Accepted(Identities),
    /// Answer [`zoarium_proto::ErrorCode::AuthFailed`] and close the connection.
    Refused,
    /// Close the connection without an answer, so that the client looks for another server
    /// instead of giving up.
    Disconnect,
}

/// The hash that makes a digest identity of a password. All servers and all clients that compute
/// identities themselves have to agree on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// MD5.
    Md5,
    /// SHA-1, the default.
    #[default]
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    /// The algorithm with this name of Java's `MessageDigest`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "MD5" => Self::Md5,
            "SHA" | "SHA1" | "SHA-1" => Self::Sha1,
            "SHA-224" | "SHA224" => Self::Sha224,
            "SHA-256" | "SHA256" => Self::Sha256,
            "SHA-384" | "SHA384" => Self::Sha384,
            "SHA-512" | "SHA512" => Self::Sha512,
            _ => return None,
        })
    }

    /// The digest identity of `user:password`: the user, and the hash of the whole text.
    pub fn identity(self, credentials: &str) -> String {
        let user = credentials.split(':').next().unwrap_or_default();
        format!("{user}:{}", STANDARD.encode(self.hash(credentials.as_bytes())))
    }

    fn hash(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(bytes).to_vec(),
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha224 => Sha224::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

impl AccessRules {
    /// What a connection is before it says anything: its address, and its certificate's subject.
    pub fn identities_of(&self, remote: &Remote<'_>) -> Identities {
        Identities::new(address_id(remote).into_iter().chain(self.certificate_ids(remote)))
    }

    /// Judges an auth packet of a connection that holds `held`.
    pub fn authenticate(
        &self,
        scheme: Option<&str>,
        auth: Option<&[u8]>,
        remote: &Remote<'_>,
        held: &Identities,
    ) -> AuthOutcome {
        let scheme = scheme.unwrap_or_default();
        if scheme == ENSEMBLE {
            return self.check_ensemble(auth.unwrap_or_default(), held);
        }
        let ids = match self.scheme(scheme) {
            Some(Scheme::Ip) => address_id(remote).into_iter().collect(),
            Some(Scheme::Digest) => self.digest_ids(auth),
            Some(Scheme::X509) => self.certificate_ids(remote),
            // SASL has packets of its own.
            Some(Scheme::Sasl) | None => Vec::new(),
        };
        if ids.is_empty() {
            return AuthOutcome::Refused;
        }
        held.with(ids).map_or(AuthOutcome::Refused, AuthOutcome::Accepted)
    }

    /// The identities after SASL ended with an authorization id; `None` if there are too many.
    pub fn accept_sasl(&self, authorization_id: &str, held: &Identities) -> Option<Identities> {
        let is_super = self.sasl_super_users.contains(authorization_id);
        let super_id = is_super.then(|| Id::new(SUPER, ""));
        held.with([Id::new("sasl", authorization_id)].into_iter().chain(super_id))
    }

    fn digest_ids(&self, auth: Option<&[u8]>) -> Vec<Id> {
        let Some(auth) = auth else { return Vec::new() };
        let identity = self.digest_algorithm.identity(&String::from_utf8_lossy(auth));
        let is_super = self.super_digest.as_ref() == Some(&identity);
        let super_id = is_super.then(|| Id::new(SUPER, ""));
        super_id.into_iter().chain([Id::new("digest", identity)]).collect()
    }

    fn certificate_ids(&self, remote: &Remote<'_>) -> Vec<Id> {
        let Some(subject) = remote.certificate.filter(|_| self.x509_enabled) else {
            return Vec::new();
        };
        let is_super = self.x509_super_user.as_deref() == Some(subject);
        let super_id = is_super.then(|| Id::new(SUPER, subject));
        super_id.into_iter().chain([Id::new("x509", subject)]).collect()
    }

    fn check_ensemble(&self, name: &[u8], held: &Identities) -> AuthOutcome {
        let right = match &self.ensemble {
            EnsembleCheck::Unknown => return AuthOutcome::Refused,
            EnsembleCheck::AnyName => true,
            EnsembleCheck::Names(names) => {
                name.is_empty() || names.contains(&*String::from_utf8_lossy(name))
            }
        };
        if right { AuthOutcome::Accepted(held.clone()) } else { AuthOutcome::Disconnect }
    }
}

/// The scheme by which a client names the ensemble it means to talk to. It proves nothing.
const ENSEMBLE: &str = "ensemble";

fn address_id(remote: &Remote<'_>) -> [Id; 1] {
    [Id::new("ip", ip::to_text(remote.address))]
}
