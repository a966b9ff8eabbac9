//! Messages of the client → answers, and diagnostics of what has changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender, never, select};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProvider, CodeActionResponse,
    CompletionList, CompletionOptions, CompletionParams, Contents, Definition, DefinitionParams,
    DefinitionProvider, Diagnostic, DidChangeTextDocumentParams, DidChangeWatchedFilesParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, DocumentSymbolParams, DocumentSymbolProvider,
    FileChangeType, Hover, HoverParams, HoverProvider, InitializeParams, Location, MarkupContent, MarkupKind,
    PublishDiagnosticsParams, ServerCapabilities, TextDocumentContentChangeEvent, TextDocumentPositionParams,
    TextDocumentSync, TextDocumentSyncKind, TextDocumentSyncOptions,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::actions::fixes;
use crate::completion::complete;
use crate::definition::definition;
use crate::diagnostics::diagnostic;
use crate::disk::Disk;
use crate::error::LspError;
use crate::hover::hover;
use crate::symbols::symbols;
use crate::text::{Encoding, Text};
use crate::uri;
use crate::vocabulary::Vocabulary;
use crate::workspace::{At, Workspace};

/// The folders and options that a client starts the server with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The folders that it has open.
    pub folders: Vec<PathBuf>,
    /// The store, or files of spans, whose names are completed.
    pub spans: Option<String>,
    /// Files and folders of rules, from the first folder.
    pub rules: Vec<PathBuf>,
}

/// The options of `initialize`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Options {
    spans: Option<String>,
    rules: Vec<PathBuf>,
}

/// A client that has said what it wants.
pub struct Started {
    /// Its folders and options.
    pub asked: Asked,
    id: RequestId,
    encoding: Encoding,
    trouble: Option<String>,
}

impl Started {
    /// Waits for the client's first message. `present` is the folder where it says none.
    ///
    /// # Errors
    ///
    /// [`LspError::Start`] and [`LspError::Initialize`] where that is another one, or cannot be read.
    pub fn by(connection: &Connection, present: PathBuf) -> Result<Self, LspError> {
        let (id, params) = connection.initialize_start()?;
        let params: InitializeParams = serde_json::from_value(params).map_err(LspError::Initialize)?;
        let options = params.initialization_options.map(serde_json::to_value).transpose();
        let options = options.map_err(LspError::Initialize)?.filter(|options| !options.is_null());
        let (options, trouble) = match options.map(serde_json::from_value::<Options>) {
            None => (Options::default(), None),
            Some(Ok(options)) => (options, None),
            Some(Err(error)) => {
                let trouble = format!(
                    "fluo: initializationOptions cannot be read, and are left out: {error}; they are \
                     {{\"spans\": PATH, \"rules\": [PATH, …]}}"
                );
                (Options::default(), Some(trouble))
            }
        };
        let folders = params.workspace_folders_initialize_params.workspace_folders;
        let folders = serde_json::to_value(folders).map_err(LspError::Initialize)?;
        let mut folders: Vec<PathBuf> =
            folders.as_array().into_iter().flatten().filter_map(path_of).collect();
        if folders.is_empty() {
            #[expect(deprecated, reason = "older clients say only this")]
            let root = params.root_uri.as_ref();
            folders.extend(root.and_then(uri::path));
        }
        if folders.is_empty() {
            folders.push(present);
        }
        let offered = params.capabilities.general.and_then(|general| general.position_encodings);
        let encoding = Encoding::agreed(&offered.unwrap_or_default());
        let asked = Asked { folders, spans: options.spans, rules: options.rules };
        Ok(Self { asked, id, encoding, trouble })
    }
}

/// The path of a workspace's folder.
fn path_of(folder: &Value) -> Option<PathBuf> {
    uri::path(&lsp_types::Uri(folder.get("uri")?.as_str()?.to_owned()))
}

/// Returns the abilities of the server.
fn capabilities(encoding: Encoding) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(TextDocumentSync::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::Incremental),
            ..TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([" ", ":", ".", "{", "[", ",", "\"", "'"].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProvider::Bool(true)),
        definition_provider: Some(DefinitionProvider::Bool(true)),
        document_symbol_provider: Some(DocumentSymbolProvider::Bool(true)),
        code_action_provider: Some(CodeActionProvider::CodeActionOptions(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QuickFix]),
            ..CodeActionOptions::default()
        })),
        ..ServerCapabilities::default()
    }
}

/// Serves a client until it says `exit`. Returns whether it said `shutdown` before, as it should.
///
/// # Errors
///
/// [`LspError::Closed`] where the client goes away.
pub fn serve<D: Disk>(
    connection: &Connection,
    started: Started,
    disk: D,
    vocabulary: &Receiver<Vocabulary>,
) -> Result<bool, LspError> {
    let Started { asked, id, encoding, trouble } = started;
    let capabilities = serde_json::to_value(capabilities(encoding)).map_err(LspError::Answer)?;
    let info = json!({"name": "fluo", "version": env!("CARGO_PKG_VERSION")});
    connection.initialize_finish(id, json!({"capabilities": capabilities, "serverInfo": info}))?;
    let mut server = Server {
        workspace: Workspace::new(disk, asked.folders, &asked.rules),
        encoding,
        vocabulary: Vocabulary::default(),
        published: BTreeMap::new(),
        is_shut_down: false,
        out: connection.sender.clone(),
    };
    if let Some(trouble) = trouble {
        server.notify("window/showMessage", json!({"type": 2, "message": trouble}));
    }
    server.publish()?;
    let mut vocabulary = vocabulary.clone();
    loop {
        select! {
            recv(connection.receiver) -> message => match message {
                Ok(Message::Notification(told)) if told.method == "exit" => return Ok(server.is_shut_down),
                Ok(Message::Notification(told)) => server.told(told),
                Ok(Message::Request(request)) => server.asked(request),
                // The server asks nothing.
                Ok(Message::Response(_)) => {}
                Err(_) => return Err(LspError::Closed),
            },
            recv(vocabulary) -> read => match read {
                Ok(read) => server.vocabulary = read,
                Err(_) => vocabulary = never(),
            },
        }
        // Keys that were pressed meanwhile come first.
        if connection.receiver.is_empty() {
            server.publish()?;
        }
    }
}

/// The state between messages.
struct Server<D> {
    workspace: Workspace<D>,
    encoding: Encoding,
    vocabulary: Vocabulary,
    /// The diagnostics that the client has, by file.
    published: BTreeMap<PathBuf, Vec<Diagnostic>>,
    is_shut_down: bool,
    out: Sender<Message>,
}

impl<D: Disk> Server<D> {
    /// Sends a message. A client that is gone is met when its next message is waited for.
    fn send(&self, message: Message) {
        let _gone = self.out.send(message);
    }

    fn notify(&self, method: &str, params: Value) {
        self.send(Message::Notification(Notification { method: method.to_owned(), params }));
    }

    /// Checks what has changed, and says what is new.
    fn publish(&mut self) -> Result<(), LspError> {
        self.workspace.settle();
        let mut found: BTreeMap<PathBuf, Vec<Diagnostic>> = BTreeMap::new();
        for (path, findings) in self.workspace.findings() {
            let Some(text) = self.workspace.text(&path) else { continue };
            let of_file = findings.iter().map(|it| diagnostic(it, &text, self.encoding, &self.workspace));
            found.insert(path, of_file.collect());
        }
        let gone =
            self.published.keys().filter(|path| !found.contains_key(*path)).cloned().collect::<Vec<_>>();
        let gone = gone.into_iter().map(|path| (path, Vec::new()));
        let all: Vec<(PathBuf, Vec<Diagnostic>)> = found.into_iter().chain(gone).collect();
        for (path, diagnostics) in all {
            let known = self.published.get(&path);
            if known == Some(&diagnostics)
                || known.is_none() && diagnostics.is_empty() && self.workspace.version(&path).is_none()
            {
                continue;
            }
            let Some(uri) = self.workspace.uri(&path) else { continue };
            let version = self.workspace.version(&path);
            let params = PublishDiagnosticsParams { uri, version, diagnostics: diagnostics.clone() };
            let params = serde_json::to_value(params).map_err(LspError::Answer)?;
            self.notify("textDocument/publishDiagnostics", params);
            if diagnostics.is_empty() && version.is_none() {
                self.published.remove(&path);
            } else {
                self.published.insert(path, diagnostics);
            }
        }
        Ok(())
    }

    fn told(&mut self, told: Notification) {
        let Notification { method, params } = told;
        let outcome = match method.as_str() {
            "textDocument/didOpen" => read(params).map(|params: DidOpenTextDocumentParams| {
                let document = params.text_document;
                self.workspace.open(document.uri, document.version, document.text);
            }),
            "textDocument/didChange" => read(params).map(|params: DidChangeTextDocumentParams| {
                let document = params.text_document;
                let encoding = self.encoding;
                self.workspace.change(&document.text_document_identifier.uri, document.version, |text| {
                    for change in params.content_changes {
                        use TextDocumentContentChangeEvent as Change;
                        match change {
                            Change::TextDocumentContentChangePartial(part) => {
                                text.replace(part.range, &part.text, encoding);
                            }
                            Change::TextDocumentContentChangeWholeDocument(whole) => {
                                *text = Text::new(whole.text);
                            }
                        }
                    }
                });
            }),
            "textDocument/didClose" => read(params).map(|params: DidCloseTextDocumentParams| {
                self.workspace.close(&params.text_document.uri);
            }),
            "workspace/didChangeWatchedFiles" => read(params).map(|params: DidChangeWatchedFilesParams| {
                let is_change = |kind: &FileChangeType| *kind == FileChangeType::Changed;
                if params.changes.iter().all(|change| is_change(&change.kind)) {
                    params
                        .changes
                        .iter()
                        .filter_map(|it| uri::path(&it.uri))
                        .for_each(|path| self.workspace.restore(&path));
                } else {
                    self.workspace.reload();
                }
            }),
            _ => Ok(()),
        };
        if let Err(error) = outcome {
            // A notification has no answer; the client's log has it.
            self.notify(
                "window/logMessage",
                json!({"type": 1, "message": format!("fluo: `{method}` cannot be read: {error}")}),
            );
        }
    }

    fn asked(&mut self, request: Request) {
        let Request { id, method, params } = request;
        if self.is_shut_down {
            let message = "the server was shut down".to_owned();
            self.send(Response::new_err(id, ErrorCode::InvalidRequest as i32, message).into());
            return;
        }
        // Answers are about the text as it is now.
        self.workspace.settle();
        let answer = match method.as_str() {
            "shutdown" => {
                self.is_shut_down = true;
                Ok(Value::Null)
            }
            "textDocument/completion" => read(params).map(|params| self.completion(&params)),
            "textDocument/hover" => read(params).map(|params| self.hover(&params)),
            "textDocument/definition" => read(params).map(|params| self.definition(&params)),
            "textDocument/documentSymbol" => read(params).map(|params| self.symbols(&params)),
            "textDocument/codeAction" => read(params).map(|params| self.actions(&params)),
            _ => {
                let message = format!("`{method}` is not known");
                self.send(Response::new_err(id, ErrorCode::MethodNotFound as i32, message).into());
                return;
            }
        };
        self.send(match answer {
            Ok(answer) => Response::new_ok(id, answer).into(),
            Err(error) => {
                let message = format!("the parameters of `{method}` cannot be read: {error}");
                Response::new_err(id, ErrorCode::InvalidParams as i32, message).into()
            }
        });
    }

    /// Returns the open file of a place, and the byte in it.
    fn placed(&self, place: &TextDocumentPositionParams) -> Option<(At<'_>, usize)> {
        let TextDocumentPositionParams { text_document, position } = place;
        let at = self.workspace.at(&text_document.uri)?;
        let offset = at.text.offset(*position, self.encoding);
        Some((at, offset))
    }

    fn completion(&self, params: &CompletionParams) -> Value {
        let Some((at, offset)) = self.placed(&params.text_document_position_params) else {
            return Value::Null;
        };
        let items = complete(&at, offset, &self.vocabulary, self.encoding);
        json!(CompletionList { is_incomplete: false, items, ..CompletionList::default() })
    }

    fn hover(&self, params: &HoverParams) -> Value {
        let Some((at, offset)) = self.placed(&params.text_document_position_params) else {
            return Value::Null;
        };
        let Some((value, range)) = hover(&at, offset) else { return Value::Null };
        let contents = Contents::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value });
        json!(Hover { contents, range: Some(at.text.range(&range, self.encoding)) })
    }

    fn definition(&self, params: &DefinitionParams) -> Value {
        let Some((at, offset)) = self.placed(&params.text_document_position_params) else {
            return Value::Null;
        };
        let Some((path, bytes)) = definition(&at, offset, self.workspace.disk()) else { return Value::Null };
        // Of a file that is not of rules, its beginning.
        let range =
            self.workspace.text(&path).map(|text| text.range(&bytes, self.encoding)).unwrap_or_default();
        match self.workspace.uri(&path) {
            Some(uri) => json!(Definition::Location(Location { uri, range })),
            None => Value::Null,
        }
    }

    fn symbols(&self, params: &DocumentSymbolParams) -> Value {
        let Some(at) = self.workspace.at(&params.text_document.uri) else { return Value::Null };
        json!(symbols(&at, self.encoding))
    }

    fn actions(&self, params: &CodeActionParams) -> Value {
        let uri = &params.text_document.uri;
        let Some(at) = self.workspace.at(uri) else { return Value::Null };
        let wants = params.context.only.as_ref();
        if wants.is_some_and(|only| {
            !only.contains(&CodeActionKind::QuickFix) && !only.contains(&CodeActionKind::Empty)
        }) {
            return json!([]);
        }
        let fixes = fixes(&at, uri, params.range, self.encoding, &self.workspace);
        json!(fixes.into_iter().map(CodeActionResponse::CodeAction).collect::<Vec<_>>())
    }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(params)
}
