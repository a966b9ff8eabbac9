//! `fluo lsp` with the client of pygls.

use std::fs;

use tempfile::TempDir;

use crate::python;

const SCRIPT: &str = r#"
import asyncio, pathlib, sys
from lsprotocol import types as t
from pygls.lsp.client import LanguageClient

binary, folder = sys.argv[1], pathlib.Path(sys.argv[2])

async def main():
    client = LanguageClient('test', '1')
    told = asyncio.Queue()
    client.feature(t.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: told.put_nowait(params))
    await client.start_io(binary, 'lsp')
    began = await client.initialize_async(t.InitializeParams(
        capabilities=t.ClientCapabilities(),
        workspace_folders=[t.WorkspaceFolder(uri=folder.as_uri(), name='project')],
    ))
    assert began.server_info.name == 'fluo', began
    client.initialized(t.InitializedParams())
    rules = (folder / 'rules' / 'new.yml').as_uri()
    text = '- name: new\n  span:\n    servce_name: checkout\n  condition: count > 5\n'
    client.text_document_did_open(t.DidOpenTextDocumentParams(
        text_document=t.TextDocumentItem(uri=rules, language_id='yaml', version=1, text=text)))
    while True:
        found = await asyncio.wait_for(told.get(), 60)
        if found.uri == rules:
            break
    assert [it.code for it in found.diagnostics] == ['E0103'], found
    document = t.TextDocumentIdentifier(uri=rules)
    fixes = await client.text_document_code_action_async(t.CodeActionParams(
        text_document=document, range=found.diagnostics[0].range,
        context=t.CodeActionContext(diagnostics=found.diagnostics)))
    edit = fixes[0].edit.changes[rules][0]
    assert edit.new_text == 'service_name', fixes
    client.text_document_did_change(t.DidChangeTextDocumentParams(
        text_document=t.VersionedTextDocumentIdentifier(uri=rules, version=2),
        content_changes=[t.TextDocumentContentChangePartial(range=edit.range, text=edit.new_text)]))
    found = await asyncio.wait_for(told.get(), 60)
    assert found.uri == rules and not found.diagnostics, found
    at = lambda line, character: dict(text_document=document, position=t.Position(line=line, character=character))
    offered = await client.text_document_completion_async(t.CompletionParams(**at(3, 2)))
    assert 'condition' in [item.label for item in offered.items], offered
    hover = await client.text_document_hover_async(t.HoverParams(**at(0, 9)))
    assert 'new' in hover.contents.value, hover
    symbols = await client.text_document_document_symbol_async(t.DocumentSymbolParams(text_document=document))
    assert [symbol.name for symbol in symbols] == ['new'], symbols
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    print('done')

asyncio.run(main())
"#;

#[test]
fn a_client_of_another_hand_is_served() {
    let scratch = TempDir::new().unwrap();
    let folder = scratch.path().canonicalize().unwrap();
    fs::create_dir(folder.join("rules")).unwrap();
    fs::write(folder.join("fluo.yml"), "store: store\nrules: [rules]\n").unwrap();
    let done = python(&folder, SCRIPT, &[env!("CARGO_BIN_EXE_fluo"), folder.to_str().unwrap()]);
    assert_eq!(done.trim(), "done");
}
