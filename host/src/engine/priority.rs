//! The priority of a thread that computes for long.
//!
//! Two things count for those beside it. The share: by its niceness it has a tenth of what another has that wants to compute as well.
//! And the slice: a thread that has begun to compute keeps the processor for its slice, 3 ms or so, whatever its niceness, also before one
//! that has just woken and whom somebody waits for (EEVDF, "run to parity"). A change passes five threads, so that a few such slices were
//! most of what one took beside others' long calls. With the shortest slice that there is, none waits for longer than that.

/// A tenth of what others have.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The shortest that the kernel takes; nothing by kernels before 6.12, which have no slices of a thread's own.
#[cfg(target_os = "linux")]
const SLICE_NANOS: u64 = 100_000;

/// Lowers it for this thread. Only Linux has priorities of threads; who does not get one waits for turns as before.
pub(super) fn lower() {
    #[cfg(target_os = "linux")]
    {
        let attributes = libc::sched_attr {
            size: size_of::<libc::sched_attr>() as u32,
            sched_policy: libc::SCHED_OTHER as u32,
            sched_flags: 0,
            sched_nice: NICE,
            sched_priority: 0,
            sched_runtime: SLICE_NANOS,
            sched_deadline: 0,
            sched_period: 0,
        };
        #[expect(unsafe_code, reason = "no crate has this call; it reads `size` bytes, and changes this thread alone")]
        let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
        if result != 0 {
            tracing::debug!(error = %std::io::Error::last_os_error(), "a thread keeps the priority of all others");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;
    use rustix::thread::gettid;

    #[test]
    fn it_is_lower_for_one_thread_alone() {
        let nice = || getpriority_process(Some(gettid())).unwrap();
        let before = nice();
        let lowered = std::thread::spawn(move || {
            super::lower();
            nice()
        });
        assert_eq!((lowered.join().unwrap(), nice()), (super::NICE, before));
    }
}
