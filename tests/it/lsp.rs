//! `fluo lsp` as an editor drives it: frames of JSON-RPC over its standard input and output.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fluo;

/// An editor.
struct Editor {
    server: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Diagnostics that have come and were not looked at.
    diagnostics: VecDeque<Value>,
    requests: i64,
}

impl Editor {
    /// Starts the server in a folder, and begins.
    fn open(folder: &Path, options: &Value, encodings: &Value) -> (Self, Value) {
        let mut server = Command::new(env!("CARGO_BIN_EXE_fluo"))
            .arg("lsp")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (input, output) = (server.stdin.take().unwrap(), BufReader::new(server.stdout.take().unwrap()));
        let mut editor = Self { server, input, output, diagnostics: VecDeque::new(), requests: 0 };
        let began = editor.ask(
            "initialize",
            &json!({
                "processId": null,
                "rootUri": uri(folder),
                "workspaceFolders": [{"uri": uri(folder), "name": "project"}],
                "capabilities": {"general": {"positionEncodings": encodings}},
                "initializationOptions": options,
            }),
        );
        editor.tell("initialized", &json!({}));
        (editor, began)
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the server has ended");
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", number)) => length = number.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Asks, and waits for the answer.
    fn request(&mut self, method: &str, params: &Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.receive();
            if message["id"] == id {
                return message;
            }
            if message["method"] == "textDocument/publishDiagnostics" {
                self.diagnostics.push_back(message["params"].clone());
            }
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let answer = self.request(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The next diagnostics of a file.
    fn diagnosed(&mut self, uri: &str) -> Vec<Value> {
        loop {
            let next = if let Some(next) = self.diagnostics.pop_front() {
                next
            } else {
                let message = self.receive();
                if message["method"] != "textDocument/publishDiagnostics" {
                    continue;
                }
                message["params"].clone()
            };
            if next["uri"] == uri {
                return next["diagnostics"].as_array().unwrap().clone();
            }
        }
    }

    fn open_file(&mut self, uri: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": text});
        self.tell("textDocument/didOpen", &json!({"textDocument": document}));
    }

    fn type_whole(&mut self, uri: &str, version: i64, text: &str) {
        let changes = json!([{"text": text}]);
        self.tell(
            "textDocument/didChange",
            &json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": changes}),
        );
    }

    /// The labels that are offered at a place, each with the text that it puts there.
    fn completed(&mut self, uri: &str, line: u64, character: u64) -> Vec<(String, String)> {
        let list = self.ask("textDocument/completion", &at(uri, line, character));
        let item = |item: &Value| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&item["label"]), text(&item["textEdit"]["newText"]))
        };
        list["items"].as_array().unwrap().iter().map(item).collect()
    }

    fn close(mut self) {
        assert_eq!(self.ask("shutdown", &Value::Null), Value::Null);
        let refused = self.request("textDocument/hover", &at("file:///x.yml", 0, 0));
        assert_eq!(refused["error"]["code"], -32600, "{refused}");
        self.tell("exit", &Value::Null);
        assert_eq!(self.server.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // Of a test that failed.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn at(uri: &str, line: u64, character: u64) -> Value {
    json!({"textDocument": {"uri": uri}, "position": {"line": line, "character": character}})
}

fn range(line: u64, from: u64, to: u64) -> Value {
    json!({"start": {"line": line, "character": from}, "end": {"line": line, "character": to}})
}

fn codes(diagnostics: &[Value]) -> Vec<&str> {
    diagnostics.iter().map(|it| it["code"].as_str().unwrap()).collect()
}

fn labels(items: &[(String, String)]) -> Vec<&str> {
    items.iter().map(|(label, _)| label.as_str()).collect()
}

const RULE: &str = "\
- name: checkout-errors
  span:
    service_name: checkout
  aggregation:
    errors: {count: {where: status = error}}
  condition: errors > 5
";

/// A project of one rule with its test, silence and configuration, and spans in its store.
fn project() -> TempDir {
    let scratch = TempDir::new().unwrap();
    let folder = scratch.path();
    fs::create_dir(folder.join("rules")).unwrap();
    let write = |path: &str, text: &str| fs::write(folder.join(path), text).unwrap();
    write("rules/checkout.yml", RULE);
    write(
        "rules/checkout.test.yml",
        "rules: [checkout.yml]\ntests:\n  - name: quiet\n    spans: [{at: 0s, name: x}]\n    expect: [{rule: checkout-errors, at: 0s, state: inactive}]\n",
    );
    write("fluo.yml", "store: store\nrules: [rules]\n");
    let fixtures = fluo_tests::program::repository().join("tests/fixtures/collector/awss3");
    fluo(&["ingest", fixtures.to_str().unwrap(), "--spans", folder.join("store").to_str().unwrap()])
        .expect(0);
    scratch
}

#[test]
fn mistakes_are_told_as_they_are_typed_and_mended_by_their_hints() {
    let scratch = project();
    let folder = scratch.path().canonicalize().unwrap();
    let (mut editor, began) = Editor::open(&folder, &Value::Null, &json!(["utf-16"]));
    assert_eq!(began["capabilities"]["positionEncoding"], "utf-16");
    assert_eq!(began["serverInfo"]["name"], "fluo");
    let rules = uri(&folder.join("rules/checkout.yml"));
    editor.open_file(&rules, RULE);
    assert_eq!(editor.diagnosed(&rules), Vec::<Value>::new());

    // A key is misspelt, behind a character that is two units wide.
    let change =
        json!([{"range": range(0, 23, 23), "text": " # 😀"}, {"range": range(2, 4, 11), "text": "servce"}]);
    editor.tell(
        "textDocument/didChange",
        &json!({"textDocument": {"uri": rules, "version": 2}, "contentChanges": change}),
    );
    let found = editor.diagnosed(&rules);
    assert_eq!(codes(&found), ["E0103"]);
    assert_eq!(found[0]["range"], range(2, 4, 15));
    assert_eq!(found[0]["severity"], 1);
    assert_eq!(found[0]["source"], "fluo");
    assert_eq!(
        found[0]["message"],
        "unknown key `servce_name` in `span`\nhelp: did you mean `service_name`?"
    );

    let asked =
        json!({"textDocument": {"uri": rules}, "range": range(2, 6, 6), "context": {"diagnostics": found}});
    let fixes = editor.ask("textDocument/codeAction", &asked);
    assert_eq!(fixes.as_array().map(Vec::len), Some(1), "{fixes}");
    assert_eq!(fixes[0]["title"], "Write `service_name`");
    assert_eq!(fixes[0]["kind"], "quickfix");
    let edits = &fixes[0]["edit"]["changes"][&rules];
    assert_eq!(*edits, json!([{"range": range(2, 4, 15), "newText": "service_name"}]));
    let change = json!([{"range": edits[0]["range"], "text": edits[0]["newText"]}]);
    editor.tell(
        "textDocument/didChange",
        &json!({"textDocument": {"uri": rules, "version": 3}, "contentChanges": change}),
    );
    assert_eq!(editor.diagnosed(&rules), Vec::<Value>::new());

    // The name goes, and the test that expects something of it, which is not open, is told; and so is what mends it.
    editor.type_whole(&rules, 4, &RULE.replace("checkout-errors", "checkout-error"));
    let tests = uri(&folder.join("rules/checkout.test.yml"));
    let found = editor.diagnosed(&tests);
    assert_eq!(codes(&found), ["E0507"]);
    // Closed without having been saved: what is on the disk counts.
    editor.tell("textDocument/didClose", &json!({"textDocument": {"uri": rules}}));
    assert_eq!(editor.diagnosed(&tests), Vec::<Value>::new());
    editor.close();
}

#[test]
fn keys_functions_and_what_spans_are_called_are_completed() {
    let scratch = project();
    let folder = scratch.path().canonicalize().unwrap();
    let options = json!({"spans": "store"});
    let (mut editor, began) = Editor::open(&folder, &options, &json!(["utf-8", "utf-16"]));
    assert_eq!(began["capabilities"]["positionEncoding"], "utf-8");
    let rules = uri(&folder.join("rules/new.yml"));
    editor.open_file(&rules, "- name: new\n  \n");
    let keys = editor.completed(&rules, 1, 2);
    assert!(labels(&keys).contains(&"condition") && !labels(&keys).contains(&"name"), "{keys:?}");
    assert!(keys.contains(&("span".to_owned(), "span: ".to_owned())), "{keys:?}");

    editor.type_whole(&rules, 2, "- name: new\n  span:\n    kind: s\n");
    assert_eq!(
        labels(&editor.completed(&rules, 2, 11)),
        ["unspecified", "internal", "server", "client", "producer", "consumer"]
    );
    let text = "- name: new\n  aggregation: {slow: {p99: duration}}\n  condition: slow > 1s and z\n";
    editor.type_whole(&rules, 3, text);
    let functions = editor.completed(&rules, 2, 28);
    assert_eq!(functions.first(), Some(&("slow".to_owned(), "slow".to_owned())));
    assert!(functions.contains(&("zscore".to_owned(), "zscore(".to_owned())), "{functions:?}");

    // The store is read meanwhile.
    editor.type_whole(&rules, 4, "- name: new\n  span:\n    service_name: \n");
    let mut services = Vec::new();
    for _ in 0..600 {
        services = editor.completed(&rules, 2, 18);
        if labels(&services).contains(&"auth-service") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(labels(&services).contains(&"auth-service"), "{services:?}");
    editor.type_whole(
        &rules,
        5,
        "- name: new\n  span:\n    service_name: auth-service\n    name: \n    attributes:\n      err\n",
    );
    let of_service = editor.completed(&rules, 3, 10);
    assert!(labels(&of_service).contains(&"POST /login"), "{of_service:?}");
    let attributes = editor.completed(&rules, 5, 9);
    assert!(attributes.contains(&("error.type".to_owned(), "error.type: ".to_owned())), "{attributes:?}");
    editor.type_whole(&rules, 6, "- name: new\n  span:\n    where: service_name = \"auth\n");
    assert!(labels(&editor.completed(&rules, 2, 31)).contains(&"auth-service"));

    // Of other rules, and in other files.
    editor.type_whole(&rules, 7, "- name: new\n  inhibit: [ch]\n");
    assert!(labels(&editor.completed(&rules, 1, 14)).contains(&"checkout-errors"));
    let config = uri(&folder.join("fluo.yml"));
    editor.open_file(&config, "store: store\nrules: [rules]\nsinks:\n  - type: slack\n    \n");
    let keys = editor.completed(&config, 4, 4);
    assert!(labels(&keys).contains(&"url") && !labels(&keys).contains(&"topic_arn"), "{keys:?}");
    editor.close();
}

#[test]
fn words_are_explained_found_and_listed() {
    let scratch = project();
    let folder = scratch.path().canonicalize().unwrap();
    let (mut editor, _) = Editor::open(&folder, &json!({"unknown": 1}), &Value::Null);
    let rules = uri(&folder.join("rules/checkout.yml"));
    editor.open_file(&rules, RULE);
    let hover = editor.ask("textDocument/hover", &at(&rules, 0, 12));
    let meaning = hover["contents"]["value"].as_str().unwrap();
    assert!(meaning.contains("checkout-errors") && meaning.contains("service_name"), "{meaning}");
    assert_eq!(hover["range"], range(0, 8, 23));
    let hover = editor.ask("textDocument/hover", &at(&rules, 5, 5));
    assert!(
        hover["contents"]["value"].as_str().unwrap().contains("What makes a window a violation"),
        "{hover}"
    );
    let hover = editor.ask("textDocument/hover", &at(&rules, 4, 30));
    assert!(hover["contents"]["value"].as_str().unwrap().contains("unset, ok or error"), "{hover}");

    let symbols = editor.ask("textDocument/documentSymbol", &json!({"textDocument": {"uri": rules}}));
    assert_eq!(symbols[0]["name"], "checkout-errors");
    assert_eq!(symbols[0]["selectionRange"], range(0, 8, 23));
    let tests = uri(&folder.join("rules/checkout.test.yml"));
    editor.open_file(&tests, &fs::read_to_string(folder.join("rules/checkout.test.yml")).unwrap());
    let symbols = editor.ask("textDocument/documentSymbol", &json!({"textDocument": {"uri": tests}}));
    assert_eq!(symbols[0]["name"], "quiet");
    let rule = editor.ask("textDocument/definition", &at(&tests, 4, 25));
    assert_eq!((&rule["uri"], &rule["range"]), (&json!(rules), &range(0, 8, 23)));
    let file = editor.ask("textDocument/definition", &at(&tests, 0, 10));
    assert_eq!(file["uri"], json!(rules));

    // What is not known, or makes no sense, has an answer, too.
    let unknown = editor.request("textDocument/rename", &json!({}));
    assert_eq!(unknown["error"]["code"], -32601);
    let unreadable = editor.request("textDocument/hover", &json!({"position": 1}));
    assert_eq!(unreadable["error"]["code"], -32602);
    assert_eq!(editor.ask("textDocument/hover", &at("untitled:Untitled-1", 0, 0)), Value::Null);
    editor.close();
}

#[test]
fn diagnostics_are_the_findings_of_check() {
    let scratch = TempDir::new().unwrap();
    let folder = scratch.path().canonicalize().unwrap();
    // By their names: diagnostics come in this order.
    let files = [
        "docs/examples/misspelt.yml",
        "crates/rules/tests/bad/seven_mistakes.bad.yml",
        "crates/rules/tests/bad/unicode_before_the_mistake.bad.yml",
    ]
    .map(|file| {
        let file = fluo_tests::program::repository().join(file);
        let copy = folder.join(file.file_name().unwrap());
        fs::copy(file, &copy).unwrap();
        copy
    });
    let checked: Vec<Value> =
        serde_json::from_str(&fluo(&["check", folder.to_str().unwrap(), "--format", "json"]).expect(1))
            .unwrap();
    let (mut editor, _) = Editor::open(&folder, &Value::Null, &json!(["utf-32"]));
    for file in files {
        let found = editor.diagnosed(&uri(&file));
        let expected: Vec<Value> = checked
            .iter()
            .filter(|it| it["file"] == file.to_str().unwrap())
            .map(|it| {
                let at = |line: &str, column: &str| json!({"line": it[line].as_u64().unwrap() - 1, "character": it[column].as_u64().unwrap() - 1});
                json!([it["code"], {"start": at("line", "column"), "end": at("end_line", "end_column")}])
            })
            .collect();
        assert!(!expected.is_empty(), "{}", file.display());
        assert_eq!(found.iter().map(|it| json!([it["code"], it["range"]])).collect::<Vec<_>>(), expected);
    }
    editor.close();
}

#[test]
fn an_exit_without_a_shutdown_ends_the_server_with_another_status() {
    let scratch = project();
    let (mut editor, _) = Editor::open(scratch.path(), &Value::Null, &Value::Null);
    editor.tell("exit", &Value::Null);
    assert_eq!(editor.server.wait().unwrap().code(), Some(1));
}
