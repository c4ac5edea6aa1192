//! Somebody who types what stands in the book, as it stands there.
//!
//! What differs is only what a test must choose for itself: addresses, and folders that belong to the machine. A line `NAME=…` is
//! where a reader fills in a value; the test has set it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command, time::Duration};

use webhook_tests::{
    Deployment, binary,
    postgres::programs,
    server::{Ended, run},
};

/// For what takes no time on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shell in the folder and with the settings of a deployment.
pub(crate) struct Reader<'a> {
    deployment: &'a Deployment,
    variables: Vec<(String, String)>,
    here: Vec<(String, String)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn of(deployment: &'a Deployment) -> Self {
        let reader = Self {
            deployment,
            variables: Vec::new(),
            here: Vec::new(),
        };
        // What is built already is not built again. It ends with the shell, also if that is killed.
        reader.program(
            "cargo",
            "[ \"$1\" = run ] || exit 1\nwhile [ $# -gt 0 ] && [ \"$1\" != -- ]; do shift; done\n[ $# -eq 0 ] || shift\n\
             exec setpriv --pdeathsig KILL webhook-server \"$@\"\n",
        );
        reader
    }

    /// Sets a variable of the shell.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(set, _)| set != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Takes `here` wherever the book has `written`.
    pub(crate) fn replace(&mut self, written: &str, here: &str) {
        self.here.push((written.to_owned(), here.to_owned()));
    }

    /// Puts a program in front of those of the machine.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let folder = self.programs();
        fs::create_dir_all(&folder).expect("a folder can be made");
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}")).expect("a file can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its mode can be set");
    }

    fn programs(&self) -> PathBuf {
        self.deployment.directory().join("programs")
    }

    /// A shell that runs the block when it is started.
    pub(crate) fn shell(&self, block: &str) -> Command {
        let mut script = String::new();
        for line in block.lines() {
            let assigned = line.split_once("=…").map(|(name, _)| name);
            if let Some(name) = assigned {
                assert!(
                    self.variables.iter().any(|(set, _)| set == name),
                    "{name} is not set"
                );
                continue;
            }
            script.push_str(line);
            script.push('\n');
        }
        for (written, here) in &self.here {
            script = script.replace(written, here);
        }
        let inner = self.deployment.command(&[]);
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(self.deployment.directory());
        for (variable, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        let folder = |program: PathBuf| program.parent().expect("a folder").to_owned();
        let folders = [
            self.programs(),
            folder(binary::path().to_owned()),
            folder(programs::find("pg_dump")),
        ];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = folders.into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).expect("paths"));
        // Every address of the tests is on this machine.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the block to its end.
    #[track_caller]
    pub(crate) fn run(&self, block: &str) -> Ended {
        run(self.shell(block), PATIENCE)
    }

    /// What the block prints. It must end well.
    #[track_caller]
    pub(crate) fn read(&self, block: &str) -> String {
        self.run(block).expect_success().to_owned()
    }
}
