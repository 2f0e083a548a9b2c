//! Beside the tests: writes what to begin with where libFuzzer looks for it, and tries one input again.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use timeweft_fuzz::{TARGETS, seeds, target};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["seeds", folder] => write_seeds(Path::new(folder)),
        ["replay", name, file] => replay(name, file),
        _ => Err(io::Error::other("inputs seeds FOLDER, or inputs replay TARGET FILE")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A folder for each target, as `cargo fuzz` has them.
fn write_seeds(folder: &Path) -> io::Result<()> {
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds::of(target.name)?.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
    }
    Ok(())
}

fn replay(name: &str, file: &str) -> io::Result<()> {
    let target = target(name).ok_or_else(|| io::Error::other(format!("there is no target {name}")))?;
    (target.run)(&fs::read(file)?);
    println!("{name} stands {file}");
    Ok(())
}
