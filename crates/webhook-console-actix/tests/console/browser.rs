//! What a browser does: it keeps a cookie, says where a request comes from, and sends forms.

use actix_web::App;
use actix_web::HttpMessage as _;
use actix_web::dev::Service as _;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use webhook_console_actix::configure;
use webhook_domain::id::RequestId;
use webhook_front_actix::RoutePattern;

use crate::scene::Scene;

/// A browser with one page open.
pub(crate) struct Browser<'a> {
    scene: &'a Scene,
    /// The host in its address bar.
    pub(crate) host: String,
    /// What it says of where its requests come from, and of what else.
    pub(crate) says: Vec<(&'static str, String)>,
    /// The cookie that it keeps, as it sends it.
    pub(crate) cookie: Option<String>,
}

/// What it was answered.
pub(crate) struct Answer {
    /// Where it came to, as those are told who watch requests.
    pub(crate) route: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where the browser is sent.
    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.header("location")
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> &Self {
        assert!(self.text.contains(text), "{text} is not in {}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn hides(&self, text: &str) -> &Self {
        assert!(!self.text.contains(text), "{text} is in {}", self.text);
        self
    }

    /// The hidden fields of the form that is sent to `action`.
    #[track_caller]
    pub(crate) fn hidden(&self, action: &str) -> Vec<(String, String)> {
        let begin = format!("<form method=\"post\" action=\"{action}\"");
        let (_, form) = self
            .text
            .split_once(&begin)
            .unwrap_or_else(|| panic!("no form to {action} in {}", self.text));
        let (form, _) = form.split_once("</form>").unwrap();
        let fields = form.split("<input type=\"hidden\" name=\"").skip(1);
        let pairs = fields.map(|field| {
            let (name, rest) = field.split_once('"').unwrap();
            let (_, rest) = rest.split_once("value=\"").unwrap();
            let (value, _) = rest.split_once('"').unwrap();
            (name.to_owned(), value.to_owned())
        });
        pairs.collect()
    }
}

impl<'a> Browser<'a> {
    /// One on the machine of the console.
    pub(crate) fn new(scene: &'a Scene) -> Self {
        Self {
            scene,
            host: "localhost:8080".to_owned(),
            says: vec![("sec-fetch-site", "same-origin".to_owned())],
            cookie: None,
        }
    }

    /// Signs in, which must succeed.
    pub(crate) async fn sign_in(&mut self, key: &str) {
        let answer = self.post("/console/sign-in", &[("api_key", key)]).await;
        answer.is(303);
        let set = answer.header("set-cookie");
        self.cookie = set.split(';').next().map(str::to_owned);
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// Follows where it is sent, once.
    pub(crate) async fn get_through(&self, path: &str) -> Answer {
        let sent = self.get(path).await;
        self.get(sent.location()).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(fields).finish();
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Sends the form to `action` that is on `page`, with `more` filled in.
    #[track_caller]
    pub(crate) fn fill<'b>(
        page: &'b Answer,
        action: &str,
        more: &'b [(&'b str, &'b str)],
    ) -> Vec<(String, String)> {
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        page.hidden(action).into_iter().chain(more).collect()
    }

    pub(crate) async fn send(&self, action: &str, fields: &[(String, String)]) -> Answer {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.post(action, &fields).await
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let mut request = TestRequest::default().method(method).uri(path);
        request = request.insert_header(("host", self.host.as_str()));
        for (name, value) in &self.says {
            request = request.insert_header((*name, value.as_str()));
        }
        if let Some(cookie) = &self.cookie {
            request = request.insert_header(("cookie", cookie.as_str()));
        }
        if let Some(body) = body {
            request = request
                .insert_header(("content-type", "application/x-www-form-urlencoded"))
                .set_payload(body);
        }
        let shared = self.scene.shared.clone();
        let app = App::new()
            .configure(move |router| configure(router, &shared))
            .wrap_fn(|request, service| {
                let id: RequestId = "reqr_0123456789abcdefghij".parse().unwrap();
                request.extensions_mut().insert(id);
                service.call(request)
            });
        let response = call_service(&init_service(app).await, request.to_request()).await;
        let route = response.request().extensions().get::<RoutePattern>().copied();
        Answer {
            route: route.map(|RoutePattern(pattern)| pattern),
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: String::from_utf8(read_body(response).await.to_vec()).unwrap(),
        }
    }
}
