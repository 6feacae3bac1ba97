use super::*;

fn client(number: u8) -> Client {
    Client::Address(IpAddr::from([192, 0, 2, number]))
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn one_client_never_has_all_turns() {
    let mut queue = Queue::new(3, 2, 10);
    assert_eq!(queue.ask(&client(1), seconds(0)), Asked::Now);
    assert_eq!(queue.ask(&client(1), seconds(0)), Asked::Now);
    assert!(matches!(queue.ask(&client(1), seconds(0)), Asked::Waits(_)), "the last one is for somebody else");
    assert_eq!(queue.give(seconds(1)), None);
    assert_eq!(queue.ask(&client(2), seconds(1)), Asked::Now);
    assert!(matches!(queue.ask(&client(3), seconds(1)), Asked::Waits(_)));
}

#[test]
fn who_used_little_comes_before_who_used_much() {
    let mut queue = Queue::new(1, 1, 100);
    assert_eq!(queue.ask(&client(1), seconds(0)), Asked::Now);
    let costly: Vec<_> = (0..50).map(|_| queue.ask(&client(1), seconds(0))).collect();
    assert!(costly.iter().all(|asked| matches!(asked, Asked::Waits(_))));
    let Asked::Waits(honest) = queue.ask(&client(2), seconds(5)) else { panic!("there is only one turn") };
    queue.done(&client(1), seconds(0), seconds(30));
    assert_eq!(queue.give(seconds(30)), Some(honest), "fifty were there before it");
    queue.done(&client(2), seconds(30), seconds(31));
    // Nobody else is there: the others have their turns.
    assert!(queue.give(seconds(31)).is_some());
}

#[test]
fn turns_of_equal_length_go_round() {
    let mut queue = Queue::new(1, 1, 100);
    let (mut owner, mut whose, mut order) = (HashMap::new(), client(1), Vec::new());
    assert_eq!(queue.ask(&whose, seconds(0)), Asked::Now);
    for number in [1, 1, 1, 2, 2, 2, 3, 3, 3] {
        let Asked::Waits(ticket) = queue.ask(&client(number), seconds(0)) else { panic!("there is only one turn") };
        owner.insert(ticket, client(number));
    }
    for second in 1.. {
        queue.done(&whose, seconds(second - 1), seconds(second));
        let Some(ticket) = queue.give(seconds(second)) else { break };
        whose = owner[&ticket].clone();
        order.push(whose.clone());
    }
    let expected = [2, 3, 1, 2, 3, 1, 2, 3, 1].map(client);
    assert_eq!(order, expected);
}

#[test]
fn time_that_goes_on_counts_as_well() {
    let mut queue = Queue::new(2, 2, 10);
    assert_eq!(queue.ask(&client(1), seconds(0)), Asked::Now);
    assert_eq!(queue.ask(&client(2), seconds(0)), Asked::Now);
    let tickets = [1, 2, 3].map(|number| match queue.ask(&client(number), seconds(0)) {
        Asked::Waits(ticket) => ticket,
        other => panic!("all turns are taken: {other:?}"),
    });
    queue.done(&client(2), seconds(0), seconds(10));
    assert_eq!(queue.give(seconds(10)), Some(tickets[2]), "it has had nothing yet");
    queue.done(&client(3), seconds(10), seconds(70));
    // The first client's turn is not over, and was there before the second's.
    assert_eq!(queue.give(seconds(70)), Some(tickets[1]));
}

#[test]
fn being_away_earns_nothing_and_leaves_no_trace() {
    let mut queue = Queue::new(2, 2, 1);
    assert_eq!(queue.ask(&client(1), seconds(0)), Asked::Now);
    assert_eq!(queue.ask(&client(1), seconds(0)), Asked::Now);
    let Asked::Waits(first) = queue.ask(&client(1), seconds(0)) else { panic!("all turns are taken") };
    assert_eq!(queue.ask(&client(1), seconds(0)), Asked::Full, "of one client only so many wait");
    let Asked::Waits(_) = queue.ask(&client(2), seconds(1_000)) else { panic!("all turns are taken") };
    let owes = |queue: &Queue, number| queue.lines[&client(number)].owes(seconds(1_000));
    assert_eq!(owes(&queue, 2), owes(&queue, 1));
    queue.leave(&client(1), first);
    queue.done(&client(1), seconds(0), seconds(1_000));
    queue.done(&client(1), seconds(0), seconds(1_000));
    assert!(queue.lines.contains_key(&client(2)) && queue.lines.len() == 1);
    let next = queue.give(seconds(1_000)).unwrap();
    queue.leave(&client(2), next);
    queue.done(&client(2), seconds(1_000), seconds(1_001));
    assert!(queue.lines.is_empty() && queue.running == 0);
}

/// Looks once whether somebody has their turn.
fn poll(waiting: &mut Waiting) -> Poll<Turn> {
    Pin::new(waiting).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn who_hangs_up_gives_their_turn_to_the_next() {
    let turns = Turns::new(1, 1, 10);
    let Poll::Ready(turn) = poll(&mut turns.wait(&client(1)).unwrap()) else { panic!("it is free") };
    let mut waiting: Vec<_> = (2..6).map(|number| turns.wait(&client(number)).unwrap()).collect();
    assert!(waiting.iter_mut().all(|waiting| poll(waiting).is_pending()));
    // One leaves the line, one leaves after it was called and before it came.
    drop(waiting.remove(1));
    drop(turn);
    drop(waiting.remove(0));
    let Poll::Ready(turn) = poll(&mut waiting[0]) else { panic!("it is its turn") };
    assert!(poll(&mut waiting[1]).is_pending());
    drop(waiting);
    drop(turn);
    let state = turns.state();
    assert!(state.calls.is_empty() && state.queue.lines.is_empty() && state.queue.running == 0);
}

#[test]
fn who_has_more_than_one_turn_or_waits_for_another_steps_back_behind_those_who_have_one() {
    let turns = Turns::new(3, 2, 10);
    let pace = |waiting: &mut Waiting| match poll(waiting) {
        Poll::Ready(turn) => (turn.pace(), turn),
        Poll::Pending => panic!("it has its turn"),
    };
    let (first, _one) = pace(&mut turns.wait(&client(1)).unwrap());
    let (second, two) = pace(&mut turns.wait(&client(1)).unwrap());
    let (other, _) = pace(&mut turns.wait(&client(2)).unwrap());
    assert_eq!((first, second, other), (Pace::First, Pace::Behind, Pace::First));
    // Its next one, with another that waits behind it.
    let (mut third, _fourth) = (turns.wait(&client(1)).unwrap(), turns.wait(&client(1)).unwrap());
    drop(two);
    assert_eq!(pace(&mut third).0, Pace::Behind);
}

#[test]
fn a_turn_that_nobody_came_for_is_not_lost() {
    let turns = Turns::new(1, 1, 0);
    let unused = turns.wait(&client(1)).unwrap();
    assert!(turns.wait(&client(2)).is_err_and(|full| full == QueueFull(0)));
    drop(unused);
    assert!(turns.wait(&client(2)).is_ok());
    assert!(turns.state().queue.lines.is_empty());
}

#[test]
fn many_threads_share_few_turns() {
    let turns = Turns::new(3, 2, 1_000);
    let (inside, seen) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (turns, inside, seen) = (&turns, &inside, &seen);
            scope.spawn(move || {
                for _ in 0..500 {
                    let mut waiting = turns.wait(&client(number % 3)).unwrap();
                    let turn = loop {
                        match poll(&mut waiting) {
                            Poll::Ready(turn) => break turn,
                            Poll::Pending => std::thread::yield_now(),
                        }
                    };
                    let now = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                    assert!(now <= 3, "{now} at once");
                    seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    drop(turn);
                }
            });
        }
    });
    assert_eq!(seen.into_inner(), 4_000);
    assert!(turns.state().queue.lines.is_empty());
}
