//! The key-value trait; `wit/storage.wit` is its twin and has the same promises.

/// Longest key, in bytes.
pub const MAX_KEY: usize = 256;

/// Longest value, in bytes: what every Spin store takes.
pub const MAX_VALUE: usize = 1_000_000;

/// Where everything durable is kept.
///
/// # Promises
///
/// - **Atomicity.** Each call takes effect wholly or not at all, also across a crash.
/// - **Order.** Calls of one caller take effect in the order made: if a write survives a crash, so does every earlier
///   write of that caller. A read sees every write that has returned, whoever made it.
/// - **Durability.** A write is durable before an answer or effect that depends on it leaves the host. A host may delay
///   the answer instead of the call, and so let many calls share one sync.
/// - **Sizes.** Keys of 1 to [`MAX_KEY`] bytes of UTF-8, values of up to [`MAX_VALUE`] bytes; past that
///   [`StoreError::TooLarge`].
/// - **Heads.** Keys used with [`read_head`](Store::read_head) and [`swap_head`](Store::swap_head) are used with nothing
///   else. A head that was never swapped reads as 0.
pub trait Store {
    /// What is under `key`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Writes or overwrites.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Removes; removing what is not there is no error.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
    /// The head under `key`.
    async fn read_head(&self, key: &str) -> Result<u64, StoreError>;
    /// Compare-and-swap: if the head is `current` it becomes `next` (never 0) and the answer is true; else nothing
    /// changes and the answer is false.
    async fn swap_head(&self, key: &str, current: u64, next: u64) -> Result<bool, StoreError>;
}

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A key or a value is longer than the store takes, or the key is empty.
    #[error("a key has 1 to {MAX_KEY} bytes and a value at most {MAX_VALUE}")]
    TooLarge,
    /// The store can't answer. Whether a write happened is unknown.
    #[error("{0}")]
    Unavailable(String),
}

/// Refuses what no store may take; for implementations.
pub fn check_sizes(key: &str, value: &[u8]) -> Result<(), StoreError> {
    if key.is_empty() || key.len() > MAX_KEY || value.len() > MAX_VALUE { Err(StoreError::TooLarge) } else { Ok(()) }
}

impl<S: Store> Store for &S {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(key).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        (**self).set(key, value).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        (**self).delete(key).await
    }
    async fn read_head(&self, key: &str) -> Result<u64, StoreError> {
        (**self).read_head(key).await
    }
    async fn swap_head(&self, key: &str, current: u64, next: u64) -> Result<bool, StoreError> {
        (**self).swap_head(key, current, next).await
    }
}
