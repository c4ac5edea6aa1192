//! Secrets from files: arguments can be seen by every user of the machine.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use webhook_domain::InvalidValue;
use webhook_domain::signing::secret::SecretText;

use crate::exit::Failure;

/// The longest file of a password or an API key, in bytes.
const MAX_SECRET_BYTES: u64 = 4096;

/// What the file of `flag` holds, without the ends of lines behind it.
pub(super) fn secret<T>(
    flag: &str,
    file: Option<PathBuf>,
    parse: impl FnOnce(SecretText) -> Result<T, InvalidValue>,
) -> Result<Option<T>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let mut text = read(flag, &file, MAX_SECRET_BYTES)?;
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    parse(SecretText::new(text))
        .map(Some)
        .map_err(|problem| Failure::configuration(format!("what {flag} holds {problem}")))
}

/// The beginning of the file of `flag`: at most so many bytes.
pub(super) fn read(flag: &str, file: &Path, most: u64) -> Result<String, Failure> {
    let from: io::Result<Box<dyn Read>> = match file == Path::new("-") {
        true => Ok(Box::new(io::stdin())),
        false => std::fs::File::open(file).map(|file| Box::new(file) as Box<dyn Read>),
    };
    let mut text = String::new();
    from.and_then(|from| from.take(most).read_to_string(&mut text))
        .map_err(|error| Failure::cannot(&format!("read {flag} {}", file.display()), &error))?;
    Ok(text)
}

/// Refuses that two of these flags read standard input, which holds one thing.
pub(super) fn refuse_two_of_standard_input<const N: usize>(
    flags: [(&str, &Option<PathBuf>); N],
) -> Result<(), Failure> {
    let is_standard_input = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
    let mut reading = flags.iter().filter(|(_, file)| is_standard_input(file));
    match (reading.next(), reading.next()) {
        (Some((one, _)), Some((other, _))) => Err(Failure::configuration(format!(
            "{one} and {other} cannot both read standard input; give one of them a file"
        ))),
        _ => Ok(()),
    }
}
