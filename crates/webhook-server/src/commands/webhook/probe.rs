//! `webhook send-test` and `webhook test-connection`: what a delivery would find, by the same way as deliveries.

use std::sync::Arc;

use clap::Args;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::services::{ProbePlaces, ProbeService, Probed};
use webhook_http_actix::wire::ProbeJson;

use super::PlatformArgument;
use super::create::wanted;
use super::setting_arguments::SettingArguments;
use crate::commands::Format;
use crate::commands::local::{Local, answer, answer_json, printable};
use crate::exit::Failure;
use crate::files::actions::catalogue;
use crate::outbound::Outbound;
use crate::settings::Settings;

/// The webhook to try out.
#[derive(Args)]
pub(crate) struct TestConnectionArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    #[command(flatten)]
    settings: SettingArguments,
}

/// Sends a test event to a webhook.
pub(super) fn send_test(
    settings: Settings,
    platform: PlatformId,
    id: WebhookId,
    format: Format,
) -> Result<(), Failure> {
    let (local, probes) = open(settings)?;
    let acting = local.acting_on(Some(platform))?;
    let probed = local.wait("send a test event", probes.send_test(&acting, id))?;
    show(&probed, format)
}

/// Sends a test event to where a webhook with these settings would deliver.
pub(super) fn test_connection(
    settings: Settings,
    arguments: TestConnectionArguments,
    format: Format,
) -> Result<(), Failure> {
    let catalogue = catalogue(settings.actions_file.as_deref())?;
    let doing = "test the connection";
    let tried = wanted(arguments.settings, &settings.target_policy, &catalogue, doing)?;
    let (local, probes) = open(settings)?;
    let acting = local.acting_on(Some(arguments.platform.platform))?;
    let probed = local.wait(doing, probes.test_connection(&acting, tried))?;
    show(&probed, format)
}

/// What sends something on request, one at a time, through the same guard and proxy and within the same limits as the server's.
pub(super) fn open(settings: Settings) -> Result<(Local, ProbeService), Failure> {
    let (outbound, environment) = (Outbound::of(&settings, 0)?, settings.environment);
    let local = Local::open(settings)?;
    let open = &local.open;
    let probes = ProbeService {
        webhooks: open.store.clone(),
        queue: open.store.clone(),
        pause: open.store.clone(),
        events: open.store.clone(),
        answers: open.store.clone(),
        sender: Arc::new(outbound.sender(open.clock.clone())?),
        clock: open.clock.clone(),
        entropy: open.entropy.clone(),
        environment,
        places: ProbePlaces::new(1),
    };
    Ok((local, probes))
}

fn show(probed: &Probed, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => answer_json(&ProbeJson::new(probed))?,
        Format::Text => {
            let mut text = format!("{}\n", printable(&probed.message()));
            if let Some(body) = probed.response_body() {
                text.push_str(&format!("{}\n", printable(body.as_str())));
            }
            answer(&text)?;
        }
    }
    match probed.is_successful() {
        true => Ok(()),
        false => Err(Failure::found(
            "the receiver did not take the test event".to_owned(),
        )),
    }
}
