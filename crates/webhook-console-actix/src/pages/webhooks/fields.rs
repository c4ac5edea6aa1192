//! The fields of a webhook as a form has them: what was written, what it means, and what is wrong with it. The rules are the domain's.

use webhook_domain::signing::imported::{ImportedSecret, ImportedSecrets};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::webhook::{
    Action, ActionList, ApiHeaderField, ApiKeyValue, AuthenticationType, CustomHeadersUpdate, Edit,
    FieldRules, Name, Password, Reference, RotationDays, SettingsUpdate, TargetUrl, Username, Webhook,
};
use webhook_domain::{InvalidValue, Refusal};

use crate::request::form::Form;

/// What was written into the fields.
pub(super) struct Fields {
    pub(super) name: String,
    pub(super) reference: String,
    pub(super) url: String,
    pub(super) active: bool,
    pub(super) include_previous_data: bool,
    pub(super) included_actions: String,
    pub(super) excluded_actions: String,
    pub(super) authentication_type: String,
    pub(super) username: String,
    pub(super) api_header_field: String,
    /// For how many seconds the credentials before a change are still tried.
    pub(super) previous_credentials_expires_in: String,
    /// The names alone of headers that are stored. Their values are secrets, which no page shows.
    pub(super) custom_headers: String,
    pub(super) signing_protocol: String,
    pub(super) secret_rotation_days: String,
    pub(super) secret_rotates_automatically: bool,
    pub(super) problems: Vec<Problem>,
}

/// What is wrong with a field.
pub(super) struct Problem {
    pub(super) field: String,
    pub(super) text: String,
}

impl Problem {
    /// What a refusal says of a field of the form; none if it is about none.
    pub(super) fn of(refusal: &Refusal) -> Option<Self> {
        let (field, text) = match refusal {
            Refusal::MissingField { field, expected } => ((*field).to_owned(), (*expected).to_owned()),
            Refusal::InvalidField { field, problem } => (field.to_string(), problem.to_string()),
            Refusal::ReferenceTaken => (
                "reference".to_owned(),
                "is used by another webhook of this platform".to_owned(),
            ),
            _ => return None,
        };
        Some(Self { field, text })
    }

    /// Whether it is about the field `name`, or a part of it.
    fn is_about(&self, name: &str) -> bool {
        let rest = self.field.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl Fields {
    /// Those of a webhook that is to be created.
    pub(super) fn empty() -> Self {
        Self {
            name: String::new(),
            reference: String::new(),
            url: String::new(),
            active: true,
            include_previous_data: false,
            included_actions: String::new(),
            excluded_actions: String::new(),
            authentication_type: AuthenticationType::None.name().to_owned(),
            username: String::new(),
            api_header_field: String::new(),
            previous_credentials_expires_in: String::new(),
            custom_headers: String::new(),
            signing_protocol: SigningProtocol::default().name().to_owned(),
            secret_rotation_days: String::new(),
            secret_rotates_automatically: false,
            problems: Vec::new(),
        }
    }

    /// Those of a webhook as it is stored.
    pub(super) fn of(webhook: &Webhook) -> Self {
        let settings = &webhook.settings;
        let credentials = settings.authentication.credentials();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let headers = settings.custom_headers.iter().flat_map(|headers| headers.iter());
        Self {
            name: text(settings.name.as_ref().map(Name::as_str)),
            reference: text(settings.reference.as_ref().map(Reference::as_str)),
            url: text(settings.url.as_ref().map(TargetUrl::as_str)),
            active: settings.active,
            include_previous_data: settings.include_previous_data,
            included_actions: lines(settings.included_actions.as_ref()),
            excluded_actions: lines(settings.excluded_actions.as_ref()),
            authentication_type: settings.authentication.kind().name().to_owned(),
            username: text(credentials.username.as_ref().map(Username::as_str)),
            api_header_field: text(credentials.api_header_field.as_ref().map(ApiHeaderField::as_str)),
            previous_credentials_expires_in: String::new(),
            custom_headers: headers
                .map(|header| format!("{}\n", header.name.as_str()))
                .collect(),
            signing_protocol: settings.signing_protocol.name().to_owned(),
            secret_rotation_days: settings
                .secret_rotation_days
                .map(|days| days.get().to_string())
                .unwrap_or_default(),
            secret_rotates_automatically: settings.secret_rotates_automatically,
            problems: Vec::new(),
        }
    }

    /// What was sent. Passwords and keys are not kept for the page: whoever sends the form again writes them again.
    pub(super) fn sent(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        let is_ticked = |name| !form.text(name).is_empty();
        Self {
            name: text("name"),
            reference: text("reference"),
            url: form.text("url").trim().to_owned(),
            active: is_ticked("active"),
            include_previous_data: is_ticked("include_previous_data"),
            included_actions: text("included_actions"),
            excluded_actions: text("excluded_actions"),
            authentication_type: text("authentication_type"),
            username: text("username"),
            api_header_field: text("api_header_field"),
            previous_credentials_expires_in: text("previous_credentials_expires_in"),
            custom_headers: header_names(form),
            signing_protocol: text("signing_protocol"),
            secret_rotation_days: form.text("secret_rotation_days").trim().to_owned(),
            secret_rotates_automatically: is_ticked("secret_rotates_automatically"),
            problems: Vec::new(),
        }
    }

    /// What is wrong with the field `name`.
    pub(super) fn wrong_with(&self, name: &str) -> Option<&str> {
        let problem = self.problems.iter().find(|problem| problem.is_about(name));
        problem.map(|problem| problem.text.as_str())
    }

    /// The update that the fields ask for; what is wrong with them is noted.
    pub(super) fn update(&mut self, form: &Form, rules: &FieldRules) -> Option<SettingsUpdate> {
        let kind = self.authentication_type.parse();
        let kind = self.noted("authentication_type", kind).unwrap_or_default();
        let mut update = SettingsUpdate::new(self.active, self.include_previous_data, kind);
        update.name = self.text("name", self.name.clone(), Name::parse);
        update.reference = self.text("reference", self.reference.clone(), Reference::parse);
        update.username = self.text("username", self.username.clone(), Username::parse);
        update.api_header_field = self.text(
            "api_header_field",
            self.api_header_field.clone(),
            ApiHeaderField::parse,
        );
        update.password = self.secret("password", form, Password::parse);
        update.api_key = self.secret("api_key", form, ApiKeyValue::parse);
        update.url = self.text("url", self.url.clone(), |text| {
            let (url, objection) = TargetUrl::propose(text, &rules.targets)?;
            update.objections.url = objection;
            Ok(url)
        });
        let catalogue = rules.actions.get();
        let mut actions = |name: &'static str, written: &str| {
            let items: Vec<_> = written
                .split(|c: char| c.is_whitespace() || c == ',')
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect();
            if items.is_empty() {
                return (Edit::Clear, Vec::new());
            }
            match ActionList::propose(items, &catalogue) {
                Ok((list, foreign)) => (Edit::Set(list), foreign),
                Err(error) => {
                    self.problems.push(Problem {
                        field: name.to_owned(),
                        text: match error.index {
                            Some(index) => format!("number {} {}", index + 1, error.problem),
                            None => error.problem.to_string(),
                        },
                    });
                    (Edit::Keep, Vec::new())
                }
            }
        };
        let (included, excluded) = (self.included_actions.clone(), self.excluded_actions.clone());
        (update.included_actions, update.objections.included_actions) =
            actions("included_actions", &included);
        (update.excluded_actions, update.objections.excluded_actions) =
            actions("excluded_actions", &excluded);
        update.previous_credentials_expires_in = self.seconds("previous_credentials_expires_in");
        update.custom_headers = self.headers(form);
        update.secret_rotation_days = self.text(
            "secret_rotation_days",
            self.secret_rotation_days.clone(),
            |text| RotationDays::new(text.parse().map_err(|_| RotationDays::invalid())?),
        );
        update.secret_rotates_automatically = Edit::Set(self.secret_rotates_automatically);
        self.problems.is_empty().then_some(update)
    }

    /// The protocol of the first key of a webhook that is created.
    pub(super) fn protocol(&mut self) -> Option<SigningProtocol> {
        self.noted("signing_protocol", self.signing_protocol.parse())
    }

    /// The secrets that the receiver of a webhook of this protocol has from elsewhere, if any are sent; what is wrong with them is noted.
    pub(super) fn imported(&mut self, form: &Form, protocol: SigningProtocol) -> Option<ImportedSecrets> {
        let count = self.problems.len();
        let [current, previous] = [ImportedSecret::CURRENT, ImportedSecret::PREVIOUS].map(|field| {
            let text = Some(form.text(field).trim()).filter(|text| !text.is_empty())?;
            self.noted(field, ImportedSecret::parse(&SecretText::new(text.to_owned())))
        });
        if self.problems.len() > count {
            return None;
        }
        ImportedSecrets::new(current, previous, protocol).unwrap_or_else(|refusal| {
            self.problems.extend(Problem::of(&refusal));
            None
        })
    }

    /// A number of seconds; none where nothing is written.
    fn seconds(&mut self, field: &'static str) -> Overlap {
        let text = self.previous_credentials_expires_in.clone();
        if text.is_empty() {
            return Overlap::NONE;
        }
        let seconds = text.parse().map_err(|_| Overlap::invalid());
        self.noted(field, seconds.and_then(Overlap::from_seconds))
            .unwrap_or(Overlap::NONE)
    }

    fn noted<T>(&mut self, field: &'static str, read: Result<T, InvalidValue>) -> Option<T> {
        read.map_err(|problem| {
            self.problems.push(Problem {
                field: field.to_owned(),
                text: problem.to_string(),
            });
        })
        .ok()
    }

    /// A field that is null where nothing is written.
    fn text<T>(
        &mut self,
        field: &'static str,
        text: String,
        parse: impl FnOnce(String) -> Result<T, InvalidValue>,
    ) -> Edit<T> {
        if text.is_empty() {
            return Edit::Clear;
        }
        self.noted(field, parse(text)).map_or(Edit::Keep, Edit::Set)
    }

    /// A secret: where nothing is written, the one that is stored stays.
    fn secret<T>(
        &mut self,
        field: &'static str,
        form: &Form,
        parse: impl FnOnce(SecretText) -> Result<T, InvalidValue>,
    ) -> Edit<T> {
        match form.text(field) {
            "" => Edit::Keep,
            text => {
                let read = parse(SecretText::new(text.to_owned()));
                self.noted(field, read).map_or(Edit::Keep, Edit::Set)
            }
        }
    }

    /// One header a line: a name and a value with a colon between, or a name alone, whose stored value stays.
    fn headers(&mut self, form: &Form) -> Edit<CustomHeadersUpdate> {
        let given: Vec<_> = header_lines(form)
            .map(|(name, value)| {
                (
                    name.to_owned(),
                    value.map(|value| SecretText::new(value.to_owned())),
                )
            })
            .collect();
        if given.is_empty() {
            return Edit::Clear;
        }
        match CustomHeadersUpdate::parse(given) {
            Ok(headers) => Edit::Set(headers),
            Err(error) => {
                let of = error.name.map(|name| format!("{name}: ")).unwrap_or_default();
                self.problems.push(Problem {
                    field: "custom_headers".to_owned(),
                    text: format!("{of}{}", error.problem),
                });
                Edit::Keep
            }
        }
    }
}

fn header_lines(form: &Form) -> impl Iterator<Item = (&str, Option<&str>)> {
    let lines = form.text("custom_headers").lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(|line| match line.split_once(':') {
            Some((name, value)) if !value.trim().is_empty() => (name.trim(), Some(value.trim())),
            Some((name, _)) => (name.trim(), None),
            None => (line, None),
        })
}

/// The names of the headers that were sent, without their values.
fn header_names(form: &Form) -> String {
    header_lines(form).map(|(name, _)| format!("{name}\n")).collect()
}

fn lines(list: Option<&ActionList>) -> String {
    let actions = list.into_iter().flat_map(ActionList::iter).map(Action::as_str);
    actions.map(|action| format!("{action}\n")).collect()
}
