//! Custom headers from a file, in which each stands on a line as HTTP has it: `Name: value`.

use std::path::PathBuf;

use webhook_domain::signing::secret::SecretText;
use webhook_domain::webhook::{CustomHeaders, CustomHeadersUpdate};

use super::secret_file::read;
use crate::exit::Failure;

const FLAG: &str = "--custom-headers-file";
/// The longest file: what is allowed, with room for spaces and ends of lines.
const MAX_BYTES: usize = 2 * CustomHeaders::MAX_BYTES;

/// The headers that the file holds. `Name:` keeps the value that is stored. No message repeats a line: a secret may stand anywhere.
pub(super) fn custom_headers(file: Option<PathBuf>) -> Result<Option<CustomHeadersUpdate>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let text = SecretText::new(read(FLAG, &file, MAX_BYTES as u64 + 1)?);
    if text.expose().len() > MAX_BYTES {
        return Err(Failure::configuration(format!(
            "{FLAG} must have at most {MAX_BYTES} bytes"
        )));
    }
    let lines = text.expose().lines().enumerate();
    let mut given = Vec::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            let number = index + 1;
            return Err(Failure::configuration(format!(
                "line {number} of {FLAG} has no colon; write `Name: value`, or `Name:` to keep the value that is stored"
            )));
        };
        let value = value.trim_matches([' ', '\t']);
        let value = (!value.is_empty()).then(|| SecretText::new(value.to_owned()));
        given.push((name.to_owned(), value));
    }
    let update = CustomHeadersUpdate::parse(given);
    update.map(Some).map_err(|error| {
        let which = match error.name {
            Some(_) => format!("a header in {FLAG}"),
            None => format!("the set of headers in {FLAG}"),
        };
        Failure::configuration(format!("{which} {}", error.problem))
    })
}
