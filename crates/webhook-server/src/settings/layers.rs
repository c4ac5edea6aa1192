//! The uppermost text of each setting, and what reads it. Every layer is put over those before it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use webhook_domain::InvalidValue;
use webhook_domain::signing::secret::SecretText;
use webhook_sender_hyper::EgressProxy;
use webhook_store_diesel::MasterKey;

use super::{CertificateFiles, Setting, value};
use crate::exit::Failure;
use crate::files::master_key::MasterKeySource;

/// Settings that are wrong, by themselves or together.
pub(super) struct Wrong {
    pub(super) settings: Vec<Setting>,
    pub(super) failure: Failure,
}

impl Wrong {
    pub(super) fn new(settings: impl IntoIterator<Item = Setting>, problem: String) -> Self {
        Self {
            settings: settings.into_iter().collect(),
            failure: Failure::configuration(problem),
        }
    }
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        wrong.failure
    }
}

pub(super) enum Layer {
    Default,
    File(PathBuf),
    Environment,
    Flag,
}

struct Given {
    text: SecretText,
    layer: Layer,
}

/// The uppermost text of each setting.
pub(super) struct Layers(BTreeMap<Setting, Given>);

impl Layers {
    pub(super) fn of_defaults() -> Self {
        let mut layers = Self(BTreeMap::new());
        let default = |setting: Setting| Some((setting, setting.default_text()?.to_owned()));
        layers.put(Setting::ALL.into_iter().filter_map(default), || Layer::Default);
        layers
    }

    pub(super) fn put(
        &mut self,
        values: impl IntoIterator<Item = (Setting, String)>,
        layer: impl Fn() -> Layer,
    ) {
        for (setting, text) in values {
            // What comes out of a file, or through other tools, often has a line break at its end.
            let text = SecretText::new(text.trim().to_owned());
            self.0.insert(setting, Given { text, layer: layer() });
        }
    }

    pub(super) fn read<T>(
        &self,
        setting: Setting,
        read: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Result<T, Wrong> {
        let value = self.find(setting, read)?;
        value.ok_or_else(|| Wrong::new([setting], format!("{} must be set", setting.variable())))
    }

    pub(super) fn find<T>(
        &self,
        setting: Setting,
        read: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Result<Option<T>, Wrong> {
        let Some(given) = self.0.get(&setting) else {
            return Ok(None);
        };
        read(given.text.expose())
            .map(Some)
            .map_err(|problem| Wrong::new([setting], format!("{} {problem}", self.place(setting))))
    }

    pub(super) fn master_key(&self) -> Result<MasterKeySource, Wrong> {
        let key = |text: &str| MasterKey::parse(&SecretText::new(text.to_owned()));
        match (
            self.find(Setting::MasterKey, key)?,
            self.find(Setting::MasterKeyFile, value::path)?,
        ) {
            (Some(_), Some(_)) => Err(Wrong::new(
                [Setting::MasterKey, Setting::MasterKeyFile],
                format!(
                    "{} and {} must not both be set: which master key is right?",
                    self.place(Setting::MasterKey),
                    self.place(Setting::MasterKeyFile)
                ),
            )),
            (Some(key), None) => Ok(MasterKeySource::Given(key)),
            (None, Some(path)) => Ok(MasterKeySource::File(path)),
            (None, None) => Ok(MasterKeySource::BesideDatabase),
        }
    }

    /// The files of a certificate and its key: both or neither.
    pub(super) fn certificate_files(
        &self,
        certificate: Setting,
        key: Setting,
    ) -> Result<Option<CertificateFiles>, Wrong> {
        match (self.find(certificate, value::path)?, self.find(key, value::path)?) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(CertificateFiles { certificate, key })),
            _ => Err(Wrong::new(
                [certificate, key],
                format!(
                    "{} and {} must both be set, or neither",
                    certificate.variable(),
                    key.variable()
                ),
            )),
        }
    }

    pub(super) fn egress_proxy(&self) -> Result<Option<EgressProxy>, Wrong> {
        let resolves = self.read(Setting::ProxyResolves, value::boolean)?;
        let proxy = self.find(Setting::EgressProxy, EgressProxy::parse)?;
        let is_flag = matches!(self.place(Setting::EgressProxy).layer, Layer::Flag);
        if is_flag && proxy.as_ref().is_some_and(EgressProxy::has_credentials) {
            return Err(Wrong::new(
                [Setting::EgressProxy],
                format!(
                    "{} must have no password: arguments can be seen by others; set {} or use the settings file",
                    self.place(Setting::EgressProxy),
                    Setting::EgressProxy.variable()
                ),
            ));
        }
        Ok(proxy.map(|proxy| proxy.resolving(resolves)))
    }

    /// Whether there is anything for a setting, be it its default.
    pub(super) fn has(&self, setting: Setting) -> bool {
        self.0.contains_key(&setting)
    }

    /// Puts the default in the place of what was said.
    pub(super) fn forget(&mut self, settings: &[Setting]) {
        for setting in settings {
            self.0.remove(setting);
            let default = setting.default_text().map(|text| (*setting, text.to_owned()));
            self.put(default, || Layer::Default);
        }
    }

    pub(super) fn place(&self, setting: Setting) -> Place<'_> {
        Place {
            setting,
            layer: self.0.get(&setting).map_or(&Layer::Default, |given| &given.layer),
        }
    }
}

/// A setting as whoever set it knows it.
pub(super) struct Place<'a> {
    setting: Setting,
    pub(super) layer: &'a Layer,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layer {
            Layer::Default => write!(f, "{} (default)", self.setting.variable()),
            Layer::File(path) => write!(f, "{} (in {})", self.setting.key(), path.display()),
            Layer::Environment => write!(f, "{} (environment)", self.setting.variable()),
            Layer::Flag => write!(f, "{} (flag)", self.setting.flag()),
        }
    }
}
