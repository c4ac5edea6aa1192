//! Starts that were cut short between any two steps, and files that do not belong together.

use diesel::connection::SimpleConnection as _;

use super::*;
use crate::DatabaseUrl;

/// A database that is in use, in a directory of its own.
struct InUse {
    directory: tempfile::TempDir,
    connection: AnyConnection,
}

impl InUse {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("webhook.db");
        std::fs::write(&file, "").unwrap();
        let mut connection = AnyConnection::open(&DatabaseUrl::Sqlite(file.clone())).unwrap();
        write(&mut connection, "CREATE TABLE a (b)");
        let new = Judged {
            mark: None,
            doubt: None,
        };
        new.renew(&mut connection, &file);
        write(&mut connection, "INSERT INTO a VALUES (1)");
        Self {
            directory,
            connection,
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("webhook.db")
    }

    fn marks(&self) -> Vec<Mark> {
        match State::read(&self.file()) {
            Kept::Known(state) => state.marks,
            kept => panic!("{kept:?}"),
        }
    }

    fn mark_in_file(&self) -> Mark {
        Header::of_file(&self.file()).unwrap().unwrap().mark
    }

    /// What a process that is killed now leaves, in a directory of its own. With what was kept, unless that is given.
    fn killed(&self) -> Left {
        let left = tempfile::tempdir().unwrap();
        let file = left.path().join("webhook.db");
        std::fs::copy(self.file(), &file).unwrap();
        std::fs::copy(beside(&self.file(), "-wal"), beside(&file, "-wal")).unwrap();
        // The copy has another inode, which a killed process would not have changed.
        State::of(&file, self.marks()).unwrap().keep(&file).unwrap();
        Left(left)
    }
}

struct Left(tempfile::TempDir);

impl Left {
    fn file(&self) -> PathBuf {
        self.0.path().join("webhook.db")
    }

    #[track_caller]
    fn is_fine(&self) {
        let judged = judge(&self.file(), true).unwrap();
        assert!(judged.is_beyond_doubt(), "{judged:?}");
        judged.accept(&self.file()).unwrap();
        let mut connection = AnyConnection::open(&DatabaseUrl::Sqlite(self.file())).unwrap();
        judged.renew(&mut connection, &self.file());
        drop(connection);
        assert!(judge(&self.file(), true).unwrap().is_beyond_doubt());
        let Kept::Known(state) = State::read(&self.file()) else {
            panic!("nothing is kept")
        };
        assert_eq!(state.marks.len(), 1, "older ones are forgotten");
    }
}

fn write(connection: &mut AnyConnection, statement: &str) {
    let AnyConnection::Sqlite(sqlite) = connection else {
        panic!("not SQLite")
    };
    sqlite.batch_execute(statement).unwrap();
}

#[test]
fn a_database_has_the_mark_that_is_kept_and_no_other() {
    let database = InUse::new();
    assert_eq!(database.marks(), [database.mark_in_file()]);
    database.killed().is_fine();
}

#[test]
fn a_start_that_is_cut_short_at_any_step_is_gone_on_with() {
    let mut database = InUse::new();
    let (file, before) = (database.file(), database.mark_in_file());
    // Kept, and not yet in the database.
    database.connection.begin().unwrap();
    let mark = put_new(&mut database.connection, &file, vec![before]).unwrap();
    assert_eq!(database.marks(), [before, mark]);
    database.killed().is_fine();
    // In the database, and not yet in the file.
    database.connection.commit().unwrap();
    assert_eq!(database.mark_in_file(), before);
    database.killed().is_fine();
    // One more like that.
    let next = announce(&mut database.connection, &file, vec![before]).unwrap();
    assert_eq!(database.marks(), [before, mark, next]);
    database.killed().is_fine();
    // In the file, and the older ones not yet forgotten.
    assert!(database.connection.write_back().unwrap());
    assert_eq!(database.mark_in_file(), next);
    write(&mut database.connection, "INSERT INTO a VALUES (2)");
    database.killed().is_fine();
    settle(&mut database.connection, &file, mark).unwrap();
    assert_eq!(database.marks().len(), 3, "a newer one has been given since");
    settle(&mut database.connection, &file, next).unwrap();
    assert_eq!(database.marks(), [next]);
    database.killed().is_fine();
}

#[test]
fn a_copy_from_before_the_log_was_written_back_does_not_belong_to_the_log_after() {
    let mut database = InUse::new();
    let (file, old) = (database.file(), database.killed());
    let mark = announce_in_use(&mut database.connection, &file).unwrap().unwrap();
    assert!(database.connection.write_back().unwrap());
    settle(&mut database.connection, &file, mark).unwrap();
    write(&mut database.connection, "INSERT INTO a VALUES (2)");
    let left = database.killed();
    std::fs::copy(old.file(), left.file()).unwrap();
    assert!(matches!(
        judge(&left.file(), true),
        Err(OpenError::ForeignLog { .. })
    ));
    assert!(matches!(
        judge(&left.file(), false),
        Err(OpenError::Replaced { .. })
    ));
}

#[test]
fn a_mark_is_not_given_where_it_could_not_be_kept() {
    let mut database = InUse::new();
    let (file, before) = (database.file(), database.marks());
    // Nothing can be written under this name.
    let staged = beside(&file, ".state.new");
    std::fs::create_dir(&staged).unwrap();
    assert!(announce_in_use(&mut database.connection, &file).is_err());
    assert_eq!(database.marks(), before);
    assert!(database.connection.write_back().unwrap());
    assert_eq!(database.marks(), [database.mark_in_file()]);
}

#[test]
fn while_the_log_cannot_be_written_back_a_database_gets_a_few_marks_and_no_more() {
    let mut database = InUse::new();
    let file = database.file();
    while announce_in_use(&mut database.connection, &file)
        .unwrap()
        .is_some()
    {
        database.killed().is_fine();
        assert!(database.marks().len() <= MOST_MARKS);
    }
    assert_eq!(database.marks().len(), MOST_MARKS);
}
