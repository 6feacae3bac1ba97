use super::*;

/// One behind which there is nobody.
fn worker() -> Arc<Worker> {
    let process = Mutex::new(Command::new("true").spawn().expect("`true` runs"));
    let (control, _) = system::packet_pair().expect("there are sockets");
    Arc::new(Worker { control, process, lost: AtomicBool::new(false), rules: 0, missing: Vec::new() })
}

#[test]
fn whoever_was_asked_for_first_has_the_next_sample_and_strangers_have_none() {
    let (own, other) = (worker(), worker());
    let seats = Seats::default();
    for (number, worker) in [(1, &own), (2, &other), (3, &own)] {
        let (answers, _) = system::packet_pair().expect("there are sockets");
        seats.keep_ready(Seat::new(number, answers, worker));
    }
    let next = || {
        let (seat, left) = seats.ready(&own);
        (seat.map(|seat| seat.number), left)
    };
    assert_eq!([next(), next(), next()], [(Some(1), 1), (Some(3), 0), (None, 0)]);
}
