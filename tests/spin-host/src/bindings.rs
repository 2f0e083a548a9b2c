//! The imports of Spin that our components use, and the exports of `storage-spin`.

wasmtime::component::bindgen!({
    path: [
        "../../wit/deps/wasi-keyvalue@0.2.0-draft2",
        "../../wit/deps/fermyon-spin@2.0.0",
        "../../wit/storage.wit",
        "../../wit/entity.wit",
        "../../wit/person.wit",
        "../../wit/storage-spin.wit",
    ],
    world: "timeweft:storage-spin/storage-spin",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "wasi:keyvalue/store.bucket": crate::instance::Bucket,
        "wasi:keyvalue/atomics.cas": crate::instance::Cas,
    },
});
