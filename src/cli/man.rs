//! `ompipe man`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man;

use super::error::Error;
use super::exit::Status;
use super::session::Session;

/// Write the manual pages
///
/// One page for ompipe and one for each verb, for section 1 of the manual.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe man ~/.local/share/man/man1     Install all pages
  ompipe man | man -l -                  Read the first")]
pub(crate) struct ManArgs {
    /// The folder for the pages [default: the page of ompipe alone, to stdout]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, session: &mut Session) -> Result<Status, Error> {
    let pages = pages()?;
    match &args.folder {
        Some(folder) => {
            write(&pages, folder).map_err(|error| {
                Error::new(format!("failed to write the pages to {}", folder.display()))
                    .because(error)
            })?;
            session.say(&format!("Wrote {} pages to {}.", pages.len(), folder.display()));
        }
        None => session.out().write_all(&pages[0].1)?,
    }
    Ok(Status::Fine)
}

/// The pages by their file names, that of ompipe itself first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = super::command();
    command.build();
    let mut pages = Vec::new();
    let mut left = vec![command];
    while let Some(command) = left.pop() {
        let man = Man::new(command.clone());
        let mut page = Vec::new();
        man.render(&mut page)?;
        pages.push((man.get_filename(), page));
        left.extend(command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned());
    }
    Ok(pages)
}

fn write(pages: &[(String, Vec<u8>)], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|(name, page)| fs::write(folder.join(name), page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page() {
        let pages = pages().unwrap();
        assert_eq!(pages[0].0, "ompipe.1");
        for verb in crate::cli::command().get_subcommands() {
            let name = format!("ompipe-{}.1", verb.get_name());
            let page = pages.iter().find(|(page, _)| *page == name);
            let (_, text) = page.unwrap_or_else(|| panic!("{name} is missing"));
            assert!(String::from_utf8_lossy(text).contains(".SH"), "{name}");
        }
    }
}
