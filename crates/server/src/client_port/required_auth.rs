//! `enforce.auth`: a connection must have an identity of certain schemes before it is served
//! (Apache: `AuthenticationHelper`).

use zoarium_tree::access::Identities;

/// The schemes, of which one is enough.
#[derive(Debug)]
pub(super) struct RequiredAuth {
    schemes: Vec<String>,
}

impl RequiredAuth {
    /// `None` if no scheme is required.
    pub(super) fn new(schemes: &[String]) -> Option<Self> {
        (!schemes.is_empty()).then(|| Self { schemes: schemes.to_vec() })
    }

    /// Whether who has these identities is served.
    pub(super) fn is_met_by(&self, identities: &Identities) -> bool {
        identities.iter().any(|id| self.schemes.contains(&id.scheme))
    }

    /// The schemes.
    pub(super) fn schemes(&self) -> &[String] {
        &self.schemes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoarium_proto::Id;

    fn identities(schemes: &[&str]) -> Identities {
        let id = |scheme: &&str| Id { scheme: (*scheme).into(), id: "somebody".into() };
        Identities::new(schemes.iter().map(id))
    }

    #[test]
    fn one_of_the_required_schemes_is_enough() {
        let required = RequiredAuth::new(&["digest".into(), "ensemble".into()]).unwrap();
        assert!(!required.is_met_by(&identities(&[])));
        assert!(!required.is_met_by(&identities(&["ip"])));
        assert!(required.is_met_by(&identities(&["ip", "digest"])));
        assert!(required.is_met_by(&identities(&["ensemble"])));
    }

    #[test]
    fn without_schemes_nothing_is_required() {
        assert!(RequiredAuth::new(&[]).is_none());
    }
}
