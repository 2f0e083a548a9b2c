#![no_main]
timeweft_fuzz::guided!("procedures");
