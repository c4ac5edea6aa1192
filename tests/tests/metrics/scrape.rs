//! A scrape, read apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use webhook_tests::{Answer, Backend, Client, Deployment, Server, Service, clock::wait_for};

/// What a scrape has, by series as it is written: `name{label="value"}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrape {
    series: BTreeMap<String, f64>,
    /// The families, by what `# TYPE` says of them.
    pub(crate) types: BTreeMap<String, String>,
}

impl Scrape {
    /// Reads the older text format.
    pub(crate) fn of(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some(said) = line.strip_prefix("# TYPE ") {
                let (name, kind) = said.split_once(' ').expect("a name and a type");
                assert!(
                    scrape.types.insert(name.to_owned(), kind.to_owned()).is_none(),
                    "{name} comes twice"
                );
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').expect("a series and a value");
                let value = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
                assert!(
                    scrape.series.insert(series.to_owned(), value).is_none(),
                    "{series} comes twice"
                );
            }
        }
        scrape
    }

    /// The value of the one series of this name whose labels are these, in any order; other labels may be there too.
    pub(crate) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted = |series: &str| {
            let rest = series.strip_prefix(name)?;
            let labels_of = rest.strip_prefix('{').unwrap_or("}");
            if !(rest.is_empty() || rest.starts_with('{')) {
                return None;
            }
            labels
                .iter()
                .all(|(label, value)| labels_of.contains(&format!("{label}=\"{value}\"")))
                .then_some(())
        };
        let mut found = self.series.iter().filter(|(series, _)| wanted(series).is_some());
        let (first, value) = found.next()?;
        let second = found.next();
        assert!(
            second.is_none(),
            "{first} and {second:?} are both {name} of {labels:?}"
        );
        Some(*value)
    }

    /// As [`find`](Self::find), of a series that must be there.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels)
            .unwrap_or_else(|| panic!("no {name} of {labels:?} among {:#?}", self.series))
    }

    /// The names of all series, without labels.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let name = |series: &String| series.split('{').next().unwrap_or_default().to_owned();
        self.series.keys().map(name).collect()
    }

    /// The series themselves.
    pub(crate) fn series(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }
}

/// A deployment with metrics at a free port, that delivers to loopback.
pub(crate) fn deployment(backend: Backend) -> Deployment {
    Deployment::new(backend)
        .with("WEBHOOK_METRICS_LISTEN", "127.0.0.1:0")
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
}

/// Where the server says that its metrics are.
pub(crate) fn address(server: &Server) -> SocketAddr {
    let output = server.output();
    let (_, rest) = output
        .split_once("\"metrics.address\":\"")
        .expect("the log says where the metrics are");
    let (address, _) = rest.split_once('"').expect("an address ends");
    address.parse().expect("an address")
}

/// Asks for the metrics at `address`.
#[track_caller]
pub(crate) fn get(address: SocketAddr) -> Answer {
    Client::anonymous(address)
        .get("/metrics")
        .send()
        .expect_status(200)
}

/// The metrics of a server.
#[track_caller]
pub(crate) fn scrape(server: &Server) -> Scrape {
    Scrape::of(get(address(server)).text())
}

/// Waits until the metrics of the service say what is wanted.
#[track_caller]
pub(crate) fn wait_until(service: &Service, what: &str, is_so: impl Fn(&Scrape) -> bool) -> Scrape {
    wait_for(what, Duration::from_secs(90), || {
        Some(scrape(service.server())).filter(&is_so)
    })
}
