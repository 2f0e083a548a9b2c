//! The store in memory keeps the promises of the trait.

use timeweft_store::contract;
use timeweft_store::memory::MemoryStore;

#[test]
fn the_store_in_memory_passes_the_contract_suite() {
    let store = MemoryStore::new();
    contract::suite(|| store.clone());
}
