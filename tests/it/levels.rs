//! Rules with levels, told by the binary: who wants only pages hears of an alert once it is one, and a rule that it makes
//! redundant is not told at all.

use std::fs;

use serde_json::Value;

use crate::deployed::{Deployment, failure, success};
use crate::incident::records;

const CONFIG: &str = "
store: store
rules: [rules]
sinks:
  - {type: file, path: told.ndjson}
  - {type: file, name: pager, path: pager.ndjson, severity: [critical]}
  - {type: file, name: tickets, path: tickets.ndjson, severity: [warning]}
";

const RULES: &str = "
- name: logins
  span: {service_name: auth-service, attributes: {http.status_code: 401}}
  condition: {warning: count > 3, critical: count > 5}
- name: failures
  span: {service_name: auth-service, attributes: {http.status_code: 401}}
  inhibit: [logins]
  condition: count > 3
";

/// The rule, event and severity of what a file was told.
fn told(deployment: &Deployment, file: &str) -> Vec<[String; 3]> {
    let lines = fs::read_to_string(deployment.path(file)).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let short = |told: &Value| ["rule", "event", "severity"].map(|key| text(&told[key]));
    records(&lines).iter().map(short).collect()
}

#[test]
fn a_pager_hears_of_an_alert_once_it_escalates_and_its_ticket_is_muted() {
    let deployment = Deployment::with(CONFIG);
    deployment.write("rules/auth.yml", RULES);
    deployment.tick("12:00:00").expect(0);
    deployment.arrive("four", 65, &[failure(30), failure(40), failure(50), failure(60)]);
    deployment.tick("12:01:30").expect(0);
    let line = |event: &str, severity: &str| ["logins", event, severity].map(str::to_owned);
    assert_eq!(told(&deployment, "told.ndjson"), [line("firing", "warning")]);
    assert_eq!(told(&deployment, "pager.ndjson"), [] as [[String; 3]; 0], "nobody is woken yet");
    deployment.arrive("two-more", 85, &[failure(70), failure(80)]);
    deployment.tick("12:02:00").expect(0);
    assert_eq!(told(&deployment, "pager.ndjson"), [line("escalated", "critical")]);
    deployment.arrive("after", 210, &[success(200)]);
    deployment.tick("12:04:00").expect(0);
    let all = [line("firing", "warning"), line("escalated", "critical"), line("resolved", "critical")];
    assert_eq!(told(&deployment, "told.ndjson"), all, "and nothing of `failures`");
    assert_eq!(told(&deployment, "pager.ndjson"), all[1..]);
    // Who was told of it is told how it goes on.
    assert_eq!(told(&deployment, "tickets.ndjson"), all);
    let resolved = fs::read_to_string(deployment.path("told.ndjson")).unwrap();
    let resolved: Value = records(&resolved).pop().unwrap();
    let untold = &resolved["alert"]["now"]["untold"];
    assert_eq!(untold[0]["rule"], "failures", "{resolved:#}");
}
