//! What a thread holds, counted, so that "in proportion to what came" can be checked.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

fn more(bytes: usize) {
    let held = HELD.get().wrapping_add(bytes);
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

fn less(bytes: usize) {
    HELD.set(HELD.get().saturating_sub(bytes));
}

#[allow(unsafe_code, reason = "an allocator is")]
// SAFETY: all is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        less(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // While it moves, both are held.
        more(size);
        less(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs it, and checks that it held at most so many bytes at once.
///
/// # Panics
/// When it held more.
pub(crate) fn within<T>(bytes: usize, run: impl FnOnce() -> T) -> T {
    let before = HELD.get();
    MOST.set(before);
    let result = run();
    let most = MOST.get().saturating_sub(before);
    assert!(most <= bytes, "{most} bytes were held at once, and {bytes} are in proportion");
    result
}

/// What may be held while so many bytes are read: a byte can be an element, which takes 40, and a Vec that grows is there
/// twice; references of cbor-x expand up to [`VALUE_BYTES`](crate::parts::VALUE_BYTES).
pub(crate) fn of_reading(length: usize) -> usize {
    150 * (length + crate::parts::VALUE_BYTES) + 100_000
}
