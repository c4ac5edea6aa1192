//! What an action means, in words. Of the service's own it is known; of others the deployment has named them, and the name is all there is.

use webhook_domain::webhook::{Action, Happened};

/// What has happened when a webhook is told of `action`.
pub(super) fn of(action: &Action) -> String {
    let happened = Happened::ALL
        .into_iter()
        .find(|happened| happened.action() == action.as_str());
    match happened {
        Some(happened) => of_service(happened).to_owned(),
        None if action.as_str() == Action::ROTATION_FINISHED => {
            "A campaign has ended, or was stopped.".to_owned()
        }
        None => as_named(action),
    }
}

const fn of_service(happened: Happened) -> &'static str {
    match happened {
        Happened::Created => "A webhook was created.",
        Happened::Updated => "A webhook's settings or keys were changed.",
        Happened::Deleted => "A webhook was deleted.",
        Happened::SecretRolled => {
            "Another key is the current one of a webhook: by a roll, or because a roll was undone."
        }
        Happened::SecretAdopted => "It was shown that a receiver verifies with the current key.",
        Happened::SecretAdoptionWithdrawn => {
            "It was shown that a receiver verifies with an older key, after all."
        }
        Happened::SecretExpiring => {
            "A retired key stops within the hour, or is kept for another day, and nobody has shown that the receiver uses the current one."
        }
        Happened::HeldUp => {
            "A webhook's queue is held up: an attempt failed, and none had failed since the last success."
        }
        Happened::Released => "A webhook's queue goes on: an attempt succeeded, and the one before had not.",
        Happened::EventGivenUp => {
            "A delivery was given up: at the end of its retries, or because somebody asked for it."
        }
        Happened::SecretRollDue => "The current key of a webhook is due for a roll.",
    }
}

/// The words of a name: `CREDIT_NOTE.WRITTEN_OFF` is "Credit note: written off."
fn as_named(action: &Action) -> String {
    let spoken = |part: &str| part.replace('_', " ").to_lowercase();
    let text = action.as_str();
    let (object, rest) = text.split_once('.').unwrap_or((text, ""));
    let rest: Vec<_> = rest.split('.').map(spoken).collect();
    crate::trouble::sentence(&format!("{}: {}", spoken(object), rest.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_out_and_what_the_service_tells_is_explained() {
        for (name, meaning) in [
            ("INVOICE.PAID", "Invoice: paid."),
            (
                "CREDIT_NOTE.LINE_2.WRITTEN_OFF",
                "Credit note: line 2, written off.",
            ),
            ("WEBHOOK.DELETED", "A webhook was deleted."),
            ("ROTATION.FINISHED", "A campaign has ended, or was stopped."),
        ] {
            assert_eq!(of(&Action::parse(name.to_owned()).unwrap()), meaning);
        }
        // None of the service's own is merely read out.
        for name in Action::OF_SERVICE {
            let action = Action::parse(name.to_owned()).unwrap();
            assert_ne!(of(&action), as_named(&action));
        }
    }
}
