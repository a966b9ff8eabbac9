//! `fluo suggest` of systems with more operations and services than a table of limits has room for.

use std::fs;

use fluo_suggest::invariants::{Callers, Invariants};
use fluo_suggest::measured::{Measured, Windows};
use fluo_suggest::proposal::{Fired, Past, Proposal, Proposals};
use fluo_suggest::{Operation, OperationProfile};
use fluo_tests::program::Ended;
use fluo_time::Nanos;
use serde_json::json;
use tempfile::TempDir;

use crate::binary;

const MINUTE: i64 = 60_000_000_000;

/// The operations of a large system, in order. `name` ends the names of all of them, and of their services.
fn operations(number: usize, name: &str) -> Vec<Operation> {
    let operation = |number: usize| Operation {
        service: Some(format!("service-{:04}{name}", number / 4)),
        name: format!("operation-{number:05}{name}"),
        kind: "server".to_owned(),
    };
    (0..number).map(operation).collect()
}

/// Everything that is proposed of them: all are as busy but for one in a thousand, and each is called by the first alone.
fn proposed(operations: &[Operation]) -> (Proposals, Vec<String>) {
    let is_busy = |number: usize| number % 1_000 == 999;
    let spans = |number: usize| if is_busy(number) { 9_000 } else { 3_000 };
    let profiles: Vec<OperationProfile> = (0..operations.len())
        .map(|number| OperationProfile { spans: spans(number), ..OperationProfile::default() })
        .collect();
    let called = (1..operations.len())
        .map(|number| Callers { operation: u32::try_from(number).unwrap(), by: vec![(0, spans(number))] });
    let invariants = Invariants { callers: called.collect(), ..Invariants::default() };
    let mut measured = Measured::new(Nanos(MINUTE));
    measured.moments = 30;
    let windows = Windows {
        seen: 30,
        enough: 30,
        most: 120,
        least: 80,
        worst_share: 0.01,
        worst_of: 100,
        slowest: 123_456_789,
    };
    measured.windows = operations.iter().map(|operation| (operation.clone(), windows.clone())).collect();
    let past = Past {
        operations,
        profiles: &profiles,
        invariants: &invariants,
        measured: &measured,
        from: 0,
        to: 30 * MINUTE,
    };
    let proposals = Proposals::of(&past, &Fired::new());
    let tests = proposals.rules.iter().map(|proposal| proposal.test_file(&past, &[])).collect();
    (proposals, tests)
}

fn passes(folder: &TempDir, command: &str) -> Ended {
    let ended = binary().within(folder.path()).run(&[command, "out"]);
    assert_eq!(ended.status, 0, "{command}: {}{}", ended.stdout, ended.stderr);
    ended
}

#[test]
fn tables_hold_the_busiest_of_more_operations_than_there_is_room_for() {
    let long = "-and-of-a-long-name".repeat(120);
    for (scenario, number, name) in [("many", 12_000, ""), ("many of long names", 3_000, long.as_str())] {
        let (proposals, tests) = proposed(&operations(number, name));
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        for (proposal, test) in proposals.rules.iter().zip(&tests) {
            let Proposal { file, text, says, .. } = proposal;
            assert!(says.contains("busiest of"), "{scenario}: {file}: {says}");
            assert!(text.contains("busiest of"), "{scenario}: {file} says it, too");
            // The busiest are in it, and of those that are as busy the first.
            let names = |number: usize| text.contains(&format!("operation-{number:05}"));
            if file != "calls" {
                assert!((0..number).filter(|number| number % 1_000 == 999).all(names), "{scenario}: {file}");
                assert!(names(1) && !names(number - 2), "{scenario}: {file}");
            }
            fs::write(folder.path().join(format!("out/{file}.yml")), text).unwrap();
            fs::write(folder.path().join(format!("out/{file}.test.yml")), test).unwrap();
        }
        let files: Vec<&str> = proposals.rules.iter().map(|proposal| proposal.file.as_str()).collect();
        let expected = ["errors", "latency", "traffic-high", "traffic-low", "calls", "callers"];
        assert_eq!(files, expected, "{scenario}");
        passes(&folder, "check");
        // Thousands of rows take a minute of an unoptimized build.
        if name == long {
            passes(&folder, "test");
        }
    }
}

#[test]
fn few_operations_have_all_their_rows() {
    let (proposals, _) = proposed(&operations(200, ""));
    for proposal in &proposals.rules {
        assert!(
            !proposal.says.contains("busiest") && !proposal.text.contains("busiest"),
            "{}",
            proposal.says
        );
    }
    let calls = proposals.rules.iter().find(|proposal| proposal.file == "calls").unwrap();
    assert!(calls.text.contains("    - {calls: 0}\n"), "{}", calls.text);
}

#[test]
fn who_calls_whom_among_more_services_than_there_is_room_for_does_not_fire_over_the_past() {
    const SERVICES: u64 = 1_200;
    let folder = TempDir::new().unwrap();
    let span = |number: u64, place: u64, service: &str| {
        // The last service is called twice.
        let end = 1_790_000_000_000_000_000 + number * 100_000_000 + place;
        let parent = if place == 1 { String::new() } else { format!("{:016x}", number << 8 | 1) };
        json!({"resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
            "scopeSpans": [{"spans": [{
                "traceId": format!("{:032x}", number + 1), "spanId": format!("{:016x}", number << 8 | place),
                "parentSpanId": parent, "name": "work", "kind": 2,
                "startTimeUnixNano": (end - 1_000_000).to_string(), "endTimeUnixNano": end.to_string(),
            }]}],
        }]})
        .to_string()
    };
    let lines = (0..=SERVICES).flat_map(|number| {
        let service = format!("service-{:04}", number.min(SERVICES - 1));
        [span(number, 1, "hub"), span(number, 2, &service)]
    });
    // Long after, so that none of these traces may go on.
    let lines = lines.chain([span(20 * SERVICES, 1, "hub")]);
    fs::write(folder.path().join("spans.ndjson"), lines.collect::<Vec<_>>().join("\n")).unwrap();
    let fluo = |arguments: &[&str]| binary().within(folder.path()).run(arguments).expect(0);
    let told = fluo(&["suggest", "--spans", "spans.ndjson", "--out", "out"]);
    assert!(
        told.contains(
            "calls.yml: the 1,000 pairs of services of which one calls the other, of the 1,000 busiest of"
        ),
        "{told}"
    );
    let calls = fs::read_to_string(folder.path().join("out/calls.yml")).unwrap();
    assert!(calls.contains("service_name: service-1199, calls: 0"), "the busiest of all: {told}");
    assert!(!calls.contains("service-1198"), "the last of those that are as busy");
    passes(&folder, "check");
    passes(&folder, "test");
    let eval = ["eval", "--rules", "out", "--spans", "spans.ndjson", "--format", "ndjson"];
    assert_eq!(fluo(&eval), "");
}
