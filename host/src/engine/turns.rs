//! Whose turn it is to compute: so many calls at once, and those that have just begun before those that take long.
//!
//! Most calls take a millisecond or two, a few take hundreds. A call that has computed for longer than [`SLICE`] makes way: it
//! goes on when nobody who has just begun is waiting, or after it has waited for as long as it had computed ([`PATIENCE`] at
//! most), and never takes all places where there are several. Of those that made way, who is due first goes on first, and before
//! one that has computed for much longer. Whose call took longer than [`QUANTUM`] begins the next as a long one, for as long
//! again as it took. So whoever asks for little does not wait for those who ask for much.
//!
//! A thread that computes for long gives way to all other threads too, those of the store and of sockets among them, which the
//! system would let wait for milliseconds otherwise ([`priority`](super::priority)).

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::priority;
use crate::gateway::Principal;

/// How often a call that computes looks whether it should make way.
pub(super) const TICK: Duration = Duration::from_millis(2);
/// A call that has computed for so long is a long one.
const SLICE: Duration = Duration::from_millis(4);
/// Long calls take turns of this length among themselves.
const QUANTUM: Duration = Duration::from_millis(50);
/// A call that has made way for longer lets nobody before it any more.
const PATIENCE: Duration = Duration::from_millis(100);

pub(super) struct Turns {
    state: Mutex<State>,
    places: usize,
}

/// A call that waits. Only who may be next is woken: to wake all of them for each place cost more than most calls.
struct Waiting {
    ticket: u64,
    thread: Thread,
    computed: Duration,
    /// When it lets nobody before it any more.
    due: Instant,
}

#[derive(Default)]
struct State {
    computing: usize,
    /// Of these, how many are long.
    long: usize,
    /// Who waits to begin, first come first, and who to go on, first due first.
    new: VecDeque<Waiting>,
    paused: VecDeque<Waiting>,
    tickets: u64,
    /// Whose calls are long from their beginning, and until when.
    heavy: HashMap<Principal, Instant>,
}

impl Turns {
    pub(super) fn new(places: usize) -> Arc<Turns> {
        Arc::new(Turns { state: Mutex::default(), places })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where there is more than one place, one is never taken by long calls.
    fn long_places(&self) -> usize {
        (self.places - 1).max(1)
    }

    /// Waits for a place; whether the call counts as a long one.
    fn begin(&self, principal: &Principal) -> bool {
        let mut state = self.lock();
        if state.is_heavy(principal) {
            drop(state);
            self.resume(PATIENCE);
            return true;
        }
        let waiting = state.waiting(Duration::ZERO);
        let ticket = waiting.ticket;
        state.new.push_back(waiting);
        while state.computing >= self.places || !is_first(&state.new, ticket) {
            drop(state);
            thread::park();
            state = self.lock();
        }
        state.new.pop_front();
        state.computing += 1;
        state.wake(self.places);
        false
    }

    fn resume(&self, computed: Duration) {
        let mut state = self.lock();
        let waiting = state.waiting(computed);
        let (ticket, due) = (waiting.ticket, waiting.due);
        let place = state.paused.partition_point(|other| other.due <= due);
        state.paused.insert(place, waiting);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            let has_place = state.computing < self.places && state.long < self.long_places();
            if has_place && is_first(&state.paused, ticket) && (state.new.is_empty() || left.is_zero()) {
                break;
            }
            drop(state);
            thread::park_timeout(if left.is_zero() { PATIENCE } else { left });
            state = self.lock();
        }
        state.paused.pop_front();
        state.computing += 1;
        state.long += 1;
        state.wake(self.places);
    }

    fn leave(&self, is_long: bool) {
        let mut state = self.lock();
        state.computing -= 1;
        state.long -= usize::from(is_long);
        state.wake(self.places);
    }
}

fn is_first(waiting: &VecDeque<Waiting>, ticket: u64) -> bool {
    waiting.front().is_some_and(|first| first.ticket == ticket)
}

impl State {
    /// This thread, in line.
    fn waiting(&mut self, computed: Duration) -> Waiting {
        self.tickets += 1;
        let due = Instant::now() + computed.min(PATIENCE);
        Waiting { ticket: self.tickets, thread: thread::current(), computed, due }
    }

    /// Wakes those who may be next, where there is a place: one of them finds that it is not its turn.
    fn wake(&self, places: usize) {
        if self.computing < places {
            [&self.new, &self.paused].into_iter().filter_map(VecDeque::front).for_each(|first| first.thread.unpark());
        }
    }

    fn is_heavy(&mut self, principal: &Principal) -> bool {
        let Some(until) = self.heavy.get(principal) else { return false };
        let is_heavy = *until > Instant::now();
        if !is_heavy {
            self.heavy.remove(principal);
        }
        is_heavy
    }

    /// A long call of the principal is over.
    fn remember(&mut self, principal: &Principal, computed: Duration) {
        let now = Instant::now();
        self.heavy.retain(|_, until| *until > now);
        self.heavy.insert(principal.clone(), now + computed);
    }
}

/// The turn of a call on this thread.
pub(super) struct Turn {
    turns: Arc<Turns>,
    principal: Principal,
    is_long: bool,
    since: Instant,
    /// What the thread had computed then.
    began: Duration,
    may_compute: Duration,
}

impl Turn {
    /// Waits for a place. The call may then compute for `time`; waiting does not count.
    pub(super) fn begin(turns: &Arc<Turns>, principal: Principal, time: Duration) -> Turn {
        let is_long = turns.begin(&principal);
        if is_long {
            give_way();
        }
        let (since, began) = (Instant::now(), thread_time());
        Turn { turns: turns.clone(), principal, is_long, since, began, may_compute: time }
    }

    fn computed(&self) -> Duration {
        thread_time().saturating_sub(self.began)
    }

    /// Makes way if it should, and says whether the call may go on.
    pub(super) fn tick(&mut self) -> bool {
        let computed = self.computed();
        if computed > self.may_compute {
            return false;
        }
        // Not since when: a call that others take the processor from is no longer for it.
        if !self.is_long && computed < SLICE {
            return true;
        }
        give_way();
        let mut state = self.turns.lock();
        let is_over = |first: &Waiting| self.since.elapsed() >= QUANTUM || first.computed < computed / 4;
        let others = !state.new.is_empty() || state.paused.front().is_some_and(is_over);
        let too_many = !self.is_long && state.long >= self.turns.long_places();
        if !others && !too_many {
            state.long += usize::from(!self.is_long);
            self.is_long = true;
            return true;
        }
        drop(state);
        self.away(|| ());
        true
    }

    /// Waits for something else than a place, while others compute in this one.
    pub(super) fn away<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        self.turns.leave(self.is_long);
        let waited_for = wait();
        self.turns.resume(self.computed());
        (self.is_long, self.since) = (true, Instant::now());
        waited_for
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let computed = self.computed();
        if computed > QUANTUM {
            self.turns.lock().remember(&self.principal, computed);
        }
        self.turns.leave(self.is_long);
    }
}

thread_local! {
    static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread lets others of this machine compute first: who may not raise priorities can't take that back.
fn give_way() {
    if !GIVES_WAY.replace(true) {
        priority::lower();
    }
}

/// Whether a long call was made on this thread.
pub(super) fn gives_way() -> bool {
    GIVES_WAY.get()
}

/// What this thread has computed.
fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    fn begin(turns: &Arc<Turns>, person: &str) -> Turn {
        Turn::begin(turns, Principal::Person(person.into()), Duration::from_secs(60))
    }

    /// Computes until it is told to stop, as a call does; returns how often it could look.
    fn long_call(turns: &Arc<Turns>, stop: &AtomicBool) -> usize {
        let mut turn = begin(turns, "ann");
        let mut ticks = 0;
        while !stop.load(Ordering::Relaxed) {
            let end = Instant::now() + TICK;
            while Instant::now() < end {
                std::hint::spin_loop();
            }
            assert!(turn.tick());
            ticks += 1;
        }
        ticks
    }

    #[test]
    fn who_has_just_begun_does_not_wait_for_those_who_take_long_and_these_go_on() {
        for places in [1, 2] {
            let (turns, stop, most) = (Turns::new(places), AtomicBool::new(false), AtomicUsize::new(0));
            thread::scope(|scope| {
                let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| long_call(&turns, &stop))).collect();
                thread::sleep(Duration::from_millis(200));
                for _ in 0..40 {
                    let asked = Instant::now();
                    drop(begin(&turns, "bob"));
                    let waited = usize::try_from(asked.elapsed().as_millis()).unwrap();
                    most.fetch_max(waited, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(5));
                }
                thread::sleep(Duration::from_millis(400));
                stop.store(true, Ordering::Relaxed);
                for call in calls {
                    assert!(call.join().unwrap() > 2, "each goes on");
                }
            });
            // Four calls without turns would hold one up for ever.
            assert!(most.load(Ordering::Relaxed) < 1_000, "{most:?} ms with {places} places");
        }
    }

    #[test]
    fn the_next_call_of_who_took_long_leaves_a_place_to_others() {
        let turns = Turns::new(2);
        let mut turn = begin(&turns, "ann");
        while turn.computed() < Duration::from_millis(300) {
            assert!(turn.tick());
        }
        drop(turn);
        let one = begin(&turns, "ann");
        assert!(one.is_long);
        thread::scope(|scope| {
            let two = scope.spawn(|| drop(begin(&turns, "ann")));
            drop(begin(&turns, "bob"));
            assert!(!two.is_finished(), "it waits until the first is over");
            drop(one);
        });
    }

    #[test]
    fn of_those_that_made_way_who_computed_little_goes_on_first() {
        let turns = Turns::new(1);
        let held = begin(&turns, "ann");
        let (said, hears) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            for computed in [3_000, 300, 5] {
                let (turns, said) = (&turns, said.clone());
                scope.spawn(move || {
                    turns.resume(Duration::from_millis(computed));
                    said.send(computed).unwrap();
                    turns.leave(true);
                });
                while turns.lock().paused.iter().all(|waiting| waiting.computed != Duration::from_millis(computed)) {
                    thread::yield_now();
                }
            }
            drop(held);
        });
        assert_eq!(
            hears.try_iter().collect::<Vec<_>>(),
            [5, 3_000, 300],
            "both of the others have waited for long enough"
        );
    }

    #[test]
    fn who_has_computed_for_much_longer_makes_way_at_once() {
        let turns = Turns::new(1);
        let mut turn = begin(&turns, "ann");
        while turn.computed() < Duration::from_millis(30) {
            assert!(turn.tick());
        }
        thread::scope(|scope| {
            let short = scope.spawn(|| {
                turns.resume(Duration::from_millis(5));
                turns.leave(true);
            });
            while turns.lock().paused.is_empty() && !short.is_finished() {
                thread::yield_now();
            }
            turn.since = Instant::now();
            assert!(turn.tick());
            assert!(short.is_finished() || turns.lock().paused.is_empty(), "it went on");
        });
    }

    #[test]
    fn while_a_call_waits_for_something_else_another_computes_in_its_place() {
        let turns = Turns::new(1);
        let mut turn = begin(&turns, "ann");
        turn.away(|| drop(begin(&turns, "bob")));
        assert!(turn.tick());
        drop(turn);
        assert_eq!(turns.lock().computing, 0);
    }

    #[test]
    fn the_thread_of_a_long_call_gives_way_to_all_others() {
        let turns = Turns::new(2);
        let computing = |time: Duration| {
            let mut turn = begin(&turns, "ann");
            while turn.computed() < time {
                assert!(turn.tick());
            }
            gives_way()
        };
        thread::scope(|scope| {
            assert!(!scope.spawn(|| computing(SLICE / 4)).join().unwrap());
            assert!(scope.spawn(|| computing(SLICE * 2)).join().unwrap());
        });
    }

    #[test]
    fn who_has_computed_for_too_long_may_not_go_on() {
        let mut turn = Turn::begin(&Turns::new(1), Principal::Gateway, Duration::from_millis(30));
        let began = Instant::now();
        while turn.tick() {
            assert!(began.elapsed() < Duration::from_secs(20), "it computes without end");
        }
    }
}
