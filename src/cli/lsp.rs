//! `ompipe lsp`.
//!
//! Three parts, each with a task of its own: `protocol` speaks with the client, `documents` holds
//! what is open and answers questions at once, `checker` compiles projects on a thread of its own and
//! sends findings when they are ready, so that no question waits for them.

mod checker;
mod documents;
mod protocol;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use clap::Args;
use tower_lsp_server::{LspService, Server};

use super::error::Error;
use super::exit::Status;
use checker::Checker;
use documents::Documents;
use protocol::Protocol;

/// Serve an editor: findings as you type, completion, hover, and the way to where a value was set
///
/// Speaks the language server protocol on standard input and output; an editor starts it, not a
/// person. It reads the projects of the files that are open and writes nothing. `docs/editors.md`
/// has recipes for VS Code, Neovim and Helix.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe lsp    What to enter as the command of a language server for YAML

Exit status: 0 when the client has asked to shut down, 1 when it went away.")]
pub(crate) struct LspArgs {
    /// Nothing else is spoken; editors that pass it are understood
    #[arg(long, hide = true)]
    stdio: bool,
}

pub(crate) fn run(_: &LspArgs) -> Result<Status, Error> {
    let failed = |error| Error::new("failed to start the language server").because(error);
    // One thread for the protocol: questions are answered in the order in which they come.
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(failed)?;
    let documents = Arc::new(Mutex::new(Documents::default()));
    let is_shut_down = Arc::new(AtomicBool::new(false));
    let (orders, inbox) = mpsc::channel();

    let (service, socket) = LspService::build(|client| {
        let checker =
            Checker::new(Arc::clone(&documents), client.clone(), runtime.handle().clone());
        // It ends with the process: what it compiles then is of no use to anybody.
        std::thread::spawn(move || checker.run(&inbox));
        Protocol::new(client, documents, orders, Arc::clone(&is_shut_down))
    })
    .custom_method("ompipe/preview", Protocol::preview)
    .custom_method("workspace/textDocumentContent", Protocol::text_document_content)
    .finish();
    let server = Server::new(tokio::io::stdin(), tokio::io::stdout(), socket);
    runtime.block_on(server.serve(service));
    // A read of standard input may still be waiting for a client that keeps it open.
    runtime.shutdown_background();
    Ok(match is_shut_down.load(Ordering::SeqCst) {
        true => Status::Fine,
        false => Status::Findings,
    })
}
