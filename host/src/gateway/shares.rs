//! How much of the server one principal may use at once, so that nobody stops the others.
//!
//! What is counted: calls under way, bytes that the gateway holds for the principal (bodies and messages that are not complete
//! yet, answers that were not read yet), sockets, and requests in a time. Everything is given back when its guard goes.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::principal::Principal;

/// What one principal may use.
#[derive(Clone, Copy, Debug)]
pub struct ShareLimits {
    /// Calls under way.
    pub calls: usize,
    /// Bytes held for it.
    pub bytes: usize,
    /// Bytes held for everybody.
    pub all_bytes: usize,
    /// Sockets.
    pub sockets: usize,
    /// Subscriptions of all its sockets.
    pub subscriptions: usize,
    /// HTTP requests a second.
    pub requests: NonZeroU32,
    /// Sign-in codes asked for by one address in ten minutes, and as many guesses.
    pub sign_ins: NonZeroU32,
    /// Sign-in codes asked for by everybody in that time.
    pub all_sign_ins: NonZeroU32,
}

/// What sign-ins are counted in.
pub(super) const SIGN_IN_PERIOD: Duration = Duration::from_secs(600);

/// What a principal may hold though everybody together holds as much as they may: nobody is kept from small things by others.
const FLOOR: usize = 1 << 20;

/// So many principals' rates are kept before those are let go that are as good as new.
const MANY: usize = 1_024;

/// Why something has to wait, and for how many seconds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}; try again in {seconds} s")]
pub(super) struct TooMany {
    pub(super) why: &'static str,
    pub(super) seconds: u64,
}

/// How often each may do something.
struct Rate {
    limiter: RateLimiter<Principal, HashMapStateStore<Principal>, DefaultClock>,
    /// With more principals than this, those that are as good as new are let go: not at each request, since it looks at all.
    sweep_at: AtomicUsize,
}

impl Rate {
    fn new(quota: Quota) -> Rate {
        Rate { limiter: RateLimiter::hashmap(quota), sweep_at: AtomicUsize::new(MANY) }
    }

    fn check(&self, principal: &Principal, why: &'static str) -> Result<(), TooMany> {
        if self.limiter.len() > self.sweep_at.load(Ordering::Relaxed) {
            self.limiter.retain_recent();
            self.sweep_at.store(MANY.max(2 * self.limiter.len()), Ordering::Relaxed);
        }
        self.limiter.check_key(principal).map_err(|not_until| TooMany {
            why,
            seconds: whole_seconds(not_until.wait_time_from(self.limiter.clock().now())),
        })
    }
}

/// Who uses how much.
pub(super) struct Shares {
    limits: ShareLimits,
    used: Mutex<Used>,
    requests: Rate,
    codes: Rate,
    guesses: Rate,
    all_codes: DefaultDirectRateLimiter,
}

#[derive(Default)]
struct Used {
    by: HashMap<Principal, Usage>,
    bytes: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Usage {
    calls: usize,
    bytes: usize,
    sockets: usize,
    subscriptions: usize,
}

/// What a request does that is counted by its address, whoever makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignIn {
    /// Asks for a code.
    Code,
    /// Guesses one.
    Guess,
    /// Comes in as a guest.
    Guest,
}

impl Shares {
    pub(super) fn new(limits: ShareLimits) -> Arc<Shares> {
        let sign_ins = |number: NonZeroU32| {
            let quota = Quota::with_period(SIGN_IN_PERIOD / number.get());
            quota.unwrap_or(Quota::per_second(number)).allow_burst(number)
        };
        Arc::new(Shares {
            limits,
            used: Mutex::default(),
            requests: Rate::new(Quota::per_second(limits.requests)),
            codes: Rate::new(sign_ins(limits.sign_ins)),
            guesses: Rate::new(sign_ins(limits.sign_ins)),
            all_codes: RateLimiter::direct(sign_ins(limits.all_sign_ins)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request.
    pub(super) fn request(&self, principal: &Principal) -> Result<(), TooMany> {
        self.requests.check(principal, "too many requests a second")
    }

    /// Counts a step of a sign-in.
    pub(super) fn sign_in(&self, address: &Principal, step: SignIn) -> Result<(), TooMany> {
        match step {
            SignIn::Guess => self.guesses.check(address, "too many codes were tried from this address"),
            SignIn::Code | SignIn::Guest => {
                self.codes.check(address, "too many sign-ins from this address")?;
                self.all_codes.check().map_err(|not_until| TooMany {
                    why: "too many sign-ins",
                    seconds: whole_seconds(not_until.wait_time_from(self.all_codes.clock().now())),
                })
            }
        }
    }

    /// Begins a call.
    pub(super) fn call(self: &Arc<Self>, principal: &Principal) -> Result<Taken, TooMany> {
        let too_many = TooMany { why: "too many requests at once", seconds: 1 };
        self.take(principal, |usage| &mut usage.calls, self.limits.calls, too_many)
    }

    /// Opens a socket.
    pub(super) fn socket(self: &Arc<Self>, principal: &Principal) -> Result<Taken, TooMany> {
        let too_many = TooMany { why: "too many sockets at once", seconds: 10 };
        self.take(principal, |usage| &mut usage.sockets, self.limits.sockets, too_many)
    }

    fn take(
        self: &Arc<Self>,
        principal: &Principal,
        of: Part,
        most: usize,
        too_many: TooMany,
    ) -> Result<Taken, TooMany> {
        let mut used = self.lock();
        let taken = of(used.by.entry(principal.clone()).or_default());
        if *taken >= most {
            return Err(too_many);
        }
        *taken += 1;
        Ok(Taken { shares: self.clone(), principal: principal.clone(), of })
    }

    /// Nothing is held yet.
    pub(super) fn hold(self: &Arc<Self>, principal: &Principal) -> Hold {
        Hold { shares: self.clone(), principal: principal.clone(), bytes: 0, subscriptions: 0 }
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// One of the numbers that are counted.
type Part = fn(&mut Usage) -> &mut usize;

/// A call under way, or an open socket.
pub(super) struct Taken {
    shares: Arc<Shares>,
    principal: Principal,
    of: Part,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut used = self.shares.lock();
        let Some(usage) = used.by.get_mut(&self.principal) else { return };
        *(self.of)(usage) -= 1;
        if *usage == Usage::default() {
            used.by.remove(&self.principal);
        }
    }
}

/// Bytes that are held for a principal.
pub struct Hold {
    shares: Arc<Shares>,
    principal: Principal,
    bytes: usize,
    subscriptions: usize,
}

impl Hold {
    /// From now on so many, if its share and what there is for everybody allow it.
    pub(crate) fn try_set(&mut self, bytes: usize) -> bool {
        let shares = self.shares.clone();
        let mut used = shares.lock();
        let more = bytes.saturating_sub(self.bytes);
        let own = used.by.get(&self.principal).map_or(0, |usage| usage.bytes);
        let limits = &shares.limits;
        let is_too_much_of_all = used.bytes + more > limits.all_bytes && own + more > FLOOR;
        if more > 0 && (own + more > limits.bytes || is_too_much_of_all) {
            return false;
        }
        self.put(&mut used, bytes);
        true
    }

    /// From now on so many, whatever the share: what is there already can't be refused.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes != self.bytes {
            let shares = self.shares.clone();
            self.put(&mut shares.lock(), bytes);
        }
    }

    fn put(&mut self, used: &mut Used, bytes: usize) {
        if bytes == self.bytes {
            return;
        }
        let usage = used.by.entry(self.principal.clone()).or_default();
        usage.bytes = usage.bytes + bytes - self.bytes;
        used.bytes = used.bytes + bytes - self.bytes;
        self.bytes = bytes;
        if *usage == Usage::default() {
            used.by.remove(&self.principal);
        }
    }

    /// Whether the principal holds as much as it may, so that nothing more should be begun for it.
    pub(super) fn is_full(&self) -> bool {
        let used = self.shares.lock();
        let own = used.by.get(&self.principal).map_or(0, |usage| usage.bytes);
        own >= self.shares.limits.bytes || (own > FLOOR && used.bytes >= self.shares.limits.all_bytes)
    }

    /// From now on the connection has so many subscriptions; whether that is within its principal's share.
    pub(super) fn set_subscriptions(&mut self, subscriptions: usize) -> bool {
        let shares = self.shares.clone();
        let mut used = shares.lock();
        let usage = used.by.entry(self.principal.clone()).or_default();
        usage.subscriptions = usage.subscriptions + subscriptions - self.subscriptions;
        self.subscriptions = subscriptions;
        let is_within = usage.subscriptions <= shares.limits.subscriptions;
        if *usage == Usage::default() {
            used.by.remove(&self.principal);
        }
        is_within
    }

    /// The same bytes, held as long as any copy of them is there.
    pub(crate) fn keep(mut self, bytes: Vec<u8>) -> Bytes {
        self.set(bytes.len());
        Bytes::from_owner(Kept { bytes, _hold: self })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.set(0);
        if self.subscriptions > 0 {
            self.set_subscriptions(0);
        }
    }
}

struct Kept {
    bytes: Vec<u8>,
    _hold: Hold,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares() -> Arc<Shares> {
        let number = |n| NonZeroU32::new(n).unwrap();
        Shares::new(ShareLimits {
            calls: 2,
            bytes: 100 << 20,
            all_bytes: 150 << 20,
            sockets: 1,
            subscriptions: 3,
            requests: number(2),
            sign_ins: number(3),
            all_sign_ins: number(4),
        })
    }

    fn person(name: &str) -> Principal {
        Principal::Person(name.into())
    }

    #[test]
    fn each_has_a_share_and_gets_back_what_it_gives_back() {
        let shares = shares();
        let (ann, bob) = (person("ann"), person("bob"));
        let (_one, two) = (shares.call(&ann).unwrap(), shares.call(&ann).unwrap());
        assert!(shares.call(&ann).is_err());
        let _other = shares.call(&bob).unwrap();
        drop(two);
        drop(shares.call(&ann).unwrap());
        let open = shares.socket(&ann).unwrap();
        assert!(shares.socket(&ann).is_err());
        drop(open);
        shares.socket(&ann).unwrap();
    }

    #[test]
    fn bytes_are_bounded_for_each_and_for_all() {
        let shares = shares();
        let (mut anns, mut bobs) = (shares.hold(&person("ann")), shares.hold(&person("bob")));
        let mib = |n: usize| n << 20;
        assert!(anns.try_set(mib(60)) && anns.try_set(mib(100)) && !anns.try_set(mib(101)) && anns.is_full());
        assert!(bobs.try_set(mib(50)) && !bobs.try_set(mib(51)) && bobs.is_full(), "everybody's are used up");
        let mut cems = shares.hold(&person("cem"));
        assert!(cems.try_set(mib(1)) && !cems.is_full() && !cems.try_set(mib(2)), "but for what is small");
        anns.set(mib(10));
        assert!(bobs.try_set(mib(51)) && !bobs.is_full());
        drop((anns, bobs, cems));
        assert!(shares.lock().by.is_empty() && shares.lock().bytes == 0);
    }

    #[test]
    fn subscriptions_are_counted_over_all_connections() {
        let shares = shares();
        let (mut one, mut two) = (shares.hold(&person("ann")), shares.hold(&person("ann")));
        assert!(one.set_subscriptions(2) && two.set_subscriptions(1) && !two.set_subscriptions(2));
        drop(one);
        assert!(two.set_subscriptions(3));
        drop(two);
        assert!(shares.lock().by.is_empty());
    }

    #[test]
    fn an_answer_is_held_until_its_last_copy_is_gone() {
        let shares = shares();
        let bytes = shares.hold(&person("ann")).keep(vec![0; 70]);
        let copy = bytes.clone();
        drop(bytes);
        assert_eq!(shares.lock().bytes, 70);
        drop(copy);
        assert_eq!(shares.lock().bytes, 0);
    }

    #[test]
    fn who_asks_too_often_hears_for_how_long_to_wait() {
        let shares = shares();
        let (ann, bob) = (person("ann"), person("bob"));
        (0..2).for_each(|_| shares.request(&ann).unwrap());
        assert_eq!(shares.request(&ann).unwrap_err().seconds, 1);
        shares.request(&bob).unwrap();
        (0..3).for_each(|_| shares.sign_in(&ann, SignIn::Code).unwrap());
        let wait = shares.sign_in(&ann, SignIn::Code).unwrap_err().seconds;
        assert!((199..=200).contains(&wait), "{wait}");
        shares.sign_in(&ann, SignIn::Guess).unwrap();
        shares.sign_in(&bob, SignIn::Code).unwrap();
        let wait = shares.sign_in(&bob, SignIn::Code).unwrap_err().seconds;
        assert!((149..=150).contains(&wait), "of everybody: {wait}");
    }
}
