//! `fluo.yml` → a JSON document in which every value is what its key takes, and what of it others look at.
//!
//! Unlike rules, a configuration has keys without a language of their own: one walk along the table of keys reads all
//! of them, so that a new key is a line there.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Report, shape};
use crate::config::{Placed, SinkDocument, is_key};
use crate::diagnostic::{Code, Place};
use crate::expr::nearest::nearest;
use crate::keys::{Key, Shape, SinkType, Table, sink_table};
use crate::yaml::{Entry, Node, Yaml};

/// The sound parts of a file.
#[derive(Default)]
pub(crate) struct Read {
    /// The whole document, where all of it is sound.
    pub(crate) document: Option<Value>,
    /// The entries of `rules`.
    pub(crate) rules: Vec<Placed>,
    /// `aws_endpoint`.
    pub(crate) aws_endpoint: Option<Placed>,
    /// The entries of `columns`.
    pub(crate) columns: Vec<Placed>,
    /// The sinks that are sound.
    pub(crate) sinks: Vec<SinkDocument>,
}

/// Reads the one document of `fluo.yml`.
pub(crate) fn config(report: &mut Report, roots: &[Node]) -> Read {
    let Some(root) = only(report, roots, "`fluo.yml`") else {
        report.add(Code::MissingKey, 0..0, "the file is empty").hint("it needs `store` and `rules`");
        return Read::default();
    };
    let errors = report.errors();
    let mut reader = Reader { report, sinks: Vec::new(), names: BTreeMap::new() };
    let document = reader.mapping(root, Table::Config, "the configuration").map(Value::Object);
    let sinks = reader.sinks;
    let text = report.text();
    if let Some((entry, url)) =
        root.get("trace_url").and_then(|entry| Some((entry, entry.value.scalar_text(&text)?)))
        && !url.contains("{trace_id}")
    {
        report
            .value(Code::InvalidValue, entry, "`trace_url` does not say where a trace's id belongs")
            .hint("write `{trace_id}` there: `https://traces.example/{trace_id}`");
    }
    if let Some(entry) = root.get("store")
        && entry.value.scalar_text(&text).is_some_and(has_credentials)
    {
        report
            .value(Code::InvalidValue, entry, "`store` holds credentials")
            .hint("they come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY");
    }
    let texts = |key: &str| root.get(key).map(|entry| placed(report, &entry.value)).unwrap_or_default();
    let (rules, columns) = (texts("rules"), texts("columns"));
    let aws_endpoint = root.get("aws_endpoint").and_then(|entry| placed_text(report, &entry.value));
    Read {
        document: document.filter(|_| report.errors() == errors && !root.incomplete),
        rules,
        aws_endpoint,
        columns,
        sinks,
    }
}

/// Reads a list of sinks that stands alone.
pub(crate) fn sinks(report: &mut Report, roots: &[Node]) -> Read {
    let Some(root) = only(report, roots, "a list of sinks") else {
        report.add(Code::InvalidValue, 0..0, "there is no sink");
        return Read::default();
    };
    let errors = report.errors();
    let mut reader = Reader { report, sinks: Vec::new(), names: BTreeMap::new() };
    let document = reader.sinks(root);
    let sinks = reader.sinks;
    Read {
        document: document.filter(|_| report.errors() == errors && !root.incomplete),
        sinks,
        ..Read::default()
    }
}

/// The only document that is not empty; of several the first, the others reported.
fn only<'a>(report: &mut Report, roots: &'a [Node], what: &str) -> Option<&'a Node> {
    let mut roots = roots.iter().filter(|root| root.value != Yaml::Null);
    let first = roots.next();
    for second in roots {
        let start = second.extent().start;
        report.add(Code::Conflict, start..start, format!("{what} is one YAML document, and this is another"));
    }
    first
}

/// Returns whether a URI names a user or a password.
fn has_credentials(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or_default().contains('@'))
}

/// The texts of a list, with their places.
fn placed(report: &Report, list: &Node) -> Vec<Placed> {
    let Yaml::List(items) = &list.value else { return Vec::new() };
    items.iter().filter_map(|item| placed_text(report, item)).collect()
}

/// A text, with its place.
fn placed_text(report: &Report, node: &Node) -> Option<Placed> {
    let text = node.scalar_text(&report.text())?.to_owned();
    Some(Placed { text, place: report.place(node.extent()) })
}

struct Reader<'a> {
    report: &'a mut Report,
    sinks: Vec<SinkDocument>,
    /// The names of sinks, with where they stand.
    names: BTreeMap<String, Place>,
}

impl Reader<'_> {
    /// A mapping with keys of `table`. `within` names it.
    fn mapping(&mut self, node: &Node, table: Table, within: &str) -> Option<Map<String, Value>> {
        let Some(entries) = node.entries() else {
            self.report.at(Code::WrongType, node, format!("{within} is a mapping, not {}", node.describe()));
            return None;
        };
        let mut map = Map::new();
        let mut sound = true;
        for entry in entries {
            let Some(key) = table.key(&entry.key) else {
                self.unknown_key(entry, table, within);
                sound = false;
                continue;
            };
            match self.value(entry, key) {
                Some(value) => {
                    map.insert(entry.key.clone(), value);
                }
                None => sound = false,
            }
        }
        let errors = self.report.errors();
        shape::required_keys(self.report, node, table, within);
        (sound && self.report.errors() == errors).then_some(map)
    }

    /// Reports a key that the table does not know; one that looks like no key may be a secret, and is not repeated.
    fn unknown_key(&mut self, entry: &Entry, table: Table, within: &str) {
        if !is_key(&entry.key) {
            self.report.add(Code::UnknownKey, entry.key_at.clone(), format!("an unknown key in {within}"));
            return;
        }
        let own = |table: Table| table.keys().iter().map(|key| key.name);
        let message = format!("unknown key `{}` in {within}", entry.key);
        let finding = self.report.add(Code::UnknownKey, entry.key_at.clone(), message);
        let elsewhere = SinkType::ALL.into_iter().find(|kind| Table::Sink(*kind).key(&entry.key).is_some());
        match (nearest(&entry.key, own(table)), table, elsewhere) {
            (Some(near), _, _) => {
                finding.did_you_mean(Some(near));
            }
            (None, Table::Sink(_), Some(kind)) => {
                finding.hint(format!("sinks of the type `{}` have it", kind.word()));
            }
            (None, Table::Sink(_), None) => {
                finding.hint(format!("it takes {}", shape::listed(&own(table).collect::<Vec<_>>())));
            }
            (None, _, _) => {}
        }
    }

    /// The value of a key, of its shape.
    fn value(&mut self, entry: &Entry, key: &Key) -> Option<Value> {
        let report = &mut *self.report;
        match key.shape {
            Shape::Text => self.text(entry).map(Value::String),
            Shape::Texts => {
                let texts = shape::texts(report, entry)?;
                let items: &[Node] = if let Yaml::List(items) = &entry.value.value { items } else { &[] };
                let all = items.iter().zip(&texts).all(|(item, text)| self.is_whole(&entry.key, item, text));
                all.then(|| texts.into())
            }
            Shape::TextMap => {
                let pairs = shape::text_map(report, entry)?;
                Some(Value::Object(pairs.into_iter().map(|(key, text)| (key, text.into())).collect()))
            }
            Shape::Words(words) => {
                let items = shape::items(report, entry)?;
                let words: Vec<Option<&str>> =
                    items.iter().map(|item| one_of(report, &entry.key, item, words)).collect();
                Some(words.into_iter().collect::<Option<Vec<_>>>()?.into())
            }
            Shape::Word(words) => shape::word(report, entry, words).map(Value::from),
            Shape::SinkType(_) => shape::text(report, entry).map(Value::String),
            Shape::Duration { zero } => {
                let read = if zero { shape::duration } else { shape::positive_duration };
                Some(read(report, entry)?.to_string().into())
            }
            Shape::Integer { min, max } => shape::integer(report, entry, min, max).map(Value::from),
            Shape::Bool => shape::boolean(report, entry).map(Value::from),
            Shape::Secret => self.secret(&entry.key, &entry.value),
            Shape::Secrets => {
                let Yaml::List(items) = &entry.value.value else {
                    shape::wrong_type(report, entry, "a list");
                    return None;
                };
                let secrets: Vec<_> = items.iter().map(|item| self.secret(&entry.key, item)).collect();
                secrets.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
            }
            Shape::SecretMap => {
                let entries = shape::map(report, entry, "a mapping of name to text or `{env: NAME}`")?;
                let pairs: Vec<_> = entries
                    .iter()
                    .map(|inner| Some((inner.key.clone(), self.secret(&entry.key, &inner.value)?)))
                    .collect();
                Some(Value::Object(pairs.into_iter().collect::<Option<_>>()?))
            }
            // With all its lines commented out.
            Shape::Sinks if entry.value.value == Yaml::Null => Some(Value::Array(Vec::new())),
            Shape::Sinks => self.sinks(&entry.value),
            Shape::Map(table) => {
                self.mapping(&entry.value, table, &format!("`{}`", entry.key)).map(Value::Object)
            }
            // Shapes of rules, which no key of a configuration has: a test goes through all of them.
            _ => {
                shape::wrong_type(report, entry, "something else");
                None
            }
        }
    }

    /// A text in which nothing is meant to be replaced.
    fn text(&mut self, entry: &Entry) -> Option<String> {
        let text = shape::some_text(self.report, entry)?;
        self.is_whole(&entry.key, &entry.value, &text).then_some(text)
    }

    /// Returns whether nothing in a text is written as if it were replaced by a variable's value; that it is, is
    /// reported.
    fn is_whole(&mut self, key: &str, node: &Node, text: &str) -> bool {
        let named = text.split_once("${").and_then(|(_, rest)| rest.split(['}', ':']).next());
        let Some(name) = named.filter(|name| is_variable(name)) else { return true };
        let message = format!("`{key}` holds `${{{name}}}`, and no variable is replaced here");
        self.report
            .at(Code::NotReplaced, node, message)
            .hint("write the value itself, or make the file with `envsubst`");
        false
    }

    /// A text that is not to be seen, or `{env: NAME}`. What is said of it does not repeat it.
    fn secret(&mut self, key: &str, node: &Node) -> Option<Value> {
        const ENV: &str = "write `{env: NAME}` for what the environment variable NAME holds";
        let file = self.report.text();
        if let Some(entries) = node.entries() {
            let env = entries.iter().find(|entry| entry.key == "env");
            let (Some(env), [_]) = (env, entries) else {
                let message = format!("`{key}` takes a text, or `{{env: NAME}}` and nothing else");
                self.report.at(Code::WrongType, node, message);
                return None;
            };
            let name = env.value.scalar_text(&file).unwrap_or_default();
            if !is_variable(name) {
                self.report
                    .value(Code::InvalidValue, env, format!("`env` of `{key}` is not the name of a variable"))
                    .hint("write the name alone: `{env: SLACK_WEBHOOK_URL}`");
                return None;
            }
            return Some(Value::Object([("env".to_owned(), name.into())].into_iter().collect()));
        }
        let Some(text) = node.scalar_text(&file) else {
            let message = format!("`{key}` takes a text or `{{env: NAME}}`, not {}", node.describe());
            self.report.at(Code::WrongType, node, message).hint(ENV);
            return None;
        };
        let text = text.trim();
        if text.is_empty() {
            self.report.at(Code::InvalidValue, node, format!("`{key}` is empty")).hint(ENV);
            return None;
        }
        let bare = text.strip_prefix('$').unwrap_or_default();
        let braced = bare.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let name = braced.or(Some(bare)).or_else(|| text.strip_prefix("env:").map(str::trim));
        if let Some(name) = name.filter(|name| is_variable(name)) {
            self.report
                .at(Code::NotReplaced, node, format!("`{key}` names a variable, and none is replaced here"))
                .hint(format!("write `{{env: {name}}}`"));
            return None;
        }
        Some(text.into())
    }

    /// A list of sinks, whose names differ.
    fn sinks(&mut self, list: &Node) -> Option<Value> {
        let Yaml::List(items) = &list.value else {
            let message = format!("sinks are a list, not {}", list.describe());
            self.report.at(Code::WrongType, list, message).hint("begin each sink with `- `");
            return None;
        };
        let sinks: Vec<Option<Value>> = items.iter().map(|item| self.sink(item)).collect();
        sinks.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
    }

    fn sink(&mut self, item: &Node) -> Option<Value> {
        let file = self.report.text();
        let word = item.get("type").and_then(|entry| Some((entry, entry.value.scalar_text(&file)?)));
        let Some(table) = word.and_then(|(_, word)| sink_table(word)) else {
            // Its keys cannot be looked at: whose they are is not known.
            if let Some((entry, word)) = word {
                let words = SinkType::ALL.map(SinkType::word);
                let shown = if is_key(word) { format!("`{word}`") } else { "this".to_owned() };
                let message = format!("{shown} is not a type of sinks");
                let finding = self.report.value(Code::InvalidValue, entry, message);
                match nearest(word, words) {
                    Some(near) => finding.did_you_mean(Some(near)),
                    None => finding.hint(format!("there are {}", shape::listed(&words))),
                };
            } else if item.entries().is_none() {
                let message = format!("a sink is a mapping, not {}", item.describe());
                self.report.at(Code::WrongType, item, message);
            } else if let Some(entry) = item.get("type") {
                shape::wrong_type(self.report, entry, "text");
            } else {
                shape::required_keys(self.report, item, Table::AnySink, "a sink");
                let misspelt = item.entries().unwrap_or_default().iter();
                misspelt.filter(|entry| nearest(&entry.key, ["type"]).is_some()).for_each(|entry| {
                    self.unknown_key(entry, Table::AnySink, "a sink");
                });
            }
            return None;
        };
        let (entry, word) = word?;
        let named = item.get("name").and_then(|name| Some((name, name.value.scalar_text(&file)?)));
        let (name_entry, name) = named.unwrap_or((entry, word));
        let read = self.mapping(item, table, &format!("the sink `{name}`")).filter(|_| !item.incomplete);
        let place = self.report.place(name_entry.value.extent());
        if let Some(first) = self.names.get(name) {
            let message = format!("a sink is called `{name}` already");
            self.report
                .value(Code::DuplicateSink, name_entry, message)
                .hint("give one of them another `name`")
                .also(first.clone(), "the first one is here");
            return None;
        }
        self.names.insert(name.to_owned(), place.clone());
        let document = Value::Object(read?);
        let keys = item.entries().unwrap_or_default().iter().flat_map(|entry| {
            let of_headers = entry.value.entries().filter(|_| entry.key == "headers").unwrap_or_default();
            let headers = of_headers.iter().map(|header| (format!("headers.{}", header.key), header));
            std::iter::once((entry.key.clone(), entry)).chain(headers)
        });
        let keys = keys.map(|(key, entry)| (key, self.report.place(entry.value.extent()))).collect();
        let labels = item.get("labels").and_then(|labels| labels.value.entries()).unwrap_or_default();
        let labels = labels.iter().filter_map(|label| {
            let at = |at| self.report.place(at);
            let key = Placed { text: label.key.clone(), place: at(label.key_at.clone()) };
            let value = label.value.scalar_text(&file)?.to_owned();
            Some((key, Placed { text: value, place: at(label.value.extent()) }))
        });
        let labels = labels.collect();
        self.sinks.push(SinkDocument {
            name: name.to_owned(),
            document: document.clone(),
            place,
            keys,
            labels,
        });
        Some(document)
    }
}

/// One of `words`, as an item of a list.
fn one_of<'a>(report: &mut Report, key: &str, item: &Node, words: &'a [&'static str]) -> Option<&'a str> {
    let text = shape::item_text(report, item, key)?;
    let known = words.iter().copied().find(|word| *word == text);
    if known.is_none() {
        let message = format!("`{text}` in `{key}` is none of {}", shape::listed(words));
        report.at(Code::InvalidValue, item, message).did_you_mean(nearest(&text, words.iter().copied()));
    }
    known
}

/// Returns whether a text can be the name of a variable of the environment.
fn is_variable(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && text.chars().all(word) && !text.starts_with(|c: char| c.is_ascii_digit())
}
