//! `fluo check --spans`: rules that are sound, and differ from what there is.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use fluo_tests::program::{Ended, repository};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{binary, fluo};

fn within(folder: &Path, arguments: &[&str]) -> Ended {
    binary().within(folder).run(arguments)
}

/// The demo's shop: what is there, and what is not.
static DEMO: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    within(folder.path(), &["demo", "--out", "demo", "--start", "2024-05-01T12:00:00Z"]).expect(0);
    folder
});

/// A mistake: what it is, the rule without its name, the code, and parts of message and hint.
type Mistake = (&'static str, &'static str, &'static str, &'static str, &'static str);

const MISTAKES: [Mistake; 23] = [
    (
        "a service that is misspelt",
        "span: {service_name: auth-servce}\ncondition: count > 5",
        "W0260",
        "`auth-servce`",
        "did you mean `auth-service`?",
    ),
    (
        "a service that is not there, with a name that is another's",
        "span: {service_name: billing, name: POST /charges}\ncondition: count > 5",
        "W0260",
        "`billing`",
        "services are auth-service, cart, catalog",
    ),
    (
        "a name that is misspelt",
        "span: {service_name: auth-service, name: auth_users}\ncondition: count > 5",
        "W0261",
        "no span of `auth-service` has the name `auth_users`",
        "did you mean `auth_user`?",
    ),
    (
        "a name of another service",
        "span: {service_name: frontend, name: auth_user}\ncondition: count > 5",
        "W0264",
        "no span of `frontend` has the name `auth_user`",
        "such spans are of auth-service",
    ),
    (
        "an attribute that is misspelt",
        "span: {name: payment.charge_card, attributes: {payment.ammount: {gt: 10}}}\ncondition: count > 5",
        "W0262",
        "`payment.ammount`",
        "did you mean `payment.amount`?",
    ),
    (
        "an attribute of spans looked up in resources",
        "span: {service_name: payment, resource: {payment.currency: EUR}}\ncondition: count > 5",
        "W0262",
        "no attribute of resources, but of spans",
        "write it below `attributes`",
    ),
    (
        "an attribute of events looked up in spans",
        "span: {service_name: auth-service, attributes: {exception.message: token rejected}}\ncondition: count > 5",
        "W0262",
        "but of events",
        "`event.exception.message`",
    ),
    (
        "a value that is misspelt",
        "span: {service_name: auth-service, attributes: {error.type: AuthentificationError}}\ncondition: count > 5",
        "W0263",
        "`error.type` never has the value",
        "did you mean `AuthenticationError`?",
    ),
    (
        "a value that is cut short",
        "span: {resource: {deployment.environment.name: prod}, kind: server}\ncondition: count > 5",
        "W0263",
        "never has the value `prod`",
        "did you mean `production`?",
    ),
    (
        "a value in other case",
        "span: {service_name: frontend, attributes: {http.request.method: Post}}\ncondition: count > 5",
        "W0263",
        "never has the value `Post`",
        "did you mean `POST`?",
    ),
    (
        "another kind",
        "span: {name: auth_user, kind: client}\ncondition: count > 5",
        "W0264",
        "no span of the name `auth_user` is all that is asked of it",
        "look at kind, status and attributes",
    ),
    (
        "an event that is misspelt",
        "span: {service_name: auth-service, event: {name: exeption}}\ncondition: count > 5",
        "W0261",
        "no span has an event `exeption`",
        "did you mean `exception`?",
    ),
    (
        "a group key that is misspelt",
        "span: {service_name: payment}\ngroup_by: [payment.curency]\ncondition: count > 500",
        "W0262",
        "`payment.curency`",
        "did you mean `payment.currency`?",
    ),
    (
        "a group key that only other spans have",
        "span: {service_name: cart, kind: server}\ngroup_by: [payment.currency]\ncondition: count > 5000",
        "W0262",
        "no span that the rule is about has `payment.currency`; others have",
        "look at which spans carry it",
    ),
    (
        "a percentile of texts",
        "span: {name: payment.charge_card}\naggregation: {slow: {p99: payment.currency}}\ncondition: slow > 5",
        "W0265",
        "`payment.currency` never is a number",
        "a value of it is `EUR`",
    ),
    (
        "limits for a service that is misspelt",
        "span: {kind: server}\ngroup_by: [service_name]\nlimits: [{service_name: checkot, calls: 9000}, {calls: 9999}]\ncondition: count > limit.calls",
        "W0266",
        "`service_name` never is `checkot`",
        "did you mean `checkout`?",
    ),
    (
        "a group that is expected and never there",
        "span: {kind: server}\ngroup_by: [service_name]\nexpect: [frontend, warehouse]\ncondition: count > 99999",
        "W0266",
        "`service_name` never is `warehouse`",
        "it is auth-service, cart",
    ),
    (
        "a step that is misspelt",
        "trace: {when: {name: payment.charge_card}, always: [{name: payment.fraud_chek}]}",
        "W0261",
        "`payment.fraud_chek`",
        "did you mean `payment.fraud_check`?",
    ),
    (
        "a step of another service",
        "trace: {when: {name: payment.charge_card}, always: [{service_name: payment, name: send orders}]}",
        "W0264",
        "no span of `payment` has the name `send orders`",
        "such spans are of checkout",
    ),
    (
        "a step that no span is",
        "trace: {when: {name: payment.charge_card}, always: [{kind: producer, status: error}]}",
        "W0267",
        "every occasion breaks the rule",
        "look at the step's service",
    ),
    (
        "a caller that is misspelt",
        "span: {service_name: payment, kind: server, where: parent.service_name = \"chekout\"}\ncondition: count > 500",
        "W0260",
        "`chekout`",
        "did you mean `checkout`?",
    ),
    (
        "an attribute that is misspelt in an expression",
        "span: {service_name: payment, where: span.payment.ammount > 10}\ncondition: count > 500",
        "W0262",
        "`payment.ammount`",
        "did you mean `payment.amount`?",
    ),
    (
        "a limit that is always crossed",
        "span: {service_name: frontend}\ncondition: count < 100000",
        "W0267",
        "held for 100 % of the time",
        "look at its limit",
    ),
];

#[test]
fn what_is_sound_and_differs_from_what_there_is_is_found() {
    let folder = &*DEMO;
    fs::create_dir(folder.path().join("rules")).unwrap();
    for (number, (_, rule, ..)) in MISTAKES.iter().enumerate() {
        let lines: Vec<String> = rule.lines().map(|line| format!("  {line}")).collect();
        let text = format!("- name: r{number}\n{}\n", lines.join("\n"));
        fs::write(folder.path().join(format!("rules/{number:02}.yml")), text).unwrap();
    }
    fluo(&["check", folder.path().join("rules").to_str().unwrap()]).expect(0);
    let told = within(folder.path(), &["check", "rules", "--spans", "demo", "--format", "json"]);
    let findings: Vec<Value> = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told.status, 0, "{}", told.stderr);
    for (number, (scenario, rule, code, message, hint)) in MISTAKES.iter().enumerate() {
        let file = format!("rules/{number:02}.yml");
        let own: Vec<&Value> = findings.iter().filter(|finding| finding["file"] == file.as_str()).collect();
        let [finding] = own[..] else { panic!("{scenario}: {rule}: {own:#?}") };
        assert_eq!(finding["code"], *code, "{scenario}: {finding}");
        assert!(finding["message"].as_str().unwrap().contains(message), "{scenario}: {finding}");
        assert!(finding["hint"].as_str().unwrap().contains(hint), "{scenario}: {finding}");
        assert!(finding["line"].as_u64().unwrap() >= 1);
    }
    let misspelt = findings.iter().find(|finding| finding["file"] == "rules/00.yml").unwrap();
    assert_eq!((&misspelt["line"], &misspelt["column"]), (&2.into(), &24.into()), "{misspelt}");
}

#[test]
fn the_library_is_no_mistake_over_the_demo() {
    let folder = &*DEMO;
    let rules = repository().join("rules");
    let rules = rules.to_str().unwrap();
    // Spans first: what follows them is no more of them.
    let told = within(folder.path(), &["check", "--spans", "demo", rules, "--format", "json"]).expect(0);
    assert_eq!(told, "[]\n");
    let table = within(folder.path(), &["check", rules, "--spans", "demo"]).expect(0);
    let row =
        |rule: &str| table.lines().find(|line| line.starts_with(&format!("{rule} "))).unwrap().to_owned();
    let cells = |rule: &str| row(rule).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells("AuthFailuresRule")[2], "1", "{table}");
    assert_eq!(cells("unexpected-caller")[1], "0", "{table}");
    assert!(table.contains("rules are about no span that is stored"), "{table}");
    // What a rule reads is told in bytes: fewer columns are fewer of them.
    let bytes = |rule: &str| cells(rule)[7].parse::<f64>().unwrap();
    assert!(bytes("service-fell-silent") < bytes("http-slow-requests"), "{table}");
    // Of a query it is not known.
    assert_eq!(cells("slow-instance")[1], "?", "{table}");
}

#[test]
fn flags_that_take_paths_leave_what_follows_alone() {
    let folder = &*DEMO;
    let both = ["check", "--spans", "demo/raw", "--spans", "demo/spans", "demo/rules", "--format", "json"];
    assert_eq!(within(folder.path(), &both).expect(0), "[]\n");
    // What cannot be read is told by the status.
    let missing = within(folder.path(), &["check", "demo/rules", "--spans", "nowhere"]);
    assert_eq!(missing.status, 3, "{}", missing.stderr);
    let explained =
        within(folder.path(), &["explain", "--rules", "demo/rules", "AuthFailuresRule"]).expect(0);
    assert!(explained.contains("AuthFailuresRule"), "{explained}");
}

#[test]
fn what_is_found_of_both_rules_of_an_objective_is_told_once() {
    let folder = TempDir::new().unwrap();
    let rule = "- name: burns\n  span: {service_name: auth-servce, attributes: {payment.ammount: {gt: 10}}}\n  \
                slo: {objective: 99.9%, good: status != error}\n";
    fs::write(folder.path().join("slo.yml"), rule).unwrap();
    let demo = DEMO.path().join("demo");
    let arguments = ["check", "slo.yml", "--spans", demo.to_str().unwrap(), "--format", "json"];
    let told = within(folder.path(), &arguments).expect(0);
    let findings: Vec<Value> = serde_json::from_str(&told).unwrap();
    let said: Vec<String> =
        findings.iter().map(|it| format!("{} {} {}", it["code"], it["message"], it["column"])).collect();
    assert!(
        said.iter().any(|it| it.contains("W0260")) && said.iter().any(|it| it.contains("W0262")),
        "{said:#?}"
    );
    for (number, one) in said.iter().enumerate() {
        assert!(!said[..number].contains(one), "{one} is told twice: {said:#?}");
    }
}

/// An OTLP file with a span each of 100,001 operations.
fn too_many_operations(folder: &Path) {
    let span = |number: u64| {
        let end = 1_790_000_000_000_000_000 + number * 1_000_000;
        json!({
            "traceId": format!("{:032x}", number + 1), "spanId": format!("{:016x}", number + 1),
            "name": format!("GET /orders/{number}"), "kind": 2,
            "startTimeUnixNano": (end - 1_000).to_string(), "endTimeUnixNano": end.to_string(),
        })
    };
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]});
    let spans: Vec<Value> = (0..=100_000).map(span).collect();
    let request = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]});
    fs::write(folder.join("spans.json"), request.to_string()).unwrap();
}

#[test]
fn spans_of_too_many_operations_do_not_hide_what_else_is_found() {
    let folder = TempDir::new().unwrap();
    too_many_operations(folder.path());
    let rules = "- name: orders\n  span: {service_name: ordrs}\n  condition: count > 5\n\
                 - name: always\n  span: {service_name: orders}\n  condition: count >= 0\n\
                 - name: wrong\n  spam: {}\n  condition: count > 5\n";
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let ordinary = within(folder.path(), &["check", "rules.yml", "--format", "json"]).stdout;
    let ordinary: Vec<Value> = serde_json::from_str(&ordinary).unwrap();
    assert!(!ordinary.is_empty());
    let against = within(folder.path(), &["check", "rules.yml", "--spans", "spans.json"]);
    assert_eq!(against.status, 3, "{}", against.stderr);
    for finding in &ordinary {
        assert!(against.stdout.contains(finding["message"].as_str().unwrap()), "{}", against.stdout);
    }
    assert!(against.stdout.contains("RULE ") && against.stdout.contains("100001"), "{}", against.stdout);
    // No name is compared, and that is said with what to do.
    assert!(!against.stdout.contains("W0260"), "{}", against.stdout);
    let said = [
        "could not compare the services, names",
        "than 100000 different operations",
        "`orders`",
        "/orders/{id}",
    ];
    for said in said {
        assert!(against.stderr.contains(said), "{said}: {}", against.stderr);
    }
}

#[test]
fn a_uri_names_a_store_or_the_folder_of_its_spans() {
    let demo = DEMO.path().join("demo");
    let eval = |spans: &str| {
        let uri = format!("file://{}{spans}", demo.display());
        within(DEMO.path(), &["eval", "--rules", "demo/rules", "--spans", &uri, "--format", "ndjson"])
    };
    let of_store = eval("").expect(0);
    assert!(!of_store.is_empty());
    assert_eq!(eval("/spans").expect(0), of_store);
    let nothing = eval("/rules");
    assert_eq!(nothing.status, 2, "{}", nothing.stderr);
    assert!(nothing.stderr.contains("there is no data file in `file://"), "{}", nothing.stderr);
}
