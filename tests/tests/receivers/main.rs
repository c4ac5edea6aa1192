//! docs/receivers.md: its programs, and the libraries it names, verify what is delivered through a roll, and nothing else. The programs make
//! receipts of what they verified.

mod compiled;
mod libraries;
mod overlap;
mod public_keys;

use std::{
    collections::HashMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use data_encoding::BASE64;
use serde_json::{Value, json};
use webhook_tests::{book, receiver::Delivered};

use self::overlap::{Files, Overlap, STRANGE};

/// What a program says of a delivery: whether it verifies by `webhook-signature` and by `X-PAYLOAD-SIGNATURE`, and the receipt for the
/// response.
type Said = ([bool; 2], Option<String>);

/// Holds what `verify` says of each case against what is true.
fn hold(verify: impl Fn(&[&str], &Delivered) -> Said) {
    let overlap = Overlap::new();
    let mut receipts = 0;
    for (name, keys, delivered, genuine) in overlap.cases() {
        let by = keys.iter().find(|key| overlap.signed_by(key));
        let by = by.filter(|key| genuine[0] && key.starts_with("whsec_"));
        let receipt = by.map(|secret| delivered.receipt(secret));
        receipts += usize::from(receipt.is_some());
        assert_eq!(verify(&keys, &delivered), (genuine, receipt), "{name}");
    }
    assert!(receipts >= 5, "{receipts}");
    drop(overlap.service);
}

/// The first program of the page in that language.
fn program(language: &str) -> String {
    let page = fs::read_to_string(root().join("docs/receivers.md")).expect("the page is there");
    let (_, rest) = page
        .split_once(&format!("\n```{language}\n"))
        .unwrap_or_else(|| panic!("no {language} on the page"));
    let (program, _) = rest.split_once("\n```\n").expect("the program ends");
    format!("{program}\n")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in the workspace")
        .to_owned()
}

/// What a program prints that gets `input`. It must end well.
fn output(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; .ci/install installs it"));
    let mut stdin = child.stdin.take().expect("it has an input");
    stdin.write_all(input.as_bytes()).expect("the program reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("the program prints text")
}

fn asked(secrets: &[&str], delivered: &Delivered) -> String {
    json!({"secrets": secrets, "headers": delivered.headers, "body": BASE64.encode(&delivered.body)})
        .to_string()
}

#[track_caller]
fn answers(text: &str) -> [bool; 2] {
    said(text).0
}

/// Reads `[true, true, "v1,…"]`; without a receipt the last is null or absent.
#[track_caller]
fn said(text: &str) -> Said {
    let answers: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let verified = [0, 1].map(|place| answers[place].as_bool().expect("true or false"));
    let receipt = answers[2].as_str().filter(|receipt| !receipt.is_empty());
    (verified, receipt.map(str::to_owned))
}

#[test]
fn the_python_program_verifies() {
    let program = program("python")
        + r#"
import json, sys
asked = json.load(sys.stdin)
receipts = []
def holds(check):
    try:
        verified = check(asked["secrets"], asked["headers"], base64.b64decode(asked["body"]))
    except ValueError:
        return False
    if verified:
        receipts.append(verified[1])
    return True
print(json.dumps([holds(verify), holds(verify_payload), *receipts]))
"#;
    hold(|secrets, delivered| {
        let mut python = Command::new("python3");
        said(&output(python.args(["-c", &program]), &asked(secrets, delivered)))
    });
}

#[test]
fn the_node_program_verifies() {
    let program = program("js")
        + r#"
const asked = JSON.parse(require("node:fs").readFileSync(0));
let verified;
const holds = (check) => {
  try {
    const answer = check(asked.secrets, asked.headers, Buffer.from(asked.body, "base64"));
    verified ??= answer;
  } catch { return false; }
  return true;
};
console.log(JSON.stringify([holds(verify), holds(verifyPayload), verified?.receipt]));
"#;
    hold(|secrets, delivered| {
        let mut node = Command::new("node");
        said(&output(node.args(["-e", &program]), &asked(secrets, delivered)))
    });
}

#[test]
fn the_shell_program_verifies() {
    let program = book::block("receivers:shell")
        + r#"
standard=false payload=false receipt=
for SECRET in $SECRETS; do
    if verify "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP" "$WEBHOOK_SIGNATURE" "$BODY"; then
        if [ "$standard" = false ]; then receipt=$RECEIPT; fi
        standard=true
    fi
    if verify_payload "$X_PAYLOAD_SIGNATURE_TIMESTAMP" "$X_PAYLOAD_SIGNATURE" "$BODY"; then payload=true; fi
done
echo "[$standard, $payload, \"$receipt\"]"
"#;
    hold(|secrets, delivered| {
        let files = Files::of(delivered);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &program])
            .env("SECRETS", secrets.join(" "))
            .env("BODY", &files.body);
        for (name, value) in &delivered.headers {
            shell.env(name.to_ascii_uppercase().replace('-', "_"), value);
        }
        said(&output(&mut shell, ""))
    });
}

#[test]
fn the_rust_program_verifies() {
    let example = fs::read_to_string(root().join("crates/webhook-verify/examples/receiver.rs"))
        .expect("the example is there");
    assert!(
        example.contains(&program("rust")),
        "the page has another program than the example"
    );
    let cargo = |doing: &str| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).arg(doing);
        cargo.args([
            "--locked",
            "--quiet",
            "-p",
            "webhook-verify",
            "--example",
            "receiver",
        ]);
        cargo
    };
    output(&mut cargo("build"), "");
    hold(|secrets, delivered| {
        let run = |families: &Delivered| {
            let files = Files::of(families);
            let mut receiver = cargo("run");
            receiver
                .arg("--")
                .arg(&files.headers)
                .arg(&files.body)
                .env("WEBHOOK_SECRETS", secrets.join(" "));
            let output = receiver.output().expect("cargo runs");
            let printed = String::from_utf8(output.stdout).expect("it prints text");
            let receipt = printed.lines().nth(1).filter(|receipt| !receipt.is_empty());
            (output.status.success(), receipt.map(str::to_owned))
        };
        let mut payload_alone = delivered.clone();
        payload_alone.headers.remove("webhook-signature");
        let ((by_message, receipt), (by_payload, none)) = (run(delivered), run(&payload_alone));
        assert_eq!(none, None, "nobody vouches for the id");
        ([by_message, by_payload], receipt)
    });
}

#[test]
fn the_example_of_a_receipt_is_right() {
    let page = fs::read_to_string(root().join("docs/receivers.md")).expect("the page is there");
    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} on the page"))
            .trim_start()
    };
    let headers = ["webhook-id", "webhook-timestamp"]
        .map(|name| (name.to_owned(), value(&format!("{name}  ")).to_owned()));
    let delivered = Delivered {
        target: "/".to_owned(),
        headers: HashMap::from(headers),
        body: Vec::new(),
    };
    let receipt = delivered.receipt(value("secret  "));
    assert_eq!(value("webhook-receipt  "), receipt);
}

#[test]
fn the_command_verifies_and_says_what_is_wrong() {
    let overlap = Overlap::new();
    let run = |secret: &str, delivered: &Delivered, more: &[&str]| {
        let files = Files::of(delivered);
        let keys = files.directory.path().join("keys");
        fs::write(&keys, format!("{secret}\n")).expect("a file can be written");
        let [keys, headers, body] = [&keys, &files.headers, &files.body].map(|path| path.to_string_lossy());
        let mut arguments = vec![
            "verify",
            "--secret-file",
            &keys,
            "--headers",
            &headers,
            "--body",
            &body,
        ];
        arguments.extend(more);
        overlap.service.deployment().run(&arguments)
    };
    let ended = run(&overlap.public, &overlap.delivered, &[]);
    assert!(
        ended.expect_success().starts_with("webhook-signature: verified"),
        "{}",
        ended.stdout
    );
    assert_eq!(
        run(&overlap.public.replace("whpk_", "whsk_"), &overlap.delivered, &[]).code(),
        2
    );
    for secret in [&overlap.old, &overlap.new] {
        let ended = run(secret, &overlap.delivered, &["--json"]);
        let said: Value = serde_json::from_str(ended.expect_success()).expect("it prints JSON");
        let headers: HashMap<_, _> = said
            .as_array()
            .expect("a list")
            .iter()
            .map(|checked| (checked["header"].as_str(), checked["verified"].as_bool()))
            .collect();
        let expected = ["X-PAYLOAD-SIGNATURE", "webhook-signature"].map(|name| (Some(name), Some(true)));
        assert_eq!(headers, HashMap::from(expected));
        let fingerprint = said[0]["secret_fingerprint"].as_str().expect("a fingerprint");
        assert!(fingerprint.starts_with("sha256:"), "{fingerprint}");
    }
    let mut with_line_feed = overlap.delivered.clone();
    with_line_feed.body.push(b'\n');
    for (delivered, secret, expected) in [
        (
            with_line_feed,
            overlap.new.as_str(),
            "it would without the line feed at its end",
        ),
        (
            overlap.signed(-360),
            &overlap.new,
            "s from the time of the check; but for that it verifies",
        ),
        (overlap.delivered.clone(), STRANGE, "another secret signed"),
    ] {
        let ended = run(secret, &delivered, &[]);
        assert_eq!(ended.code(), 1, "{}", ended.output());
        let lines: Vec<_> = ended
            .stdout
            .lines()
            .filter(|line| line.contains(expected))
            .collect();
        assert_eq!(lines.len(), 2, "{expected}: {}", ended.stdout);
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret));
    }
    assert_eq!(run("whsec_", &overlap.delivered, &[]).code(), 2);
    let mut unsigned = overlap.delivered.clone();
    unsigned.headers.retain(|name, _| !name.contains("signature"));
    assert_eq!(run(&overlap.new, &unsigned, &[]).code(), 1);
}
