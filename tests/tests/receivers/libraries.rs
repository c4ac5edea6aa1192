//! The libraries that the page names, each of which knows secrets alone: they verify their `v1` beside a `v1a`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use webhook_tests::{binary, receiver::Delivered};

use crate::overlap::Overlap;
use crate::{answers, asked, output, root};

/// Holds what a library says of each case against what is true.
fn hold(verify: impl Fn(&[&str], &Delivered) -> [bool; 2]) {
    let overlap = Overlap::new();
    for (name, secrets, delivered, [genuine, _]) in overlap.cases_of_secrets() {
        assert_eq!(verify(&secrets, &delivered), [genuine; 2], "{name}");
    }
    drop(overlap.service);
}

/// Both libraries of a registry, the first `True` or `true` that of `standardwebhooks`, the second that of `svix`.
#[test]
fn the_libraries_of_pypi_verify() {
    let program = r#"
import base64, json, sys
import standardwebhooks.webhooks, svix.webhooks
asked = json.load(sys.stdin)
def holds(library, secret):
    try:
        library.Webhook(secret).verify(base64.b64decode(asked["body"]), asked["headers"])
    except library.WebhookVerificationError:
        return False
    return True
libraries = [standardwebhooks.webhooks, svix.webhooks]
print(json.dumps([any([holds(library, secret) for secret in asked["secrets"]]) for library in libraries]))
"#;
    hold(|secrets, delivered| {
        let mut python = Command::new(packages().join("python/bin/python"));
        answers(&output(python.args(["-c", program]), &asked(secrets, delivered)))
    });
}

#[test]
fn the_libraries_of_npm_verify() {
    let program = r#"
const libraries = [require("standardwebhooks"), require("svix")];
const asked = JSON.parse(require("node:fs").readFileSync(0));
const holds = ({ Webhook, WebhookVerificationError }, secret) => {
  try { new Webhook(secret).verify(Buffer.from(asked.body, "base64"), asked.headers); } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
  return true;
};
const any = (library) => asked.secrets.map((secret) => holds(library, secret)).includes(true);
console.log(JSON.stringify(libraries.map(any)));
"#;
    hold(|secrets, delivered| {
        let mut node = Command::new("node");
        node.current_dir(packages()).args(["-e", program]);
        answers(&output(&mut node, &asked(secrets, delivered)))
    });
}

/// Where the libraries are installed, once for all tests.
fn packages() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = binary::meeting_place().join("receiver-packages");
        output(Command::new(root().join(".ci/receiver-packages")).arg(&place), "");
        place
    })
}
