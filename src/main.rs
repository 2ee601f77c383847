//! The `ompipe` command: arguments in, an exit status out. What it does is in [`cli`]; what it
//! knows is in the library.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
