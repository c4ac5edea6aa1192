//! Whether the console is served, and where browsers find it.

use webhook_console_actix::PublicUrl;
use webhook_domain::InvalidValue;

use super::Setting;
use super::layers::{Layers, Wrong};

/// Whether the console is served, and where browsers find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsoleSettings {
    /// Whether it is served at all.
    pub(crate) is_on: bool,
    /// Where browsers find it, if that was said.
    pub(crate) public_url: Option<PublicUrl>,
}

impl Layers {
    pub(super) fn console(&self) -> Result<ConsoleSettings, Wrong> {
        Ok(ConsoleSettings {
            is_on: self.read(Setting::Console, is_on)?,
            public_url: self.find(Setting::PublicUrl, PublicUrl::parse)?,
        })
    }
}

fn is_on(text: &str) -> Result<bool, InvalidValue> {
    match text {
        "true" | "on" => Ok(true),
        "false" | "off" => Ok(false),
        _ => Err(InvalidValue::new("must be true or false, or on or off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_is_on_or_off() {
        for (text, expected) in [("true", true), ("on", true), ("false", false), ("off", false)] {
            assert_eq!(is_on(text), Ok(expected));
        }
        for wrong in ["", "On", "1", "yes"] {
            assert!(is_on(wrong).is_err(), "{wrong}");
        }
    }
}
