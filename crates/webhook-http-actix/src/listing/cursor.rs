//! A place in a list of webhooks as a parameter: opaque to clients, and good for a list in the same order alone.
//!
//! Base64url of the version of this form, the order and direction of the list, the id of the webhook and what it is
//! compared by, with `/` between them.

use data_encoding::BASE64URL_NOPAD;
use webhook_domain::InvalidValue;
use webhook_domain::text::check_free_text;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Cursor, Direction, SortKey, WebhookOrder};

use crate::request::query::whole;

/// The version of the form.
const FORM: &str = "1";

/// `cursor` as a parameter of a list in this order.
pub(super) fn write(cursor: &Cursor, order: WebhookOrder, direction: Direction) -> String {
    let key = match &cursor.key {
        SortKey::At(instant) => instant.as_milliseconds().to_string(),
        SortKey::Text(text) => text.clone(),
    };
    let (order, direction) = (order.name(), direction.name());
    let plain = format!("{FORM}/{order}/{direction}/{}/{key}", cursor.id);
    BASE64URL_NOPAD.encode(plain.as_bytes())
}

/// The cursor that [`write`] made `text` of, for a list in the same order.
pub(super) fn read(text: &str, order: WebhookOrder, direction: Direction) -> Result<Cursor, InvalidValue> {
    parse(text, order, direction).ok_or(InvalidValue::new(
        "must be taken from a link of this list, with the same order_by and order_direction",
    ))
}

fn parse(text: &str, order: WebhookOrder, direction: Direction) -> Option<Cursor> {
    let plain = String::from_utf8(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()?;
    let [form, by, toward, id, key] = plain.splitn(5, '/').collect::<Vec<_>>().try_into().ok()?;
    if (form, by, toward) != (FORM, order.name(), direction.name()) {
        return None;
    }
    let key = match order {
        WebhookOrder::CreatedAt | WebhookOrder::UpdatedAt => {
            SortKey::At(Instant::from_milliseconds(whole(key)?))
        }
        // What no webhook can have, not every store can compare with.
        WebhookOrder::Name | WebhookOrder::Reference => {
            check_free_text(key).ok()?;
            SortKey::Text(key.to_owned())
        }
    };
    let id = id.parse().ok()?;
    Some(Cursor { key, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "whk_01hv9k2m4rt6w8y0abcdefghjk";
    const ORDERS: [WebhookOrder; 4] = [
        WebhookOrder::CreatedAt,
        WebhookOrder::UpdatedAt,
        WebhookOrder::Name,
        WebhookOrder::Reference,
    ];

    fn cursor(key: SortKey) -> Cursor {
        let id = ID.parse().unwrap();
        Cursor { key, id }
    }

    fn key_in(order: WebhookOrder) -> SortKey {
        match order {
            WebhookOrder::CreatedAt | WebhookOrder::UpdatedAt => {
                SortKey::At(Instant::from_milliseconds(1_712_935_357_250))
            }
            WebhookOrder::Name | WebhookOrder::Reference => SortKey::Text("Zoë/é 🪝/".into()),
        }
    }

    #[test]
    fn a_cursor_reads_back_in_its_own_order_alone() {
        for order in ORDERS {
            for direction in [Direction::Ascending, Direction::Descending] {
                let written = write(&cursor(key_in(order)), order, direction);
                assert_eq!(read(&written, order, direction), Ok(cursor(key_in(order))));
                assert!(read(&written, order, direction.reversed()).is_err());
                for other in ORDERS.into_iter().filter(|other| *other != order) {
                    assert!(read(&written, other, direction).is_err());
                }
            }
        }
    }

    #[test]
    fn what_was_not_written_here_is_no_cursor() {
        let named = |plain: &str| BASE64URL_NOPAD.encode(plain.as_bytes());
        for plain in [
            format!("2/name/asc/{ID}/a"),
            format!("1/name/asc/{ID}"),
            format!("1/name/asc/{ID}/a\0"),
            format!("1/name/asc/{ID}/{}", "a".repeat(257)),
            "1/name/asc/whk_x/a".into(),
            String::new(),
        ] {
            assert!(read(&named(&plain), WebhookOrder::Name, Direction::Ascending).is_err());
        }
        for key in ["", "-1", "+1", "x", "99999999999999999999"] {
            let plain = format!("1/created_at/asc/{ID}/{key}");
            let order = WebhookOrder::CreatedAt;
            assert!(
                read(&named(&plain), order, Direction::Ascending).is_err(),
                "{key}"
            );
        }
        let right = named(&format!("1/name/asc/{ID}/a"));
        assert!(read(&right, WebhookOrder::Name, Direction::Ascending).is_ok());
        for wrong in [format!("{right}="), format!("{right}A"), right.replace('M', "!")] {
            assert!(
                read(&wrong, WebhookOrder::Name, Direction::Ascending).is_err(),
                "{wrong}"
            );
        }
    }
}
