#![no_main]
timeweft_fuzz::guided!("diff_stored");
