//! The first start on an SQLite database that was never used: one API key with every permission on platform
//! `default`, so that a newcomer can begin at once.
//!
//! On a terminal the key is printed, once. Anywhere else output ends up in a log, so the key goes into a
//! private file beside the database, and the log names the file.
//!
//! A key's text cannot be had again once it is lost. So an empty file, `first-api-key.new`, is made before the
//! key and goes when the key has been handed over: a start that finds it knows that the one before was cut
//! short, and makes another key. The lost one was never seen by anybody. `webhook-server api-key create` is
//! the way out whatever happens.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use webhook_domain::access::caller::{Acting, Caller, Credential, PlatformScope};
use webhook_domain::access::permission::PermissionSet;
use webhook_domain::entropy::Entropy;
use webhook_domain::id::{PlatformId, RequestId};
use webhook_domain::services::{ApiKeyService, CreateApiKey};
use webhook_domain::signing::secret::SecretText;

use crate::commands::done;
use crate::exit::Failure;
use crate::files::private_file::{StagedFile, directory_of, staging_path};

const FILE_NAME: &str = "first-api-key";

/// Where the first key of a database is, until somebody has taken it away.
pub(crate) fn first_key_file(database: &Path) -> PathBuf {
    directory_of(database).join(FILE_NAME)
}
const STAGING_SUFFIX: &str = "new";
const DOING: &str = "make the first API key";

/// How the first key reaches the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandOver {
    /// Printed on the terminal, with commands that use it on this server.
    Terminal(Server),
    /// In a file beside the database.
    File,
}

impl HandOver {
    /// On the terminal if there is one.
    pub(crate) fn choose(server: Server) -> Self {
        if io::stdout().is_terminal() {
            Self::Terminal(server)
        } else {
            Self::File
        }
    }
}

/// Makes the first key of a store that was never used and hands it over; does nothing for any other.
pub(crate) async fn run(
    database: &Path,
    api_keys: &ApiKeyService,
    entropy: &dyn Entropy,
    hand_over: HandOver,
) -> Result<(), Failure> {
    let path = key_path(database);
    let cut_short = staging_path(&path, STAGING_SUFFIX).exists();
    let unused = api_keys
        .is_unused()
        .await
        .map_err(|error| Failure::cannot("look for API keys", &error))?;
    if !unused && !cut_short {
        return Ok(());
    }
    let failed = |error: io::Error| Failure::cannot(DOING, &error);
    let staged = StagedFile::stage(&path, STAGING_SUFFIX).map_err(failed)?;
    let text = make_key(api_keys, entropy).await?;
    let is_printed = match hand_over {
        // A terminal that went away shows nothing.
        HandOver::Terminal(server) => print(&text, server).is_ok(),
        HandOver::File => false,
    };
    let handed_over = match is_printed {
        true => staged.discard(),
        false => keep(&text, &path, staged),
    };
    handed_over.map_err(failed)
}

fn key_path(database: &Path) -> PathBuf {
    directory_of(database).join(FILE_NAME)
}

async fn make_key(api_keys: &ApiKeyService, entropy: &dyn Entropy) -> Result<SecretText, Failure> {
    let acting = the_service_itself(entropy)?;
    let create = CreateApiKey {
        name: None,
        scope: PlatformScope::One(PlatformId::default_platform()),
        permissions: PermissionSet::all(),
        lifetime: None,
        idempotent: None,
    };
    let created = api_keys.create(&acting, create).await;
    let created = done(created.map_err(|error| Failure::cannot(DOING, &error))?, DOING)?;
    Ok(created.text)
}

fn the_service_itself(entropy: &dyn Entropy) -> Result<Acting, Failure> {
    let caller = Caller {
        credential: Credential::Service,
        scope: PlatformScope::All,
        permissions: PermissionSet::all(),
    };
    let request = RequestId::generate(entropy).map_err(|error| Failure::cannot(DOING, &error))?;
    Arc::new(caller)
        .acting_on(None, request)
        .map_err(|refusal| Failure::cannot(DOING, &refusal))
}

fn keep(text: &SecretText, path: &Path, mut staged: StagedFile) -> io::Result<()> {
    staged.write_line(text.expose())?;
    staged.publish()?;
    tracing::info!(
        file.path = %path.display(),
        "first start: the API key in this file has every permission on platform default; \
         keep it elsewhere and delete the file"
    );
    Ok(())
}

fn print(text: &SecretText, server: Server) -> io::Result<()> {
    let mut terminal = io::stdout().lock();
    terminal.write_all(greeting(text.expose(), server).as_bytes())?;
    terminal.flush()
}

/// Where a server listens, and whether clients speak TLS to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) tls: bool,
}

/// The key and two commands to paste: one creates a webhook, the other rolls its secret.
fn greeting(key: &str, server: Server) -> String {
    let scheme = if server.tls { "https" } else { "http" };
    let server = reachable(server.address);
    format!(
        r#"
First start. This API key has every permission on platform `default`, and is shown only now:

  KEY='{key}'

Paste it into another terminal; then create a webhook, and roll its secret:

  ID=$(curl -sS {scheme}://{server}/v1/webhooks -H "X-API-KEY: $KEY" -H 'Content-Type: application/json' \
    -d '{{"name":"first","reference":null,"url":"https://example.com/webhooks"}}' |
    tee /dev/stderr | sed 's/.*"id":"\(whk_[0-9a-z]*\)".*/\1/')

  curl -sS -X PATCH "{scheme}://{server}/v1/webhooks/$ID/secret-key" -H "X-API-KEY: $KEY"

"#
    )
}

/// Where a client on this machine reaches a server that listens at `address`.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into())
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            address.set_ip(std::net::Ipv6Addr::LOCALHOST.into())
        }
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;
    use webhook_domain::ports::{ApiKeyStore, ScopeFilter};
    use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy};
    use webhook_domain::time::Instant;

    use super::*;

    struct FirstStart {
        directory: TempDir,
        store: Arc<MemoryStore>,
        api_keys: ApiKeyService,
        entropy: Arc<SeededEntropy>,
    }

    impl FirstStart {
        fn new() -> Self {
            let store = Arc::new(MemoryStore::new());
            let entropy = Arc::new(SeededEntropy::new(1));
            let clock = Arc::new(ManualClock::at(Instant::from_milliseconds(1_712_935_357_000)));
            Self {
                directory: TempDir::new().unwrap(),
                api_keys: ApiKeyService::new(store.clone(), clock, entropy.clone()),
                store,
                entropy,
            }
        }

        fn start(&self) {
            let database = self.directory.path().join("webhook.db");
            let run = run(&database, &self.api_keys, self.entropy.as_ref(), HandOver::File);
            block_on(run).unwrap();
        }

        fn file(&self) -> PathBuf {
            self.directory.path().join("first-api-key")
        }

        fn keys(&self) -> usize {
            block_on(ApiKeyStore::list(
                self.store.as_ref(),
                ScopeFilter::Every,
                None,
                10,
            ))
            .unwrap()
            .len()
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn the_first_start_leaves_a_good_key_in_a_private_file() {
        let first = FirstStart::new();
        first.start();
        let mode = std::fs::metadata(first.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(first.file()).unwrap();
        let caller = block_on(first.api_keys.authenticate(text.trim_end())).unwrap();
        assert_eq!(caller.permissions, PermissionSet::all());
        assert_eq!(caller.scope, PlatformScope::One(PlatformId::default_platform()));
    }

    #[test]
    fn only_the_first_start_makes_a_key() {
        let first = FirstStart::new();
        first.start();
        std::fs::remove_file(first.file()).unwrap();
        first.start();
        assert_eq!(first.keys(), 1);
        assert_eq!(std::fs::read_dir(first.directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_start_that_was_cut_short_is_made_up_for() {
        let first = FirstStart::new();
        first.start();
        std::fs::remove_file(first.file()).unwrap();
        std::fs::write(first.directory.path().join("first-api-key.new"), "").unwrap();
        first.start();
        let text = std::fs::read_to_string(first.file()).unwrap();
        assert!(block_on(first.api_keys.authenticate(text.trim_end())).is_ok());
        assert_eq!(std::fs::read_dir(first.directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_greeting_names_an_address_that_can_be_reached() {
        let at = |address: &str, tls| Server {
            address: address.parse().unwrap(),
            tls,
        };
        let text = greeting("whkey_x", at("0.0.0.0:8080", false));
        assert!(
            text.contains("KEY='whkey_x'") && text.contains("http://127.0.0.1:8080/v1/webhooks"),
            "{text}"
        );
        assert!(greeting("x", at("[::]:1", true)).contains("https://[::1]:1/v1/webhooks/$ID"));
    }
}
