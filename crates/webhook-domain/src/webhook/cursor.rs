//! A place in a list of webhooks as text, such as a parameter of a link: opaque to clients, and good for a list in the same order alone.
//!
//! Base64url of the version of this form, the order and direction of the list, the id of the webhook and what it is
//! compared by, with `/` between them.

use data_encoding::BASE64URL_NOPAD;

use super::{Cursor, Direction, SortKey, WebhookOrder};
use crate::error::InvalidValue;
use crate::text::check_free_text;
use crate::time::Instant;

/// The version of the form.
const FORM: &str = "1";

impl Cursor {
    /// The place as text, in a list in this order.
    #[must_use]
    pub fn write(&self, order: WebhookOrder, direction: Direction) -> String {
        let key = match &self.key {
            SortKey::At(instant) => instant.as_milliseconds().to_string(),
            SortKey::Text(text) => text.clone(),
        };
        let (order, direction) = (order.name(), direction.name());
        let plain = format!("{FORM}/{order}/{direction}/{}/{key}", self.id);
        BASE64URL_NOPAD.encode(plain.as_bytes())
    }

    /// The place that [`write`](Self::write) made `text` of, in a list in the same order.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn read(text: &str, order: WebhookOrder, direction: Direction) -> Result<Self, InvalidValue> {
        parse(text, order, direction).ok_or(InvalidValue::new(
            "must be taken from a link of this list, with the same order_by and order_direction",
        ))
    }
}

fn parse(text: &str, order: WebhookOrder, direction: Direction) -> Option<Cursor> {
    let plain = String::from_utf8(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()?;
    let [form, by, toward, id, key] = plain.splitn(5, '/').collect::<Vec<_>>().try_into().ok()?;
    if (form, by, toward) != (FORM, order.name(), direction.name()) {
        return None;
    }
    let key = match order {
        WebhookOrder::CreatedAt | WebhookOrder::UpdatedAt => {
            SortKey::At(Instant::from_milliseconds(whole_number(key)?))
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

fn whole_number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
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
                let written = cursor(key_in(order)).write(order, direction);
                assert_eq!(
                    Cursor::read(&written, order, direction),
                    Ok(cursor(key_in(order)))
                );
                assert!(Cursor::read(&written, order, direction.reversed()).is_err());
                for other in ORDERS.into_iter().filter(|other| *other != order) {
                    assert!(Cursor::read(&written, other, direction).is_err());
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
            assert!(Cursor::read(&named(&plain), WebhookOrder::Name, Direction::Ascending).is_err());
        }
        for key in ["", "-1", "+1", "x", "99999999999999999999"] {
            let plain = format!("1/created_at/asc/{ID}/{key}");
            let order = WebhookOrder::CreatedAt;
            assert!(
                Cursor::read(&named(&plain), order, Direction::Ascending).is_err(),
                "{key}"
            );
        }
        let right = named(&format!("1/name/asc/{ID}/a"));
        assert!(Cursor::read(&right, WebhookOrder::Name, Direction::Ascending).is_ok());
        for wrong in [format!("{right}="), format!("{right}A"), right.replace('M', "!")] {
            assert!(
                Cursor::read(&wrong, WebhookOrder::Name, Direction::Ascending).is_err(),
                "{wrong}"
            );
        }
    }
}
