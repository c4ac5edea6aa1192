//! A line of the log as JSON: when, how grave, what the event says, and where it comes from.
//!
//! The lines are those of tracing-subscriber's own JSON format with its fields flattened, without spans. That format goes through the
//! writer with every comma; here a line is put together first, which takes less. Every roll has a line.

use std::fmt;

use serde::Serializer as _;
use serde::ser::SerializeMap as _;
use tracing::{Event, Subscriber};
use tracing_serde::{AsSerde as _, SerdeMapVisitor};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How many bytes most lines have at the most.
const USUAL_BYTES: usize = 512;

/// The format.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut now = String::with_capacity(32);
        SystemTime.format_time(&mut Writer::new(&mut now))?;
        let line = written(event, &now).map_err(|_| fmt::Error)?;
        writer.write_str(std::str::from_utf8(&line).map_err(|_| fmt::Error)?)
    }
}

fn written(event: &Event<'_>, now: &str) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(USUAL_BYTES);
    let mut serializer = serde_json::Serializer::new(&mut line);
    let mut fields = serializer.serialize_map(None)?;
    fields.serialize_entry("timestamp", now)?;
    fields.serialize_entry("level", &event.metadata().level().as_serde())?;
    let mut visitor = SerdeMapVisitor::new(fields);
    event.record(&mut visitor);
    let mut fields = visitor.take_serializer()?;
    fields.serialize_entry("target", event.metadata().target())?;
    fields.end()?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        /// The lines, but for their times, which must be there.
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let timeless = |line: &str| {
                let value: Value = serde_json::from_str(line).unwrap();
                let time = value["timestamp"].as_str().unwrap();
                assert!(time.ends_with('Z') && time.len() == 27, "{time}");
                line.replacen(time, "", 1)
            };
            text.lines().map(timeless).collect()
        }
    }

    #[test]
    fn lines_are_those_of_the_subscribers_own_format() {
        let (ours, theirs) = (Written::default(), Written::default());
        let (one, other) = (ours.clone(), theirs.clone());
        let own = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(move || other.clone());
        let subscriber = tracing_subscriber::fmt()
            .json()
            .event_format(JsonLine)
            .with_writer(move || one.clone())
            .finish()
            .with(own);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("nothing but a text");
            let io = io::Error::other("a \"disk\"\nis full");
            tracing::error!(
                target: "elsewhere",
                { a.number = 1_u64, a.fraction = 0.25, yes = true, absent = None::<u64>, text = "\u{1}ü", shown = %io, debug = ?io },
                "{} went wrong",
                "\\"
            );
        });
        let ours = ours.lines();
        assert_eq!(ours, theirs.lines());
        assert_eq!(ours.len(), 2);
        assert!(ours[1].contains("\"a.number\":1,"), "{}", ours[1]);
    }
}
