//! The beginning of `README.md`, from the first start to the first roll.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use webhook_tests::{Backend, Deployment, Server, book, clock::wait_for};

use crate::reader::Reader;

const PATIENCE: Duration = Duration::from_secs(60);

/// The receiver of the page.
struct Receiver(Child);

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Receiver {
    fn start(place: &Deployment, port: u16) -> Self {
        let program = book::block("readme:receiver");
        assert!(program.contains("9000"), "{program}");
        let file = place.directory().join("receiver.py");
        fs::write(&file, program.replace("9000", &port.to_string())).expect("a file");
        let child = Command::new("python3")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python runs");
        let receiver = Self(child);
        wait_for("the receiver listens", PATIENCE, || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        receiver
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn a_stranger_sends_a_first_event_and_rolls_the_secret() {
    let place = Deployment::new(Backend::Sqlite);
    let mut reader = Reader::of(&place);
    fs::create_dir(place.directory().join(".ci")).expect("a folder");
    fs::copy("/bin/true", place.directory().join(".ci/install")).expect("a program that has nothing to do");
    let first = Server::start(reader.shell(&book::block("readme:run")));
    let key = fs::read_to_string(place.data().join("first-api-key")).expect("the first start leaves a key");
    drop(first);

    let port = free_port();
    let _receiver = Receiver::start(&place, port);
    // The first server may take a moment to end with its shell.
    let allowing = reader.shell(&book::block("readme:allow"));
    let server = Server::start(allowing);
    reader.set("KEY", key.trim());
    reader.replace("http://127.0.0.1:8080", &format!("http://{}", server.address()));
    reader.replace("http://127.0.0.1:9000", &format!("http://127.0.0.1:{port}"));

    let block = book::block("readme:first-event");
    let (creating, going_on) = block.split_once("ID=whk_…").expect("the reader fills in the id");
    let (_, going_on) = going_on.split_once('\n').expect("a line ends");
    let created: Value = serde_json::from_str(&reader.read(creating)).expect("one answer, in JSON");
    let (id, secret) = (created["id"].as_str().expect("an id"), &created["secret_key"]);
    reader.set("ID", id);
    let (publishing, rolling) = going_on.split_once("curl -X PATCH").expect("the roll comes last");
    let said = reader.read(publishing);
    assert!(
        said.contains("\"object_type\":\"EVENT\"") && said.contains("WEBHOOK_EVENT"),
        "{said}"
    );

    let (_, looking) = publishing
        .rsplit_once("curl ")
        .expect("the last command looks at the delivery");
    wait_for("the receiver has the event", PATIENCE, || {
        reader
            .read(&format!("curl {looking}"))
            .contains("\"SUCCEEDED\"")
            .then_some(())
    });
    let rolled: Value = serde_json::from_str(&reader.read(&format!("curl -X PATCH{rolling}"))).expect("JSON");
    assert_eq!(&rolled["previous_secret_key"], secret);
    assert_ne!(&rolled["secret_key"], secret);
    assert!(rolled["previous_secret_expires_at"].is_string() && rolled["secret_rolled_at"].is_string());
}
