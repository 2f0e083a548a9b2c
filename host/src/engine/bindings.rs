//! Generated from `wit/`. What the composed component imports beside WASI is the store, the settings and the issuer; the entity is
//! inside it.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

wasmtime::component::bindgen!({
    path: ["../wit/storage.wit", "../wit/entity.wit", "../wit/person.wit"],
    inline: "
        package timeweft:host;
        world composed {
            import timeweft:storage/store@0.1.0;
            import timeweft:person/settings@0.1.0;
            import timeweft:person/issuer@0.1.0;
            export timeweft:person/handler@0.1.0;
        }
    ",
    world: "timeweft:host/composed",
});

pub use exports::timeweft::person::handler;
