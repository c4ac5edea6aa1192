//! The files under `docs/operating/`.

use std::{fs, path::Path};

use webhook_tests::{Backend, Deployment};

/// A file of `docs/operating/`.
pub(crate) fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/operating")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The example of a configuration as it ships: it changes nothing.
#[test]
fn a_server_starts_with_the_example_of_a_configuration() {
    let deployment = Deployment::new(Backend::Sqlite);
    fs::write(deployment.directory().join("webhook.toml"), file("webhook.toml")).expect("a file");
    let server = deployment.serve();
    assert_eq!(server.stop().code(), 0);
}

/// Names in the environment that the server does not know are warned of, and do nothing.
#[test]
fn what_the_files_set_in_the_environment_are_settings() {
    let example = file("webhook.toml");
    let mut found = 0;
    for name in [
        "Containerfile",
        "compose.yml",
        "kubernetes/webhook.yaml",
        "webhook.service",
    ] {
        let text = file(name);
        for word in text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_')) {
            let Some(key) = word.strip_prefix("WEBHOOK_") else {
                continue;
            };
            // A warning in a remark, of what Kubernetes would set.
            if key == "PORT" {
                continue;
            }
            let line = format!("\n# {} = ", key.to_ascii_lowercase());
            assert!(
                example.contains(&line),
                "{name} sets WEBHOOK_{key}, which is no setting"
            );
            found += 1;
        }
    }
    assert!(found >= 10, "{found}");
}
