//! `ompipe completions`.

use std::io::Write;

use clap::Args;
use clap_complete::Shell;

use super::error::Error;
use super::exit::Status;
use super::session::Session;

/// Print completions for a shell
///
/// The shell reads them from a file at its start; where that is, differs. The examples are for the
/// usual places.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe completions bash > ~/.local/share/bash-completion/completions/ompipe
  ompipe completions zsh > ~/.zfunc/_ompipe
  ompipe completions fish > ~/.config/fish/completions/ompipe.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, session: &mut Session) -> Result<Status, Error> {
    session.out().write_all(&script(args.shell))?;
    Ok(Status::Fine)
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "ompipe", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_completes_the_verbs() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            assert!(script.contains("completions") && script.contains("schema"), "{shell}");
        }
    }
}
