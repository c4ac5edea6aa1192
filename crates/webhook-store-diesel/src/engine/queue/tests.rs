use std::sync::Arc;

use super::*;

const ONE: Bulk = Bulk {
    alone: 1,
    between_others: 1,
    beside_others: 1,
};

#[test]
fn what_has_queued_up_is_taken_at_once_in_order() {
    let queue = Queue::new(10);
    for item in 0..5 {
        queue.push(item).unwrap();
    }
    assert_eq!(queue.take(3, Patience::default()), Some(vec![0, 1, 2]));
    assert_eq!(queue.take(3, Patience::default()), Some(vec![3, 4]));
}

#[test]
fn a_full_queue_refuses_and_a_closed_one_is_emptied_first() {
    let queue = Queue::new(1);
    queue.push(1).unwrap();
    assert_eq!(queue.push(2), Err(2));
    queue.close();
    assert_eq!(queue.take(9, Patience::default()), Some(vec![1]));
    assert_eq!(queue.push(3), Err(3));
    assert_eq!(queue.take(9, Patience::default()), None);
}

#[test]
fn what_comes_first_is_taken_in_by_a_full_queue_but_not_by_a_closed_one() {
    let queue = Queue::new(1);
    queue.push(1).unwrap();
    queue.push_first(0).unwrap();
    assert_eq!(queue.take(1, Patience::default()), Some(vec![0]));
    queue.close();
    assert_eq!(queue.push_first(2), Err(2));
    assert_eq!(queue.take(9, Patience::default()), Some(vec![1]));
}

#[test]
fn of_what_comes_in_bulk_a_batch_has_some_behind_all_others_and_after_a_rest_there_are_more() {
    // However long it takes until others are gone.
    let queue = Queue::with_bulk(4, ONE);
    for item in 10..14 {
        queue.push_in_bulk(item).unwrap();
    }
    assert_eq!(queue.push_in_bulk(14), Err(14), "it is bounded");
    queue.push(1).unwrap();
    queue.push_unnoticed(2).unwrap();
    assert_eq!(queue.take(9, Patience::default()), Some(vec![1, 2, 10]));
    assert_eq!(queue.len(), 3);
    assert_eq!(queue.take(9, Patience::default()), Some(vec![11]));
    queue.close();
    assert_eq!(queue.push_in_bulk(15), Err(15));
    assert_eq!(queue.take(9, Patience::default()), Some(vec![12]));
    assert_eq!(queue.take(9, Patience::default()), Some(vec![13]));
    assert_eq!(queue.take(9, Patience::default()), None);
}

#[test]
fn in_a_rest_others_are_taken_alone() {
    let queue = Queue::with_bulk(4, ONE);
    queue.push_in_bulk(10).unwrap();
    queue.push_in_bulk(11).unwrap();
    queue.push(1).unwrap();
    assert_eq!(queue.take(9, Patience::default()), Some(vec![1, 10]));
    std::thread::sleep(Duration::from_millis(25));
    queue.push(2).unwrap();
    assert_eq!(queue.take(9, Patience::default()), Some(vec![2]));
    assert_eq!(queue.take(9, Patience::default()), Some(vec![11]));
}

#[test]
fn what_is_unnoticed_does_not_hold_back_what_comes_in_bulk() {
    let bulk = Bulk {
        alone: 4,
        ..Bulk::default()
    };
    let queue = Queue::with_bulk(4, bulk);
    for item in 10..14 {
        queue.push_in_bulk(item).unwrap();
    }
    queue.push_unnoticed(1).unwrap();
    assert_eq!(queue.take(9, Patience::default()), Some(vec![1, 10, 11, 12, 13]));
}

#[test]
fn patience_waits_for_a_batch_that_is_worth_it() {
    let queue = Arc::new(Queue::new(10));
    queue.push(1).unwrap();
    let late = Arc::clone(&queue);
    let other = std::thread::spawn(move || late.push(2));
    let patience = Patience {
        worth: 2,
        at_most: Duration::from_secs(60),
    };
    assert_eq!(queue.take(9, patience), Some(vec![1, 2]));
    other.join().unwrap().unwrap();
}

#[test]
fn who_sleeps_is_woken_for_what_is_awaited_and_once() {
    let queue = Queue::with_bulk(4, ONE);
    let fall_asleep = |awaited| queue.lock().awaited = Some(awaited);
    let sleeps = || queue.lock().awaited.is_some();
    fall_asleep(Awaited::Others);
    queue.push_in_bulk(10).unwrap();
    assert!(sleeps(), "a rest goes on");
    queue.push_first(1).unwrap();
    assert!(!sleeps());
    fall_asleep(Awaited::AtLeast(4));
    queue.push(2).unwrap();
    queue.push_in_bulk(11).unwrap();
    assert!(sleeps(), "of those in bulk, one is taken");
    queue.push_unnoticed(3).unwrap();
    assert!(!sleeps());
    fall_asleep(Awaited::Anything);
    queue.push_in_bulk(12).unwrap();
    assert!(!sleeps());
}

#[test]
fn no_item_is_slept_through_however_it_comes() {
    type Push = fn(&Queue<()>) -> Result<(), ()>;
    const EACH: usize = 5_000;
    let bulk = Bulk {
        alone: 3,
        ..Bulk::default()
    };
    let queue = Arc::new(Queue::with_bulk(4, bulk));
    let pushes: [Push; 4] = [
        |queue| queue.push(()),
        |queue| queue.push_unnoticed(()),
        |queue| queue.push_first(()),
        |queue| queue.push_in_bulk(()),
    ];
    let pushing = pushes.map(|push| {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || {
            for _ in 0..EACH {
                while push(&queue).is_err() {
                    std::thread::yield_now();
                }
            }
        })
    });
    let mut left = pushes.len() * EACH;
    while left > 0 {
        // For ever, where nobody wakes it.
        let patience = Patience {
            worth: (left % 3).min(left),
            at_most: Duration::from_secs(600),
        };
        left -= queue.take(9, patience).unwrap().len();
    }
    for thread in pushing {
        thread.join().unwrap();
    }
}
