//! Access control, authentication and quotas, typed.

use super::error::{ConfigError, Setting};
use super::keys::access as keys;
use super::settings::Settings;
use std::fmt;

/// The package of Apache's authentication providers.
const PROVIDERS: &str = "org.apache.zookeeper.server.auth.";

/// Who may do what, and how clients say who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Every client may do everything.
    pub skip_acl: bool,
    /// Offers the scheme `digest`.
    pub digest_scheme: bool,
    /// How its passwords are hashed.
    pub digest_algorithm: DigestAlgorithm,
    /// `super:` and the digest of the password whose owner may do everything.
    pub super_digest: Option<Secret>,
    /// Authenticated users who may do everything.
    pub super_users: Vec<String>,
    /// Schemes of which a session must have authenticated with one; empty: it need not.
    pub required_schemes: Vec<String>,
    /// The names that the scheme `ensemble` accepts; `None`: the scheme is not offered.
    pub ensemble_names: Option<Vec<String>>,
    /// Takes a client's address from `X-Forwarded-For` in the admin server.
    pub use_x_forwarded_for: bool,
    /// Refuses writes beyond a quota.
    pub enforce_quota: bool,
}

/// How passwords of the scheme `digest` are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// SHA-1, the only one before 3.7.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// MD5.
    Md5,
}

impl DigestAlgorithm {
    /// The names Java has for them.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("SHA1", Self::Sha1),
        ("SHA-1", Self::Sha1),
        ("SHA-256", Self::Sha256),
        ("SHA-512", Self::Sha512),
        ("MD5", Self::Md5),
    ];
}

/// Text that must not be seen in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(
    /// The text.
    pub String,
);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Access {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let digest_scheme = settings.value(&keys::DIGEST_AUTH_ENABLED);
        let ensemble_scheme = ensemble_scheme(settings);
        let names = settings.value(&keys::ENSEMBLE_AUTH_NAME);
        let plain = settings.value(&keys::SUPER_USER);
        let more = settings.family("zookeeper.superUser.").into_iter().map(|setting| setting.value);
        Self {
            skip_acl: settings.value(&keys::SKIP_ACL),
            digest_scheme,
            digest_algorithm: settings.value(&keys::DIGEST_ALGORITHM),
            super_digest: settings.value(&keys::SUPER_DIGEST).map(Secret),
            super_users: plain.into_iter().chain(more).collect(),
            required_schemes: required_schemes(settings, digest_scheme, ensemble_scheme),
            ensemble_names: ensemble_scheme.then_some(names),
            use_x_forwarded_for: settings.value(&keys::USE_X_FORWARDED_FOR),
            enforce_quota: settings.value(&keys::ENFORCE_QUOTA),
        }
    }
}

/// A scheme that is asked for and not there would either lock everybody out or, worse, leave
/// znodes open that the operator believes protected.
fn ensemble_scheme(settings: &mut Settings) -> bool {
    let mut ensemble = false;
    for setting in settings.family("zookeeper.authProvider.") {
        match setting.value.strip_prefix(PROVIDERS) {
            Some("EnsembleAuthenticationProvider") => ensemble = true,
            // These two are always there.
            Some("DigestAuthenticationProvider" | "IPAuthenticationProvider") => {}
            Some(_) | None => settings.errors.push(ConfigError::Unsupported {
                setting,
                why: "the schemes here are digest, ip and ensemble; \
                      Java classes cannot be loaded",
            }),
        }
    }
    ensemble
}

fn required_schemes(settings: &mut Settings, digest: bool, ensemble: bool) -> Vec<String> {
    let required = settings.value(&keys::ENFORCE_AUTH_ENABLED);
    let schemes = settings.value(&keys::ENFORCE_AUTH_SCHEMES);
    let Some(enabled) = settings.setting(&keys::ENFORCE_AUTH_ENABLED).cloned() else {
        return Vec::new();
    };
    if !required {
        return Vec::new();
    }
    if schemes.is_empty() {
        let needed = "enforce.auth.schemes";
        settings.errors.push(ConfigError::Needs { setting: enabled.clone(), needed });
    }
    for scheme in &schemes {
        let offered = match scheme.as_str() {
            "ip" => true,
            "digest" => digest,
            "ensemble" => ensemble,
            _ => false,
        };
        if !offered {
            let setting = settings.setting(&keys::ENFORCE_AUTH_SCHEMES);
            let setting = Setting { value: scheme.clone(), ..setting.unwrap_or(&enabled).clone() };
            let why = "no such scheme is offered; required schemes can be ip, digest unless it \
                       is disabled, and ensemble with its authProvider";
            settings.errors.push(ConfigError::Unsupported { setting, why });
        }
    }
    schemes
}
