//! How a log ends beside those who read and write it.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use webhook_domain::ports::WebhookStore as _;
use webhook_domain::signing::secret::SecretText;

use super::*;
use crate::database::mark::Header;
use crate::database::state::{Kept, State};
use crate::{DatabaseUrl, DieselStore, MasterKey, StoreLimits, SystemEntropy};

/// How many pages are long here.
const LONG: i64 = 4;

/// A database that somebody writes, and its log.
struct Written {
    _directory: tempfile::TempDir,
    file: PathBuf,
    writer: AnyConnection,
    log: Log,
}

impl Written {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("webhook.db");
        std::fs::write(&file, "").unwrap();
        let mut writer = open(&file);
        run(&mut writer, "CREATE TABLE a (b)");
        assert!(writer.write_back().unwrap());
        let mark = Header::of_file(&file).unwrap().unwrap().mark;
        let state = State::of(&file, vec![mark]).unwrap();
        state.keep(&file).unwrap();
        Self {
            _directory: directory,
            log: Log::of(file.clone(), LONG, Arc::default()),
            file,
            writer,
        }
    }

    /// Writes some pages, one commit for each.
    fn write(&mut self, pages: i64) {
        for _ in 0..pages {
            run(&mut self.writer, "INSERT INTO a VALUES (zeroblob(4000))");
        }
    }

    fn marks(&self) -> Vec<Mark> {
        match State::read(&self.file) {
            Kept::Known(state) => state.marks,
            kept => panic!("{kept:?}"),
        }
    }

    fn mark_in_file(&self) -> Mark {
        Header::of_file(&self.file).unwrap().unwrap().mark
    }

    fn length_of_log(&self) -> u64 {
        beside(&self.file, "-wal").metadata().unwrap().len()
    }
}

fn open(file: &Path) -> AnyConnection {
    AnyConnection::open(&DatabaseUrl::Sqlite(file.to_owned())).unwrap()
}

fn run(connection: &mut AnyConnection, statement: &str) {
    let AnyConnection::Sqlite(sqlite) = connection else {
        panic!("a file is opened by SQLite");
    };
    sqlite.batch_execute(statement).unwrap();
}

#[test]
fn a_short_log_goes_on() {
    let mut database = Written::new();
    database.write(1);
    let marks = database.marks();
    assert_eq!(database.log.end_if_long(), Ok(Some(Duration::ZERO)));
    assert!(database.writer.pages_in_log().unwrap() > 0);
    assert_eq!(database.marks(), marks);
}

#[test]
fn a_long_log_is_begun_anew_with_a_mark_and_keeps_its_place() {
    let mut database = Written::new();
    database.write(10);
    let (length, before) = (database.length_of_log(), database.mark_in_file());
    database.log.end_if_long().unwrap().expect("nobody is in the way");
    assert!(database.writer.pages_in_log().unwrap() < LONG);
    assert_eq!(
        database.length_of_log(),
        length,
        "to free it would keep others from writing"
    );
    let [old, new] = database.marks()[..] else {
        panic!("{:?}", database.marks());
    };
    assert_eq!((old, database.mark_in_file()), (before, before));
    // The next time it is in the file, and those before are forgotten.
    database.write(10);
    database.log.end_if_long().unwrap().expect("nobody is in the way");
    assert_eq!(database.mark_in_file(), new);
    assert_eq!(database.marks()[0], new);
    assert_eq!(database.marks().len(), 2);
}

#[test]
fn what_was_erased_is_not_in_an_emptied_log() {
    let mut database = Written::new();
    database.write(10);
    database.log.end_if_long().unwrap().expect("nobody is in the way");
    database.write(1);
    database.log.empty().unwrap().expect("nobody is in the way");
    assert_eq!(database.length_of_log(), 0);
    assert_eq!(database.marks(), [database.mark_in_file()]);
}

#[test]
fn a_log_that_is_read_or_written_is_left_for_later() {
    let mut database = Written::new();
    database.write(10);
    let mut reader = open(&database.file);
    run(&mut reader, "BEGIN; SELECT count(*) FROM a");
    database.write(1);
    assert_eq!(database.log.end_if_long(), Ok(None));
    assert_eq!(database.log.empty(), Ok(None));
    run(&mut reader, "COMMIT");
    run(&mut database.writer, "BEGIN IMMEDIATE");
    assert_eq!(database.log.empty(), Ok(None));
    run(&mut database.writer, "COMMIT");
    database
        .log
        .empty()
        .unwrap()
        .expect("nobody is in the way any more");
    assert_eq!(database.length_of_log(), 0);
    assert_eq!(database.marks(), [database.mark_in_file()]);
}

#[test]
fn while_somebody_has_the_turn_to_write_the_log_is_not_ended() {
    for end in [Log::empty, Log::end_if_long] {
        let mut database = Written::new();
        database.write(10);
        let turn = Arc::clone(&database.log.turn);
        let held = turn.lock();
        std::thread::scope(|scope| {
            let log = &mut database.log;
            let ending = scope.spawn(move || end(log));
            // Long enough for whoever does not wait.
            std::thread::sleep(Duration::from_millis(100));
            assert!(!ending.is_finished());
            run(&mut database.writer, "INSERT INTO a VALUES (1)");
            drop(held);
            ending.join().unwrap().unwrap().expect("nobody is in the way");
        });
        assert!(database.writer.pages_in_log().unwrap() < LONG);
    }
}

#[test]
fn the_writer_waits_for_its_turn_and_keeps_it_while_it_writes() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(directory.path().join("webhook.db"));
    let key = SecretText::new(data_encoding::BASE64.encode(&[7; 32]));
    let entropy = Arc::new(SystemEntropy::new());
    let store = DieselStore::open(
        &url,
        MasterKey::parse(&key).unwrap(),
        entropy,
        StoreLimits::default(),
    );
    let store = store.unwrap();
    let held = WriteBack::turn(store.write_back.as_deref()).expect("a file has a log");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build();
            let forget = store.forget_answers(webhook_domain::time::Instant::from_milliseconds(0), 1);
            runtime.unwrap().block_on(forget)
        });
        // Long enough for whoever does not wait.
        std::thread::sleep(Duration::from_millis(100));
        assert!(!writing.is_finished());
        drop(held);
        assert_eq!(writing.join().unwrap().unwrap(), 0);
    });
    let turn = Arc::clone(&store.write_back.as_ref().unwrap().turn);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let is_held = store.writer.alone(move |_| Ok(turn.is_locked()));
    assert!(
        runtime.unwrap().block_on(is_held).unwrap(),
        "as long as it writes"
    );
    store.close();
}
