//! Access control, authentication and quotas.

use super::{Key, Place, Subject, keys};
use crate::config::access::DigestAlgorithm;
use crate::config::kind::{Bool, Choice, List, Maybe, Text, YES_NO};

keys! {
    "Access";
    /// `yes`: every client may do everything, whatever the ACLs say.
    SKIP_ACL: Property "skipACL", Choice<bool> = YES_NO, false;
    /// Offers the scheme `digest`.
    DIGEST_AUTH_ENABLED: Property "DigestAuthenticationProvider.enabled", Bool = Bool, true;
    /// `super:` and the digest of a password, whose owner may do everything.
    SUPER_DIGEST: Property "DigestAuthenticationProvider.superDigest",
        Maybe<Text> = Maybe(Text { what: "user:digest" }), ();
    /// How passwords of the scheme `digest` are hashed.
    DIGEST_ALGORITHM: Property "DigestAuthenticationProvider.digestAlg",
        Choice<DigestAlgorithm> = Choice { words: DigestAlgorithm::WORDS }, DigestAlgorithm::Sha1;
    /// Takes the client's address from `X-Forwarded-For` when the admin server checks an `ip` ACL.
    USE_X_FORWARDED_FOR: Property "IPAuthenticationProvider.usexforwardedfor", Bool = Bool, false;
    /// An authenticated user who may do everything.
    SUPER_USER: Property "superUser", Maybe<Text> = Maybe(Text { what: "a user's id" }), ();
    /// Closes sessions that have not authenticated before their first other request.
    ENFORCE_AUTH_ENABLED: Property "enforce.auth.enabled", Bool = Bool, false;
    /// Schemes of which one is needed then: `digest`, `ip`.
    ENFORCE_AUTH_SCHEMES: Property "enforce.auth.schemes", List =
        List { what: "authentication schemes" }, "";
    /// Names of this ensemble; clients that authenticate with scheme `ensemble` and another name
    /// are turned away.
    ENSEMBLE_AUTH_NAME: Property "ensembleAuthName", List = List { what: "names" }, "";
    /// Refuses writes beyond a quota instead of only logging them.
    ENFORCE_QUOTA: Property "enforceQuota", Bool = Bool, false;
}
