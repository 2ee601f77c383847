//! The language server protocol: what this server says that it can do, and which function does it.
//!
//! In: a client's messages. Out: answers from what is open, at once; texts are passed on to the
//! checker. A handler does its work before it first waits for anything, so messages take effect in
//! the order in which they come. It decides nothing about definitions.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ompipe::language::position::Encoding;
use ompipe::language::{completion, findings, hover, navigation};
use ompipe::project::PROJECT_FILE;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;
use tower_lsp_server::jsonrpc::{Error, Result};
use tower_lsp_server::ls_types::{
    ClientCapabilities, CodeActionKind, CodeActionOptions, CodeActionOrCommand, CodeActionParams,
    CodeActionProviderCapability, CodeActionResponse, CodeLens, CodeLensOptions, CodeLensParams,
    CompletionOptions, CompletionParams, CompletionResponse, DidChangeConfigurationParams,
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams,
    DocumentSymbolParams, DocumentSymbolResponse, ExecuteCommandOptions, ExecuteCommandParams,
    FileChangeType, GotoDefinitionParams, GotoDefinitionResponse, Hover, HoverParams,
    HoverProviderCapability, InitializeParams, InitializeResult, InitializedParams, LSPAny,
    Location, OneOf, Position, ReferenceParams, Registration, SaveOptions, ServerCapabilities,
    ServerInfo, TextDocumentIdentifier, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri, WorkspaceFolder,
    WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};
use tower_lsp_server::{Client, LanguageServer};

use super::checker::{Order, Wanted};
use super::documents::{Documents, Root, path_of, preview_of};

/// The files whose changes concern a project, as the protocol writes patterns.
const WATCHED: [&str; 3] = ["**/*.yaml", "**/*.yml", "**/.ompipe/*.json"];

/// One client's server.
pub(crate) struct Protocol {
    client: Client,
    documents: Arc<Mutex<Documents>>,
    orders: Sender<Order>,
    is_shut_down: Arc<AtomicBool>,
    /// Whether the client watches files when it is asked to.
    watches: AtomicBool,
    /// The folders to look at once the client is ready.
    folders: Mutex<Vec<PathBuf>>,
}

/// A pipeline whose rendered objects are wanted: by name, or by a place in its definition.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewParams {
    text_document: TextDocumentIdentifier,
    position: Option<Position>,
    pipeline: Option<String>,
}

/// The address of a preview.
#[derive(Deserialize)]
pub(crate) struct TextDocumentContentParams {
    uri: Uri,
}

impl Protocol {
    pub(crate) fn new(
        client: Client,
        documents: Arc<Mutex<Documents>>,
        orders: Sender<Order>,
        is_shut_down: Arc<AtomicBool>,
    ) -> Self {
        let (watches, folders) = (AtomicBool::new(false), Mutex::default());
        Self { client, documents, orders, is_shut_down, watches, folders }
    }

    fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Order) {
        // The checker ends with the process.
        let _ended = self.orders.send(order);
    }

    fn look(&self, folders: impl IntoIterator<Item = PathBuf>) {
        for folder in folders {
            let root = Root::of(&folder.join(PROJECT_FILE));
            if let Root::Project(_) = root {
                self.order(Order::Look(root));
            }
        }
    }

    /// Takes the environment from the settings of this server, if they are there.
    fn choose_environment(&self, settings: Option<&Json>) {
        if let Some(settings) = settings {
            let name = settings.get("environment").and_then(Json::as_str);
            let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
            self.order(Order::Environment(name));
        }
    }

    /// A project file came or went: open texts may belong to another project than before.
    fn regroup(&self) {
        let mut documents = self.documents();
        for (path, former, root) in documents.regroup() {
            self.order(Order::Close { root: former, path: path.clone() });
            if let Some(document) = documents.document(&path) {
                let (text, version) = (document.text.as_str().to_owned(), document.version);
                self.order(Order::Text { root, path, text, version });
            }
        }
    }

    /// `ompipe/preview`: the rendered objects of a pipeline.
    pub(crate) async fn preview(&self, params: PreviewParams) -> Result<Option<Json>> {
        let PreviewParams { text_document, position, pipeline } = params;
        let uri = text_document.uri;
        let (root, pipeline) = {
            let documents = self.documents();
            let named = pipeline.or_else(|| {
                let at = documents.ask(&uri, position?, |project, path, offset, _| {
                    navigation::pipeline_at(project, path, offset).map(str::to_owned)
                });
                at.flatten()
            });
            let root = documents.document(&path_of(&uri)).map(|document| document.root.clone());
            (root, named)
        };
        let Some((root, pipeline)) = root.zip(pipeline) else { return Ok(None) };
        let shown = self.rendered(root, pipeline.clone()).await?;
        Ok(shown.map(|(uri, text)| json!({"uri": uri, "pipeline": pipeline, "text": text})))
    }

    /// `workspace/textDocumentContent`: the text behind the address of a preview.
    pub(crate) async fn text_document_content(
        &self,
        params: TextDocumentContentParams,
    ) -> Result<Json> {
        let missing = || Error::invalid_params("not the address of a preview");
        let (folder, pipeline) = preview_of(&params.uri).ok_or_else(missing)?;
        let roots = self.documents().roots();
        let root = roots.into_iter().find(|root| root.folder() == folder).ok_or_else(missing)?;
        let shown = self.rendered(root, pipeline).await?;
        Ok(json!({"text": shown.map(|(_, text)| text).unwrap_or_default()}))
    }

    async fn rendered(&self, root: Root, pipeline: String) -> Result<Option<(String, String)>> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Preview(Wanted { root, pipeline, reply }));
        answer.await.map_err(|_| Error::internal_error())
    }
}

impl LanguageServer for Protocol {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let InitializeParams { capabilities, workspace_folders, initialization_options, .. } =
            params;
        self.choose_environment(initialization_options.as_ref());
        let encoding = self.take_capabilities(&capabilities);
        let folders = workspace_folders.unwrap_or_default();
        let folders = folders.iter().map(|folder| path_of(&folder.uri)).collect();
        *self.folders.lock().unwrap_or_else(PoisonError::into_inner) = folders;
        Ok(InitializeResult {
            capabilities: provided(encoding),
            server_info: Some(ServerInfo {
                name: "ompipe".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            offset_encoding: None,
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        let folders =
            std::mem::take(&mut *self.folders.lock().unwrap_or_else(PoisonError::into_inner));
        self.look(folders);
        if self.watches.load(Ordering::SeqCst) {
            let watchers = WATCHED.map(|pattern| json!({"globPattern": pattern}));
            let registration = Registration {
                id: "watched-files".to_owned(),
                method: "workspace/didChangeWatchedFiles".to_owned(),
                register_options: Some(json!({"watchers": watchers})),
            };
            // A client that refuses tells of saved texts all the same.
            let _refused = self.client.register_capability(vec![registration]).await;
        }
    }

    async fn shutdown(&self) -> Result<()> {
        self.is_shut_down.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        let (text, version) = (document.text, document.version);
        let (path, root) = self.documents().open(document.uri, version, text.clone());
        self.order(Order::Text { root, path, text, version });
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let DidChangeTextDocumentParams { text_document, content_changes } = params;
        let version = text_document.version;
        let changed = self.documents().edit(&text_document.uri, version, content_changes);
        if let Some((path, root, text)) = changed {
            self.order(Order::Text { root, path, text, version });
        }
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        let path = path_of(&params.text_document.uri);
        if path.file_name().is_some_and(|name| name == PROJECT_FILE) {
            self.regroup();
        }
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        let closed = self.documents().close(&params.text_document.uri);
        if let Some((path, root)) = closed {
            self.order(Order::Close { root, path });
        }
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        self.choose_environment(params.settings.get("ompipe"));
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        for event in params.changes {
            let path = path_of(&event.uri);
            if path.file_name().is_some_and(|name| name == PROJECT_FILE) {
                self.regroup();
                self.look(path.parent().map(PathBuf::from));
            }
            let is_listed = event.typ != FileChangeType::CHANGED;
            self.order(Order::Disk { path, is_listed });
        }
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        let folder = |folder: &WorkspaceFolder| path_of(&folder.uri);
        self.look(params.event.added.iter().map(folder));
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let place = params.text_document_position;
        let documents = self.documents();
        let items = documents.ask(&place.text_document.uri, place.position, completion::complete);
        Ok(items.map(CompletionResponse::Array))
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let place = params.text_document_position_params;
        let documents = self.documents();
        Ok(documents.ask(&place.text_document.uri, place.position, hover::hover).flatten())
    }

    async fn goto_definition(
        &self,
        params: GotoDefinitionParams,
    ) -> Result<Option<GotoDefinitionResponse>> {
        let place = params.text_document_position_params;
        let uri = &place.text_document.uri;
        let documents = self.documents();
        if preview_of(uri).is_some() {
            return Ok(documents.origin(uri, place.position).map(GotoDefinitionResponse::Scalar));
        }
        let targets = documents.ask(uri, place.position, |project, path, offset, _| {
            navigation::definition(project, path, offset)
        });
        let locations = documents.locations(uri, targets.unwrap_or_default());
        Ok((!locations.is_empty()).then_some(GotoDefinitionResponse::Array(locations)))
    }

    async fn references(&self, params: ReferenceParams) -> Result<Option<Vec<Location>>> {
        let place = params.text_document_position;
        let uri = &place.text_document.uri;
        let declaration = params.context.include_declaration;
        let documents = self.documents();
        let targets = documents.ask(uri, place.position, |project, path, offset, _| {
            navigation::references(project, path, offset, declaration)
        });
        Ok(Some(documents.locations(uri, targets.unwrap_or_default())))
    }

    async fn document_symbol(
        &self,
        params: DocumentSymbolParams,
    ) -> Result<Option<DocumentSymbolResponse>> {
        let documents = self.documents();
        let uri = &params.text_document.uri;
        let symbols = documents.ask(uri, Position::default(), |project, path, _, client| {
            navigation::symbols(project, path, client)
        });
        Ok(symbols.map(DocumentSymbolResponse::Nested))
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        let documents = self.documents();
        let uri = &params.text_document.uri;
        Ok(documents.ask(uri, Position::default(), |project, path, _, client| {
            navigation::lenses(project, path, uri.as_str(), client)
        }))
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        let documents = self.documents();
        let uri = &params.text_document.uri;
        let fixes = findings::fixes(documents.current(uri), params.range, uri);
        Ok(Some(fixes.into_iter().map(CodeActionOrCommand::CodeAction).collect()))
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
        if params.command != navigation::PREVIEW {
            return Err(Error::invalid_params("there is no such command"));
        }
        let wanted = || Error::invalid_params("the file's address and the pipeline are wanted");
        let [Json::String(uri), Json::String(pipeline)] = params.arguments.as_slice() else {
            return Err(wanted());
        };
        let uri = uri.parse().map_err(|_| wanted())?;
        let text_document = TextDocumentIdentifier { uri };
        let pipeline = Some(pipeline.clone());
        self.preview(PreviewParams { text_document, position: None, pipeline }).await
    }
}

impl Protocol {
    fn take_capabilities(&self, capabilities: &ClientCapabilities) -> Encoding {
        let general = capabilities.general.as_ref();
        let offered = general.and_then(|general| general.position_encodings.as_deref());
        let encoding = Encoding::negotiate(offered);
        let completion =
            capabilities.text_document.as_ref().and_then(|all| all.completion.as_ref());
        let item = completion.and_then(|completion| completion.completion_item.as_ref());
        let watched = capabilities.workspace.as_ref();
        let watched = watched.and_then(|all| all.did_change_watched_files.as_ref());
        let watches = watched.and_then(|watched| watched.dynamic_registration);
        self.watches.store(watches.unwrap_or_default(), Ordering::SeqCst);
        let mut documents = self.documents();
        documents.client.encoding = encoding;
        documents.client.snippets = item.and_then(|item| item.snippet_support).unwrap_or_default();
        encoding
    }
}

/// What this server can do.
fn provided(encoding: Encoding) -> ServerCapabilities {
    let folders = WorkspaceFoldersServerCapabilities {
        supported: Some(true),
        change_notifications: Some(OneOf::Left(true)),
    };
    ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions::default())),
            ..TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([":", " ", "{", "-"].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
            ..CodeActionOptions::default()
        })),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: vec![navigation::PREVIEW.to_owned()],
            ..ExecuteCommandOptions::default()
        }),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(folders),
            ..WorkspaceServerCapabilities::default()
        }),
        ..ServerCapabilities::default()
    }
}
