//! An answer of the service, and what every answer must be.

use serde_json::Value;

/// An answer, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// What the error envelope of a refusal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `INVALID_FIELD` and its like.
    pub code: String,
    /// The path of the field that is to blame, if one is.
    pub field: Option<String>,
    /// The words for a human.
    pub message: String,
}

impl Answer {
    /// The value of the header `name`, which must not come twice.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(header, _)| header.eq_ignore_ascii_case(name));
        let first = values.next();
        assert!(
            values.next().is_none(),
            "header {name} comes twice: {:?}",
            self.headers
        );
        first.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body is UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.shown()))
    }

    /// This answer, if its status is `status`.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.shown());
        self
    }

    /// The tag of the webhook's version that was answered with.
    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag")
            .unwrap_or_else(|| panic!("no ETag: {}", self.shown()))
            .to_owned()
    }

    /// Whether this is a stored answer sent again.
    #[track_caller]
    pub fn is_replayed(&self) -> bool {
        match self.header("idempotent-replayed") {
            None => false,
            Some(value) => {
                assert_eq!(value, "true");
                true
            }
        }
    }

    /// What the envelope says, after checking that it is the one envelope, with `status` and `code`.
    #[track_caller]
    pub fn expect_refusal(&self, status: u16, code: &str) -> Refusal {
        assert_eq!(self.status, status, "{}", self.shown());
        let refusal = self.refusal();
        assert_eq!(refusal.code, code, "{}", self.shown());
        refusal
    }

    /// What the envelope says, after checking that it is the one envelope.
    #[track_caller]
    pub fn refusal(&self) -> Refusal {
        assert!(self.status >= 400, "not a refusal: {}", self.shown());
        let content_type = self.header("content-type").unwrap_or_default();
        assert!(
            content_type.starts_with("application/json"),
            "an error is JSON too: {}",
            self.shown()
        );
        let json = self.json();
        let object = json
            .as_object()
            .unwrap_or_else(|| panic!("not an object: {}", self.shown()));
        let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["code", "field", "message", "resource_id", "resource_type", "type"],
            "{}",
            self.shown()
        );
        let kind = if self.status < 500 {
            "INVALID_REQUEST"
        } else {
            "API_ERROR"
        };
        assert_eq!(object["type"], kind, "{}", self.shown());
        let text = |name: &str| object[name].as_str().map(str::to_owned);
        let message = text("message").unwrap_or_default();
        assert!(
            !message.is_empty(),
            "a refusal says what is wrong: {}",
            self.shown()
        );
        let code = text("code").unwrap_or_else(|| panic!("no code: {}", self.shown()));
        Refusal {
            code,
            field: text("field"),
            message,
        }
    }

    /// The answer without what may differ between two alike: the request's id, the date, and the order of headers.
    pub fn comparable(&self) -> (u16, Vec<(String, String)>, String) {
        let mut headers = self.headers.clone();
        headers.retain(|(name, _)| name != "x-request-id" && name != "date");
        headers.sort_unstable();
        (
            self.status,
            headers,
            String::from_utf8_lossy(&self.body).into_owned(),
        )
    }

    /// Asserts that `secret` is nowhere in the answer.
    #[track_caller]
    pub fn expect_without(&self, secret: &str) {
        assert!(
            !self.shown().contains(secret),
            "the answer repeats `{secret}`: {}",
            self.shown()
        );
    }

    /// The answer for a human.
    pub fn shown(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(&self.body));
        text
    }

    /// What every answer of the service must be, whatever was asked: identified, no secret cached, and no failure of
    /// the server's own.
    #[track_caller]
    pub(crate) fn check_ground_rules(&self) {
        assert!(self.status < 500, "the server failed: {}", self.shown());
        let id = self
            .header("x-request-id")
            .unwrap_or_else(|| panic!("no X-REQUEST-ID: {}", self.shown()));
        assert!(is_request_id(id), "not a request id: {id}");
        if self.text().contains("whsec_") {
            let cached = self.header("cache-control").unwrap_or_default();
            assert!(
                cached.contains("no-store"),
                "an answer with a secret may be cached: {}",
                self.shown()
            );
        }
        if self.status >= 400 {
            self.refusal();
        }
    }
}

/// 1–128 of `[A-Za-z0-9_.-]`.
fn is_request_id(text: &str) -> bool {
    let admitted = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(admitted)
}
