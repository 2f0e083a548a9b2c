//! Calls on their way to the workers, in turn between principals: who has many waiting waits for their own.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Job;
use crate::gateway::Principal;

pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    /// So many calls of one principal may have begun.
    begun: usize,
}

#[derive(Default)]
struct State {
    lanes: HashMap<Principal, Lane>,
    /// Whose turn it is: each who has a call waiting, once.
    turns: VecDeque<Principal>,
    closed: bool,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Job>,
    begun: usize,
}

impl Queue {
    pub(super) fn new(begun: usize) -> Queue {
        Queue { state: Mutex::default(), filled: Condvar::new(), begun }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, job: Job) {
        let mut state = self.lock();
        let State { lanes, turns, .. } = &mut *state;
        if !lanes.contains_key(&job.principal) {
            lanes.insert(job.principal.clone(), Lane::default());
        }
        if let Some(lane) = lanes.get_mut(&job.principal) {
            if lane.waiting.is_empty() {
                turns.push_back(job.principal.clone());
            }
            lane.waiting.push_back(job);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// The next call to begin; [`Queue::done`] when it has ended. `None` when the queue is closed and empty.
    pub(super) fn pop(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.next(self.begun) {
                return Some(job);
            }
            if state.closed && state.turns.is_empty() {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A call of the principal has ended.
    pub(super) fn done(&self, principal: &Principal) {
        let mut state = self.lock();
        let Some(lane) = state.lanes.get_mut(principal) else { return };
        // Only then is there more that may begin: to wake a worker for nothing costs as much as a small call.
        let was_full = lane.begun == self.begun && !lane.waiting.is_empty();
        lane.begun -= 1;
        if lane.begun == 0 && lane.waiting.is_empty() {
            state.lanes.remove(principal);
        }
        let closed = state.closed;
        drop(state);
        match () {
            () if closed => self.filled.notify_all(),
            () if was_full => self.filled.notify_one(),
            () => {}
        }
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}

impl State {
    fn next(&mut self, most: usize) -> Option<Job> {
        let may = |principal: &Principal| self.lanes.get(principal).is_some_and(|lane| lane.begun < most);
        let at = self.turns.iter().position(may)?;
        let principal = self.turns.remove(at)?;
        let lane = self.lanes.get_mut(&principal)?;
        let job = lane.waiting.pop_front()?;
        lane.begun += 1;
        if !lane.waiting.is_empty() {
            self.turns.push_back(principal);
        }
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::super::Call;
    use super::*;

    fn job(name: &str) -> Job {
        let call = Arc::new(Call::Resync(Vec::new()));
        Job { call, principal: Principal::Person(name.into()), read_only: false, done: oneshot::channel().0 }
    }

    fn next(queue: &Queue) -> String {
        match queue.pop().unwrap().principal {
            Principal::Person(name) => name.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_has_a_hundred_calls_waiting_costs_another_one_of_them() {
        let queue = Queue::new(8);
        (0..100).for_each(|_| queue.push(job("ann")));
        queue.push(job("bob"));
        queue.push(job("bob"));
        queue.push(job("cem"));
        assert_eq!(
            [next(&queue), next(&queue), next(&queue), next(&queue), next(&queue)].join(" "),
            "ann bob cem ann bob"
        );
    }

    #[test]
    fn no_more_than_so_many_of_one_principal_have_begun() {
        let queue = Queue::new(2);
        (0..5).for_each(|_| queue.push(job("ann")));
        assert_eq!([next(&queue), next(&queue)], ["ann", "ann"]);
        queue.push(job("bob"));
        assert_eq!(next(&queue), "bob");
        queue.done(&Principal::Person("ann".into()));
        assert_eq!(next(&queue), "ann");
    }

    #[test]
    fn nothing_is_kept_of_who_has_nothing_waiting() {
        let queue = Queue::new(2);
        queue.push(job("ann"));
        next(&queue);
        queue.done(&Principal::Person("ann".into()));
        assert!(queue.lock().lanes.is_empty() && queue.lock().turns.is_empty());
        queue.close();
        assert!(queue.pop().is_none());
    }
}
