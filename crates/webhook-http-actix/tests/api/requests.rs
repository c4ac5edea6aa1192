//! Requests that tests make, and what is asserted of their answers.

use std::net::SocketAddr;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use serde_json::Value;

/// A create object with nothing that may be left out.
pub(crate) const CREATE: &str = r#"{"name":null,"reference":null,"url":null}"#;
/// An update object with nothing that may be left out.
pub(crate) const UPDATE: &str =
    r#"{"active":true,"include_previous_data":false,"authentication_type":"NONE"}"#;
/// A well-formed id that no webhook has.
pub(crate) const NO_ONES_ID: &str = "whk_01hv9k2m4rt6w8y0abcdefghjk";

/// What a request was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Checks the envelope.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, code: &str, field: Option<&str>) -> &Self {
        let json = self.json();
        let shown = String::from_utf8_lossy(&self.body).into_owned();
        assert_eq!(self.status, status, "{shown}");
        assert_eq!(json["code"], code, "{shown}");
        assert_eq!(json["field"].as_str(), field, "{shown}");
        let kind = if status < 500 {
            "INVALID_REQUEST"
        } else {
            "API_ERROR"
        };
        assert_eq!(json["type"], kind, "{shown}");
        let types = [
            "WEBHOOK",
            "SIGNING_KEY",
            "API_KEY",
            "AUDIT_RECORD",
            "EVENT",
            "WEBHOOK_EVENT",
            "ROTATION",
        ];
        assert!(
            types.iter().any(|known| json["resource_type"] == *known),
            "{shown}"
        );
        assert!(!json["message"].as_str().unwrap().is_empty(), "{shown}");
        assert_eq!(json.as_object().unwrap().len(), 6, "{shown}");
        assert!(self.header("x-request-id").is_some());
        assert_eq!(self.header("content-type"), Some("application/json"));
        self
    }

    /// Checks what an error says it is about.
    #[track_caller]
    pub(crate) fn is_about(&self, resource_type: &str, id: Option<&str>) {
        let json = self.json();
        assert_eq!(json["resource_type"], resource_type);
        assert_eq!(json["resource_id"].as_str(), id);
    }

    /// Checks an answer with one webhook.
    #[track_caller]
    pub(crate) fn succeeds(&self, status: u16) -> &Self {
        self.answers(status);
        assert!(self.header("etag").is_some());
        self
    }

    /// Checks an answer with anything.
    #[track_caller]
    pub(crate) fn answers(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert!(self.header("x-request-id").is_some());
        self
    }
}

/// A request to make.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) json: bool,
    pub(crate) peer: Option<SocketAddr>,
}

impl Ask {
    pub(crate) fn new(method: Method, uri: impl Into<String>) -> Self {
        Self {
            method,
            uri: uri.into(),
            headers: Vec::new(),
            body: Vec::new(),
            json: true,
            peer: None,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Over a connection from this address.
    pub(crate) fn coming_from(mut self, address: &str) -> Self {
        self.peer = Some(SocketAddr::new(address.parse().unwrap(), 50_000));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// With this content type, or none.
    pub(crate) fn of_type(mut self, content_type: Option<&str>) -> Self {
        self.json = false;
        match content_type {
            Some(value) => self.header("content-type", value),
            None => self,
        }
    }
}

pub(crate) fn create(body: &str) -> Ask {
    Ask::new(Method::POST, "/v1/webhooks").body(body)
}

pub(crate) fn roll(id: &str) -> Ask {
    Ask::new(Method::PATCH, format!("/v1/webhooks/{id}/secret-key"))
}

pub(crate) fn remove(id: &str) -> Ask {
    Ask::new(Method::DELETE, format!("/v1/webhooks/{id}/secret-key"))
}

pub(crate) fn get(uri: impl Into<String>) -> Ask {
    Ask::new(Method::GET, uri)
}

pub(crate) fn update(id: &str, body: &str) -> Ask {
    Ask::new(Method::PATCH, format!("/v1/webhooks/{id}")).body(body)
}

pub(crate) fn delete(id: &str) -> Ask {
    Ask::new(Method::DELETE, format!("/v1/webhooks/{id}"))
}

pub(crate) fn publish(body: &str) -> Ask {
    Ask::new(Method::POST, "/v1/events").body(body)
}

pub(crate) fn create_key(body: &str) -> Ask {
    Ask::new(Method::POST, "/v1/api-keys").body(body)
}

pub(crate) fn revoke_key(id: &str) -> Ask {
    Ask::new(Method::DELETE, format!("/v1/api-keys/{id}"))
}

pub(crate) fn read(id: &str) -> Ask {
    Ask::new(Method::GET, format!("/v1/webhooks/{id}"))
}
