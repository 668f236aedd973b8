//! What is registered of an instance: JSON as Curator's `JsonInstanceSerializer` writes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// An instance of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceInstance {
    /// The service.
    pub name: String,
    /// What tells it from other instances.
    pub id: String,
    /// The host.
    pub address: Option<String>,
    /// The port for plain connections.
    pub port: Option<u16>,
    /// The port for TLS.
    pub ssl_port: Option<u16>,
    /// Whatever else those who look for it want to know. Objects that Curator is to read name their
    /// Java class in `@class`.
    pub payload: Option<Value>,
    /// When it was registered, in milliseconds since 1970.
    #[serde(rename = "registrationTimeUTC", default)]
    pub registration_time_ms: u64,
    /// How long it stays.
    #[serde(default)]
    pub service_type: ServiceType,
    /// How to make a URI of it.
    pub uri_spec: Option<UriSpec>,
    /// Whether it is to be picked.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// How long an instance stays registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceType {
    /// As long as its session: all that [`Discovery`](super::Discovery) registers.
    #[default]
    Dynamic,
    /// As `Dynamic`, with a number in its name.
    DynamicSequential,
    /// Until somebody removes it, or finds it stale.
    Static,
    /// Until somebody removes it.
    Permanent,
}

/// A URI with holes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UriSpec {
    /// Its parts, in order.
    pub parts: Vec<UriPart>,
}

/// A part of a URI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UriPart {
    /// Text, or the name of what is to be filled in: `scheme`, `name`, `id`, `address`, `port` or
    /// `ssl-port`.
    pub value: String,
    /// Whether it is the name of something.
    pub variable: bool,
}

const fn yes() -> bool {
    true
}

impl ServiceInstance {
    /// An instance with nothing but its names.
    pub fn new(name: impl Into<String>, id: impl Into<String>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ms = since.map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
        Self {
            name: name.into(),
            id: id.into(),
            address: None,
            port: None,
            ssl_port: None,
            payload: None,
            registration_time_ms: now_ms,
            service_type: ServiceType::Dynamic,
            uri_spec: None,
            enabled: true,
        }
    }

    /// On this host.
    #[must_use]
    pub fn address(self, address: impl Into<String>) -> Self {
        Self { address: Some(address.into()), ..self }
    }

    /// On this port.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }

    /// With TLS on this port.
    #[must_use]
    pub fn ssl_port(self, port: u16) -> Self {
        Self { ssl_port: Some(port), ..self }
    }

    /// With this to say.
    #[must_use]
    pub fn payload(self, payload: impl Into<Value>) -> Self {
        Self { payload: Some(payload.into()), ..self }
    }

    /// To be picked or not.
    #[must_use]
    pub fn enabled(self, enabled: bool) -> Self {
        Self { enabled, ..self }
    }

    /// With a URI such as `{scheme}://{address}:{port}/index`.
    #[must_use]
    pub fn uri(self, text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, (name, after))) =
            rest.split_once('{').and_then(|(before, it)| Some((before, it.split_once('}')?)))
        {
            parts.extend(UriPart::text(before));
            parts.push(UriPart { value: name.to_owned(), variable: true });
            rest = after;
        }
        parts.extend(UriPart::text(rest));
        Self { uri_spec: Some(UriSpec { parts }), ..self }
    }

    /// Its URI: what it was registered with, or `{scheme}://{address}:{port}`. What it does not have
    /// is left out.
    pub fn to_uri(&self, scheme: &str) -> String {
        let standard;
        let spec = match &self.uri_spec {
            Some(spec) => spec,
            None => {
                standard = self.clone().uri("{scheme}://{address}:{port}");
                standard.uri_spec.as_ref().expect("it was set in the line above")
            }
        };
        let port = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
        spec.parts
            .iter()
            .map(|part| match (part.variable, part.value.as_str()) {
                (false, text) => text.to_owned(),
                (true, "scheme") => scheme.to_owned(),
                (true, "name") => self.name.clone(),
                (true, "id") => self.id.clone(),
                (true, "address") => self.address.clone().unwrap_or_default(),
                (true, "port") => port(self.port),
                (true, "ssl-port") => port(self.ssl_port),
                (true, _) => String::new(),
            })
            .collect()
    }

    /// The instance as it is registered.
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings, numbers and JSON are JSON")
    }

    pub(super) fn from_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }
}

impl UriPart {
    fn text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self { value: text.to_owned(), variable: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_curator_writes_is_read() {
        let json = br#"{"name":"search","id":"7","address":"10.0.0.7","port":80,"sslPort":null,
            "payload":{"@class":"org.example.P","x":1},"registrationTimeUTC":1325129459728,
            "serviceType":"DYNAMIC","uriSpec":{"parts":[{"value":"scheme","variable":true},
            {"value":"://","variable":false},{"value":"address","variable":true}]},"enabled":true}"#;
        let instance = ServiceInstance::from_json(json).unwrap();
        assert_eq!(instance.registration_time_ms, 1_325_129_459_728);
        assert_eq!(instance.to_uri("http"), "http://10.0.0.7");
        assert_eq!(ServiceInstance::from_json(&instance.to_json()), Some(instance));
        // Before Curator 2.12 there was no `enabled`.
        let old = ServiceInstance::from_json(br#"{"name":"a","id":"b"}"#).unwrap();
        assert!(old.enabled && old.port.is_none());
        assert_eq!(ServiceInstance::from_json(b"[]"), None);
    }

    #[test]
    fn uri_is_filled_in() {
        let instance = ServiceInstance::new("s", "i").address("h").port(1).ssl_port(2);
        assert_eq!(instance.to_uri("ftp"), "ftp://h:1");
        let instance = instance.uri("https://{address}:{ssl-port}/{name}/{id}/{what}{");
        assert_eq!(instance.to_uri(""), "https://h:2/s/i/{");
    }
}
