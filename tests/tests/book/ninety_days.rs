//! "Ninety days" in `docs/rolling-a-secret.md`, from the days to the new secret.

use webhook_tests::{
    Backend, Service, book,
    clock::instant,
    fixtures::{create, get},
};

use crate::reader::Reader;

#[test]
fn a_secret_is_due_after_ninety_days_as_the_page_says() {
    let service = Service::start(Backend::Sqlite);
    let client = service.client();
    let webhook = create(&client);
    let mut reader = Reader::of(service.deployment());
    reader.set("ID", webhook.id());
    let read = |block: &str| reader.read(&book::block(block));
    read("ninety:set");
    let set = get(&client, &webhook).json;
    let due_in = instant(&set["secret_roll_due_at"]) - instant(&set["created_at"]);
    assert_eq!((&set["secret_rotation_days"], due_in), (&90.into(), 90 * 86_400));
    assert!(!read("ninety:due").contains(webhook.id()), "it is not due yet");
    assert!(read("ninety:roll").contains("whsec_"));
    assert_ne!(get(&client, &webhook).secret(), webhook.secret());
    read("ninety:by-itself");
    assert_eq!(get(&client, &webhook).json["secret_rotates_automatically"], true);
}
