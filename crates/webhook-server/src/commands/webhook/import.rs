//! `webhook import`: the webhooks of a file, with the secrets that their receivers have from a former provider.
//!
//! Each line is one webhook and one transaction. A line names its webhook by `reference`, of which a platform has each once: what was
//! created before an interruption is found again by it, and nothing is there twice. A webhook that was found so must have the line's
//! secret, or have been rolled since: otherwise the reference is somebody else's, and the line fails.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use webhook_domain::access::caller::Acting;
use webhook_domain::services::{CreateWebhook, WebhookService};
use webhook_domain::signing::imported::ImportedSecrets;
use webhook_domain::webhook::{Reference, Settings, Webhook, WebhookFilter, WebhookQuery};
use webhook_domain::{Refusal, ServiceError};
use webhook_http_actix::FieldRules;
use webhook_http_actix::wire::read_create_object;

use super::{PlatformArgument, webhooks};
use crate::commands::Format;
use crate::commands::local::{Local, answer, answer_json, remark};
use crate::exit::{Failure, chain};
use crate::files::actions::catalogue;

/// The webhooks to create.
#[derive(Args)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// File that has a JSON object on each line; - reads standard input. It holds secrets: delete it afterwards
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What some programs write at the beginning of a text in UTF-8. RFC 8259 §8.1 lets a reader ignore it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What came of the lines.
#[derive(Default)]
struct Imported {
    created: u64,
    already_there: u64,
    /// By the number of the line.
    failed: Vec<(usize, String)>,
}

/// Creates the webhooks.
pub(super) fn run(
    settings: crate::settings::Settings,
    arguments: &ImportArguments,
    format: Format,
) -> Result<(), Failure> {
    let rules = FieldRules {
        targets: settings.target_policy.clone(),
        actions: webhook_http_actix::CurrentActions::new(catalogue(settings.actions_file.as_deref())?),
    };
    let lines = lines(&arguments.file)?;
    let default_overlap = settings.previous_secret_ttl;
    let local = Local::open_or_make(settings)?;
    let import = Import {
        acting: local.acting_on(Some(arguments.platform.platform.clone()))?,
        service: webhooks(&local).retiring_for(default_overlap),
        local: &local,
        rules,
    };
    let imported = import.all(lines);
    show(&imported, format)?;
    match imported.failed.len() {
        0 => Ok(()),
        failed => Err(Failure::found(format!(
            "{failed} of {} lines failed; correct them and run the command again: what is there already is passed over",
            imported.failed.len() as u64 + imported.created + imported.already_there
        ))),
    }
}

/// The lines that are not empty, by their numbers.
fn lines(file: &PathBuf) -> Result<Vec<(usize, Vec<u8>)>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::configuration(format!("cannot read {}: {error}", file.display()));
    let reader: Box<dyn BufRead> = match file.as_os_str() == "-" {
        true => Box::new(stdin().lock()),
        false => Box::new(BufReader::new(File::open(file).map_err(unreadable)?)),
    };
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(reader.split(b'\n')) {
        let mut line = line.map_err(unreadable)?;
        if number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if !line.trim_ascii().is_empty() {
            lines.push((number, line));
        }
    }
    Ok(lines)
}

struct Import<'a> {
    local: &'a Local,
    acting: Acting,
    service: WebhookService,
    rules: FieldRules,
}

/// What came of a line.
enum Done {
    Created,
    AlreadyThere,
}

impl Import<'_> {
    fn all(&self, lines: Vec<(usize, Vec<u8>)>) -> Imported {
        let bar = ProgressBar::new(lines.len() as u64);
        if let Ok(style) = ProgressStyle::with_template("[{bar:16}] {pos} of {len} webhooks, {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        let mut imported = Imported::default();
        let mut seen = HashMap::new();
        for (number, line) in lines {
            match self.one(number, &line, &mut seen) {
                Ok(Done::Created) => imported.created += 1,
                Ok(Done::AlreadyThere) => imported.already_there += 1,
                Err(problem) => imported.failed.push((number, problem)),
            }
            bar.set_message(format!("{} failed", imported.failed.len()));
            bar.inc(1);
        }
        bar.finish_and_clear();
        imported
    }

    /// Creates the webhook of a line. `seen` has the secrets of the lines before.
    fn one(&self, number: usize, line: &[u8], seen: &mut HashMap<String, usize>) -> Result<Done, String> {
        let (settings, secrets) = read_create_object(line, &self.rules)?;
        let Some(reference) = settings
            .reference
            .clone()
            .filter(|reference| !reference.as_str().is_empty())
        else {
            return Err(
                "reference is required in an import: it names the webhook when the command is run again"
                    .to_owned(),
            );
        };
        for secret in secrets.iter().flat_map(ImportedSecrets::iter) {
            if let Some(before) = seen.insert(secret.fingerprint(), number) {
                return Err(format!(
                    "its secret is that of line {before}, too; every webhook needs its own"
                ));
            }
        }
        match self.create(settings, secrets.as_ref()) {
            Ok(()) => Ok(Done::Created),
            Err(ServiceError::Refused(Refusal::ReferenceTaken)) => self.compare(reference, secrets.as_ref()),
            Err(error) => Err(chain(&error)),
        }
    }

    fn create(&self, settings: Settings, secrets: Option<&ImportedSecrets>) -> Result<(), ServiceError> {
        let create = CreateWebhook {
            settings,
            idempotent: None,
        };
        let outcome = match secrets {
            Some(secrets) => self
                .local
                .outcome(self.service.import(&self.acting, create, secrets)),
            None => self.local.outcome(self.service.create(&self.acting, create)),
        };
        outcome.map(|_| ())
    }

    /// Whether the webhook with that reference is the one that an earlier run has created of this line.
    fn compare(&self, reference: Reference, secrets: Option<&ImportedSecrets>) -> Result<Done, String> {
        let query = WebhookQuery {
            filter: WebhookFilter {
                reference: Some(reference),
                ..WebhookFilter::default()
            },
            ..WebhookQuery::default()
        };
        let page = self.local.outcome(self.service.list(&self.acting, query));
        let page = page.map_err(|error| chain(&error))?;
        let is_same = |webhook: &Webhook| secrets.is_none_or(|secrets| has_come_of(webhook, secrets));
        match page.webhooks.first() {
            Some(webhook) if !is_same(webhook) => Err(format!(
                "its reference is that of {}, which has another secret; choose another reference, or delete that webhook",
                webhook.id
            )),
            _ => Ok(Done::AlreadyThere),
        }
    }
}

/// Whether the webhook has the secret, or may have had it before it was rolled.
fn has_come_of(webhook: &Webhook, secrets: &ImportedSecrets) -> bool {
    let ring = &webhook.key_ring;
    let current = secrets.current().fingerprint();
    let has_it = ring
        .current()
        .is_some_and(|key| key.fingerprint().as_str() == current);
    let was_rolled = ring.rolled_at().is_some_and(|at| at > webhook.created_at);
    has_it || was_rolled
}

fn show(imported: &Imported, format: Format) -> Result<(), Failure> {
    let Imported {
        created,
        already_there,
        failed,
    } = imported;
    if format == Format::Json {
        let failed = failed
            .iter()
            .map(|(line, problem)| json!({"line": line, "problem": problem}));
        return answer_json(&json!({
            "created": created,
            "already_there": already_there,
            "failed": failed.collect::<Vec<_>>(),
        }));
    }
    for (line, problem) in failed {
        remark(&format!("line {line}: {problem}"));
    }
    answer(&format!(
        "created        {created}\nalready there  {already_there}\nfailed         {}\n",
        failed.len()
    ))
}
