//! Checks of keys that are refused.

use serde_json::json;
use webhook_tests::{
    Service,
    clock::now,
    fixtures::{Webhook, update, with},
};

use crate::Errors;

/// What was checked before is put into the database, so that nothing is sent.
pub(super) fn of_checks(errors: &mut Errors<'_>, service: &Service, webhook: &Webhook) {
    let client = errors.client;
    let check = || client.post(&format!("{}/check", webhook.secret_path())).send();
    let url = json!({"url": "https://receiver.example.com/hook"});
    let patched = client.patch(&webhook.path()).json(&with(update(), url)).send();
    patched.expect_status(200);
    let now = now() * 1000;
    let begun = |number: usize, webhook: &str, is_over: bool| {
        let last = char::from(b"0123456789abcdefghjkmnpqrstvwxyz"[number]);
        service.deployment().execute(&format!(
            "INSERT INTO key_checks (id, webhook_id, host, begun_at, on_request, is_over) \
             VALUES ('chk_01hv9k2m4rt6w8y0abcdefghj{last}', '{webhook}', 'receiver.example.com', {now}, TRUE, {is_over})"
        ));
    };
    let other = "whk_01hv9k2m4rt6w8y0abcdefghjk";
    let forget = || service.deployment().execute("DELETE FROM key_checks");
    begun(0, webhook.id(), false);
    errors.of("a check of a webhook that is being checked", &check());
    forget();
    begun(0, other, false);
    errors.of("a check at a host where another one is made", &check());
    forget();
    (0..6).for_each(|number| begun(number, webhook.id(), true));
    errors.of("a check of a webhook too many", &check());
    forget();
    (0..30).for_each(|number| begun(number, other, true));
    errors.of("a check at a host too many", &check());
    let removed = format!("{}?previous_secret_expires_in=0", webhook.secret_path());
    client.delete(&removed).send().expect_status(200);
    errors.of("a check without a key", &check());
}
