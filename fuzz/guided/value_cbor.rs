#![no_main]
timeweft_fuzz::guided!("value_cbor");
