//! The programs of the page that are compiled before they run.

use std::{fs, process::Command};

use crate::{asked, hold, output, overlap::Files, program, said};

#[test]
fn the_go_program_verifies() {
    let main = r#"
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

func main() {
	var asked struct {
		Secrets []string
		Headers map[string]string
		Body    []byte
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	header := http.Header{}
	for name, value := range asked.Headers {
		header.Set(name, value)
	}
	_, receipt, err := Verify(asked.Secrets, header, asked.Body)
	errPayload := VerifyPayload(asked.Secrets, header, asked.Body)
	fmt.Printf("[%t, %t, %q]", err == nil, errPayload == nil, receipt)
}
"#;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let receiver = program("go").replacen("package receiver", "package main", 1);
    for (name, text) in [
        ("receiver.go", receiver.as_str()),
        ("main.go", main),
        ("go.mod", "module receiver\n\ngo 1.19\n"),
    ] {
        fs::write(directory.path().join(name), text).expect("a file can be written");
    }
    let mut go = Command::new("go");
    go.current_dir(&directory)
        .args(["build", "-o", "receiver"])
        .env("GOCACHE", directory.path().join("cache"))
        .env("GOTOOLCHAIN", "local");
    output(&mut go, "");
    hold(|secrets, delivered| {
        let mut receiver = Command::new(directory.path().join("receiver"));
        said(&output(&mut receiver, &asked(secrets, delivered)))
    });
}

#[test]
fn the_java_program_verifies() {
    let main = r#"
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

class Main {
    public static void main(String[] files) throws Exception {
        List<String> keys = List.of(System.getenv("SECRETS").split(" "));
        Map<String, String> headers = new HashMap<>();
        for (String line : Files.readAllLines(Path.of(files[0]))) {
            int colon = line.indexOf(": ");
            if (colon > 0) headers.put(line.substring(0, colon), line.substring(colon + 2));
        }
        byte[] body = Files.readAllBytes(Path.of(files[1]));
        boolean verified = false, payload = false;
        String receipt = null;
        try {
            receipt = Receiver.verify(keys, headers, body).receipt();
            verified = true;
        } catch (GeneralSecurityException refused) { }
        try {
            Receiver.verifyPayload(keys, headers, body);
            payload = true;
        } catch (GeneralSecurityException refused) { }
        String third = receipt == null ? "null" : "\"" + receipt + "\"";
        System.out.println("[" + verified + ", " + payload + ", " + third + "]");
    }
}
"#;
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in [("Receiver.java", program("java").as_str()), ("Main.java", main)] {
        fs::write(directory.path().join(name), text).expect("a file can be written");
    }
    let mut javac = Command::new("javac");
    output(
        javac.current_dir(&directory).args(["Receiver.java", "Main.java"]),
        "",
    );
    hold(|secrets, delivered| {
        let files = Files::of(delivered);
        let mut java = Command::new("java");
        java.current_dir(&directory)
            .args(["-XX:TieredStopAtLevel=1", "Main"])
            .args([&files.headers, &files.body])
            .env("SECRETS", secrets.join(" "));
        said(&output(&mut java, ""))
    });
}
