//! The `ompipe` command.

fn main() {}
