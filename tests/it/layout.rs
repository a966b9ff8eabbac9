//! The layout of span files: what rules ask for gets a column, in the files that are written next, and no answer changes.

use std::fs;
use std::path::Path;

use fluo_tests::otlp::Span;
use serde_json::{Value, json};

use crate::deployed::{Deployment, failure, files_below};
use crate::incident::{NOON, SECOND, data_files, records};

/// Rules that read what has no column: of spans, of either, and one that is a column already.
const RULES: &str = "
- name: tenants
  span: {name: buy, attributes: {shop.tenant: {exists: true}}}
  group_by: [span.shop.tenant]
  condition: count >= 2
- name: values
  span: {where: .shop.value > 10 and .http.route = '/buy'}
  window: 30s
  aggregation: {value: {sum: .shop.value}}
  condition: value > 20
";

/// A sale, so many seconds after noon.
fn sale(seconds: u64) -> Span {
    let tenant = ["north", "south"][usize::try_from(seconds % 2).unwrap()];
    Span::new(seconds + 1, "shop", "buy", NOON + seconds * SECOND)
        .with("shop.tenant", tenant)
        .with("shop.value", i64::try_from(seconds).unwrap())
        .with("http.route", "/buy")
        .with("shop.remark", "nobody reads this")
}

fn sales(seconds: std::ops::Range<u64>) -> Vec<Span> {
    seconds.map(sale).collect()
}

fn deployment() -> Deployment {
    let deployment = Deployment::new();
    deployment.write("rules/shop.yml", RULES);
    deployment
}

/// The layout that the name of a data file says.
fn layout_of(file: &Path) -> String {
    let name = file.file_stem().unwrap().to_str().unwrap();
    name.split('-').find(|part| part.starts_with('l')).unwrap().to_owned()
}

/// The layouts that the data files of the store name, sorted.
fn layouts(deployment: &Deployment) -> Vec<String> {
    let files = data_files(&deployment.path("store/spans"));
    let mut layouts: Vec<String> = files.iter().map(|file| layout_of(file)).collect();
    layouts.sort();
    layouts
}

/// Returns whether each data file has a column of this name, by the layout that its name says.
fn columns(deployment: &Deployment, column: &str) -> Vec<(String, bool)> {
    let has = |file: &Path| {
        let bytes = fs::read(file).unwrap();
        bytes.windows(column.len()).any(|window| window == column.as_bytes())
    };
    let files = data_files(&deployment.path("store/spans"));
    let mut found: Vec<_> = files.iter().map(|file| (layout_of(file), has(file))).collect();
    found.sort();
    found
}

fn stored(deployment: &Deployment) -> Value {
    serde_json::from_str(&fs::read_to_string(deployment.path("store/state/layout.json")).unwrap()).unwrap()
}

fn eval(deployment: &Deployment, store: &str) -> String {
    deployment.fluo(&["eval", "--rules", "rules", "--spans", store, "--format", "ndjson"]).expect(0)
}

fn plan(deployment: &Deployment) -> Value {
    let layout = ["layout", "--rules", "rules", "--spans", "store", "--format", "json"];
    serde_json::from_str(&deployment.fluo(&layout).expect(0)).unwrap()
}

#[test]
fn files_have_columns_for_what_deployed_rules_read() {
    let deployment = deployment();
    deployment.arrive("before", 30, &sales(0..20));
    assert!(!deployment.path("store/state/layout.json").exists());
    let ended = deployment.tick("12:00:40");
    let told = records(&ended.stderr);
    let new = told.iter().find(|line| line["layout"] == 2).unwrap();
    assert_eq!(
        new["added"],
        json!(["span.shop.tenant", "span.shop.value", "resource.http.route", "resource.shop.value"])
    );
    assert_eq!((&new["dropped"], &new["left_out"]), (&json!([]), &json!({})));
    assert_eq!(stored(&deployment)["number"], 2);

    deployment.arrive("after", 90, &sales(20..60));
    deployment.arrive("failures", 90, &[failure(30), failure(31), failure(32)]);
    assert_eq!(layouts(&deployment), ["l1", "l2", "l2"]);
    let tenants = [("l1", false), ("l2", true), ("l2", true)].map(|(layout, has)| (layout.to_owned(), has));
    assert_eq!(columns(&deployment, "attr_shop_tenant"), tenants);
    let view = fs::read_to_string(deployment.path("store/spans.sql")).unwrap();
    assert!(view.contains("coalesce(attr_shop_tenant, attributes['shop.tenant'])"), "{view}");

    // The same spans with nothing but the built-in layout.
    let builtin = Deployment::new();
    builtin.write("rules/shop.yml", RULES);
    builtin.arrive("before", 30, &sales(0..20));
    builtin.arrive("after", 90, &sales(20..60));
    builtin.arrive("failures", 90, &[failure(30), failure(31), failure(32)]);
    assert_eq!(layouts(&builtin), ["l1", "l1", "l1"]);
    let found = eval(&deployment, "store");
    assert_eq!(records(&found).len(), 3, "{found}");
    assert_eq!(found, eval(&builtin, "store"));

    // What was delivered again is written in the newest layout, and counts once.
    deployment.arrive("before", 100, &sales(0..20));
    assert_eq!(layouts(&deployment), ["l1", "l2", "l2", "l2"]);
    assert_eq!(eval(&deployment, "store"), found);
    let second = deployment.tick("12:01:40");
    assert!(records(&second.stderr).iter().all(|line| line["layout"].is_null()), "{}", second.stderr);

    let compacted = deployment.fluo(&["compact", "--spans", "store"]).expect(0);
    assert!(compacted.contains("3 files ("), "{compacted}");
    let merged = files_below(&deployment.path("store/spans"));
    assert!(merged.iter().any(|name| name.contains("-l2-") && name.ends_with("-c1.parquet")), "{merged:?}");
    assert_eq!(eval(&deployment, "store"), found);
    assert_eq!(deployment.tick("12:02:40").status, 0);
}

#[test]
fn compaction_brings_old_files_to_the_layout_of_the_store() {
    let deployment = deployment();
    deployment.arrive("one", 30, &sales(0..20));
    deployment.arrive("other", 60, &sales(20..40));
    let found = eval(&deployment, "store");
    let write = ["layout", "--rules", "rules", "--spans", "store", "--write"];
    let text = deployment.fluo(&write).expect(0);
    assert!(text.contains("and has layout 2, with "), "{text}");
    assert_eq!(layouts(&deployment), ["l1", "l1"]);
    deployment.fluo(&["compact", "--spans", "store"]).expect(0);
    assert_eq!(layouts(&deployment), ["l1", "l1", "l2"]);
    assert_eq!(columns(&deployment, "attr_shop_value")[2], ("l2".to_owned(), true));
    assert_eq!(eval(&deployment, "store"), found);
    let text = deployment.fluo(&write).expect(0);
    assert!(text.starts_with("The store has layout 2, with "), "{text}");
    assert!(text.contains(": all that these rules ask for.\n"), "{text}");
}

#[test]
fn what_a_configuration_pins_is_asked_for() {
    let deployment = deployment();
    deployment.arrive("before", 30, &sales(0..20));
    let config = fs::read_to_string(deployment.path("fluo.yml")).unwrap();
    deployment.write("fluo.yml", &format!("{config}\ncolumns: [span.shop.remark]\n"));
    let shown = |more: &[&str]| -> Value {
        let layout = ["layout", "--rules", "rules", "--spans", "store", "--format", "json"];
        serde_json::from_str(&deployment.fluo(&[&layout[..], more].concat()).expect(0)).unwrap()
    };
    let remark = |shown: &Value| {
        let rows = shown["attributes"].as_array().unwrap();
        rows.iter().find(|row| row["attribute"] == "span.shop.remark").cloned()
    };
    assert_eq!(remark(&shown(&[])), None);
    let row = remark(&shown(&["--config", "fluo.yml", "--write"])).unwrap();
    assert_eq!((&row["place"], &row["pinned"], &row["rules"]), (&json!("added"), &json!(true), &json!([])));
    let row = remark(&shown(&["--config", "fluo.yml"])).unwrap();
    assert_eq!((&row["since"], &row["unasked_since"]), (&json!(2), &Value::Null));
    let row = remark(&shown(&[])).unwrap();
    assert_eq!((&row["pinned"], row["unasked_since"].is_string()), (&json!(false), true));
}

#[test]
fn a_layout_that_cannot_be_read_holds_nothing_up() {
    let deployment = deployment();
    deployment.arrive("before", 30, &sales(0..20));
    deployment.tick("12:00:40").expect(0);
    deployment.arrive("with it", 60, &sales(20..40));
    let view = fs::read_to_string(deployment.path("store/spans.sql")).unwrap();
    let layout = deployment.path("store/state/layout.json");
    fs::write(&layout, "{").unwrap();

    let raw = deployment.path("raw");
    let object = crate::incident::write(&raw, "without it", fluo_tests::otlp::Encoding::Json, &sales(40..60));
    let ended = deployment.fluo(&["ingest", object.to_str().unwrap(), "--spans", "store"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let why =
        "warning: files are written in the built-in layout: `state/layout.json` cannot be read: delete it";
    assert!(ended.stderr.starts_with(why), "{}", ended.stderr);
    assert_eq!(layouts(&deployment), ["l1", "l1", "l2"]);
    assert_eq!(fs::read_to_string(deployment.path("store/spans.sql")).unwrap(), view, "the view stays");
    let compacted = deployment.fluo(&["compact", "--spans", "store"]);
    assert_eq!(compacted.status, 0, "{}", compacted.stderr);
    assert!(compacted.stderr.starts_with(why), "{}", compacted.stderr);
    assert_eq!(layouts(&deployment), ["l1", "l1", "l2", "l2"], "merged into the newest layout of the files");

    let ended = deployment.tick("12:02:00");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let told = records(&ended.stderr);
    let message = "the columns of span files were not brought up to the rules: a later evaluation does it";
    assert!(told.iter().any(|line| line["message"] == message && line["level"] == "warning"), "{told:?}");
    let refused = deployment.fluo(&["layout", "--rules", "rules", "--spans", "store", "--write"]);
    assert_eq!(refused.status, 3);
    assert!(
        refused.stderr.contains("delete it, and the next evaluation writes it anew"),
        "{}",
        refused.stderr
    );
    fs::remove_file(&layout).unwrap();
    deployment.tick("12:03:00").expect(0);
    assert_eq!(stored(&deployment)["number"], 2);
}

#[test]
fn of_several_that_write_a_layout_one_wins() {
    let deployment = deployment();
    deployment.arrive("before", 30, &sales(0..20));
    let script = "for _ in 1 2 3 4 5; do \"$FLUO\" layout --rules rules --spans store --write > out.$$ || exit 1 & done; \
                  \"$FLUO\" run --once --at 2024-05-01T12:00:40Z 2> log && wait";
    assert_eq!(deployment.shell(script).status, 0);
    let stored = stored(&deployment);
    assert_eq!((&stored["number"], stored["columns"].as_array().unwrap().len()), (&json!(2), 49));
    assert_eq!(plan(&deployment)["next"], 2);
}

#[test]
fn it_is_shown_what_a_layout_would_save() {
    let deployment = deployment();
    let nothing = deployment.fluo(&["layout", "--rules", "rules", "--spans", "store"]).expect(0);
    assert!(nothing.contains("\nNothing was measured: no spans are stored.\n"), "{nothing}");
    deployment.arrive("before", 30, &sales(0..20));

    let shown = plan(&deployment);
    assert_eq!(shown["schema"], "fluo.layout-plan/v1");
    assert_eq!((&shown["layout"], &shown["next"], &shown["written"]), (&json!(1), &json!(2), &json!(false)));
    assert_eq!(shown["columns"], json!({"now": 45, "next": 49}));
    assert_eq!(shown["measured"], json!({"spans": 20, "files": 1}));
    let attributes = shown["attributes"].as_array().unwrap();
    let of = |name: &str| attributes.iter().find(|row| row["attribute"] == name).unwrap();
    let tenant = of("span.shop.tenant");
    assert_eq!(
        (&tenant["place"], &tenant["rules"], &tenant["spans"]),
        (&json!("added"), &json!(["tenants"]), &json!(20))
    );
    let (now, next) = (tenant["bytes"]["now"].as_u64().unwrap(), tenant["bytes"]["next"].as_u64().unwrap());
    assert!(now > next && next > 0, "the map is read for it, and then its column alone: {now}, {next}");
    assert_eq!(of("span.http.route")["place"], "built_in");
    assert_eq!(of("resource.shop.value")["spans"], 0);

    let text = deployment.fluo(&["layout", "--rules", "rules", "--spans", "store"]).expect(0);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "The store has layout 1, the built-in one, with 45 columns of attributes; these rules ask for layout 2, with 49 \
         columns of attributes."
    );
    assert!(lines[2].starts_with("ATTRIBUTE "), "{text}");
    let tenant = lines.iter().find(|line| line.starts_with("span.shop.tenant ")).unwrap();
    let words: Vec<&str> = tenant.split_whitespace().collect();
    assert_eq!(words[1..6], ["a", "new", "column", "1", "100"], "{text}");
    assert!(text.ends_with("stores layout 2 by itself; --write does it now.\n"), "{text}");
    assert!(!deployment.path("store/state/layout.json").exists(), "nothing was written");
}

#[test]
fn mistakes_are_told() {
    let deployment = deployment();
    deployment.arrive("before", 30, &sales(0..20));
    let layout = |spans: &str| deployment.fluo(&["layout", "--rules", "rules", "--spans", spans]);
    let inside = layout("store/spans");
    assert_eq!(inside.status, 2);
    assert!(
        inside.stderr.contains("help: name the root of the store, in which `spans/` lies"),
        "{}",
        inside.stderr
    );
    assert_eq!(layout("nowhere").status, 3);
    deployment.write("rules/broken.yml", "- name: broken\n  spam: {}\n");
    assert_eq!(layout("store").status, 1);
}
