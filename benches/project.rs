//! Writes a project for measuring whole processes: `cargo bench --bench project -- DIR N`, as
//! `process.sh` does. Without arguments, as among all benchmarks, it does nothing.

#![expect(clippy::print_stdout, reason = "a program of its own, whose output is read by people")]

mod projects;

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo adds `--bench`.
    let arguments =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect::<Vec<_>>();
    if let [folder, count] = arguments.as_slice() {
        projects::write(Path::new(folder), count.parse()?)?;
        println!("{count} pipelines in {folder}");
    }
    Ok(())
}
