use std::io::Write as _;
use std::sync::mpsc;

use super::*;

const SOON: Duration = Duration::from_secs(30);

fn say_nothing(_: u64, _: u64) {}

/// What an output does with the bytes it is given.
#[derive(Clone, Copy)]
enum Act {
    Take,
    TakeHalf,
    Fail,
}

/// A queue whose output does what it is told, then takes everything, and shows what it took.
fn queue(acts: Vec<Act>, notice: Notice) -> (LogQueue, Arc<Mutex<Vec<u8>>>) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let (mut acts, written) = (acts.into_iter(), Arc::clone(&taken));
    let output = move |bytes: &[u8]| {
        let count = match acts.next().unwrap_or(Act::Take) {
            Act::Take => bytes.len(),
            Act::TakeHalf => bytes.len() / 2,
            Act::Fail => return Err(io::Error::from(io::ErrorKind::StorageFull)),
        };
        written.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    };
    (LogQueue::start(Box::new(output), notice).unwrap(), taken)
}

fn text(taken: &Mutex<Vec<u8>>) -> String {
    String::from_utf8(taken.lock().unwrap().clone()).unwrap()
}

#[test]
fn lines_are_written_in_their_order_and_whole() {
    let (mut queue, taken) = queue(vec![Act::TakeHalf], say_nothing);
    for line in ["one\n", "two\n", "three\n"] {
        queue.write_all(line.as_bytes()).unwrap();
    }
    queue.flush(SOON);
    assert_eq!(text(&taken), "one\ntwo\nthree\n");
}

#[test]
fn a_line_that_cannot_be_written_is_dropped_and_the_next_begins_on_its_own() {
    let (queue, taken) = queue(vec![Act::Take, Act::TakeHalf, Act::Fail], say_nothing);
    for line in ["one\n", "two, which is torn\n", "three\n"] {
        queue.push(line.into());
        queue.flush(SOON);
    }
    assert_eq!(text(&taken), "one\ntwo, whic\nthree\n");
    let waiting = queue.waiting();
    assert_eq!((waiting.dropped, waiting.dropped_in_all), (0, 1));
}

#[test]
fn lines_that_follow_closely_are_written_together_and_none_behind_a_torn_one_is_lost() {
    // The third write is that of what was gathered meanwhile; it ends in the second line of it.
    let (begin, begun) = mpsc::channel::<()>();
    let (release, released) = mpsc::channel::<()>();
    let writes = Arc::new(Mutex::new(Vec::new()));
    let (seen, mut count) = (Arc::clone(&writes), 0);
    let output = move |bytes: &[u8]| {
        count += 1;
        if count == 1 {
            begin.send(()).unwrap();
            released.recv().unwrap();
        }
        let taken = match count {
            2 => 10,
            3 => return Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => bytes.len(),
        };
        seen.lock().unwrap().push(bytes[..taken].to_vec());
        Ok(taken)
    };
    let queue = LogQueue::start(Box::new(output), say_nothing).unwrap();
    queue.push(b"first\n".into());
    begun.recv().unwrap();
    for number in 1..=5 {
        queue.push(format!("line {number}\n").into_bytes());
    }
    release.send(()).unwrap();
    queue.flush(SOON);
    let writes: Vec<String> = writes
        .lock()
        .unwrap()
        .iter()
        .map(|bytes| String::from_utf8(bytes.clone()).unwrap())
        .collect();
    assert_eq!(
        writes,
        ["first\n", "line 1\nlin", "\n", "line 3\nline 4\nline 5\n"]
    );
    assert_eq!(queue.dropped_in_all(), 1);
}

#[test]
fn what_was_gathered_is_written_in_pieces_that_a_pipe_takes_whole() {
    let (begin, begun) = mpsc::channel::<()>();
    let (release, released) = mpsc::channel::<()>();
    let (write, writes) = mpsc::channel();
    let output = move |bytes: &[u8]| {
        // Errors say that this was waited for once, and that the test is over.
        let _ = (begin.send(()), released.recv(), write.send(bytes.len()));
        Ok(bytes.len())
    };
    let queue = LogQueue::start(Box::new(output), say_nothing).unwrap();
    queue.push(b"first\n".into());
    begun.recv().unwrap();
    for _ in 0..10 {
        queue.push(vec![b'x'; WRITTEN_AT_ONCE / 4]);
    }
    queue.push(vec![b'x'; 2 * WRITTEN_AT_ONCE]);
    drop(release);
    queue.flush(SOON);
    let whole = WRITTEN_AT_ONCE;
    let expected = [6, whole, whole, whole / 2, 2 * whole];
    assert_eq!(writes.try_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_queue_that_nobody_empties_takes_so_many_bytes_and_no_more() {
    let (release, released) = mpsc::channel::<()>();
    let output = move |bytes: &[u8]| {
        // An error says that the test is over.
        let _ = released.recv();
        Ok(bytes.len())
    };
    let queue = LogQueue::start(Box::new(output), say_nothing).unwrap();
    let line = vec![b'x'; MAX_WAITING_BYTES / 8];
    for _ in 0..20 {
        queue.push(line.clone());
    }
    let begun = Instant::now();
    queue.flush(Duration::from_millis(20));
    assert!(begun.elapsed() < SOON, "a flush has its bound");
    {
        let waiting = queue.waiting();
        assert!(waiting.bytes <= MAX_WAITING_BYTES);
        assert!(
            (11..=12).contains(&waiting.dropped_in_all),
            "{}",
            waiting.dropped_in_all
        );
    }
    drop(release);
    queue.flush(SOON);
    assert_eq!(queue.waiting().bytes, 0);
}
