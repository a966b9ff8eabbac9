//! The script that measures how soon faults are found, on a small data set in the form of the public one.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use fluo_tests::program::{Program, repository};
use serde_json::{Value, json};
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z in seconds.
const NEW_YEAR: u64 = 1_767_225_600;

const DAY: u64 = 24 * 3_600;

/// The fault of the traces of a second.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// `back` answers late.
    Delay,
    /// `back` answers without having written.
    Return,
}

/// The rows of a trace that begins at a second, and of another service that has nothing to do with it.
fn trace(rows: &mut String, second: u64, fault: Fault) {
    let millisecond = 1_000_000;
    let start = second * 1_000 * millisecond;
    let late = if fault == Fault::Delay { 600 } else { 0 };
    let mut row = |trace: &str, span: u64, parent: &str, pod: &str, name: &str, from: u64, to: u64| {
        let (from, to) = (start + from * millisecond, start + to * millisecond);
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            rows,
            "{trace}{second:030x},{span:x}{second:015x},{parent},{pod}-5b77-xyz12,{name},{from},{to},{}",
            (to - from) / 1_000
        );
    };
    let id = |span: u64| format!("{span:x}{second:015x}");
    row("aa", 1, "root", "front", "GET /buy", 0, 20 + late);
    row("aa", 2, &id(1), "back", "charge", 5, 15 + late);
    if fault != Fault::Return {
        row("aa", 3, &id(2), "back", "INSERT", 6, 10);
    }
    row("bb", 4, "root", "side", "tick", 0, 3);
}

fn write(file: &Path, seconds: std::ops::Range<u64>, fault: impl Fn(u64) -> Fault) {
    let head = "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n";
    let mut rows = head.to_owned();
    seconds.for_each(|second| trace(&mut rows, second, fault(second)));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, rows).unwrap();
}

/// A day: a minute without a fault at eight, and faults half a minute past full hours, of `back` or of `side`.
fn day(data: &Path, nth: u64, faults: &[(u64, &str, Fault)]) {
    let (name, midnight) = (format!("2026-01-0{}", nth + 1), NEW_YEAR + nth * DAY);
    let eight = midnight + 8 * 3_600;
    write(&data.join(format!("construct_data/{name}/trace/08_00_trace.csv")), eight..eight + 60, |_| {
        Fault::None
    });
    let mut list = serde_json::Map::new();
    for &(hour, service, fault) in faults {
        let full = midnight + hour * 3_600;
        let file = data.join(format!("rca_data/{name}/trace/{hour}_00_trace.csv"));
        write(&file, full..full + 150, |second| if second >= full + 30 { fault } else { Fault::None });
        let kind = match fault {
            Fault::None => "nothing",
            Fault::Delay => "network_delay",
            Fault::Return => "return",
        };
        let one = json!({"inject_time": format!("{name} {hour}:00:30"), "inject_type": kind,
                         "inject_pod": format!("{service}-5b77-xyz12")});
        list.insert(hour.to_string(), json!([one]));
    }
    fs::write(data.join(format!("rca_data/{name}/{name}-fault_list.json")), Value::from(list).to_string())
        .unwrap();
}

fn detection(data: &Path, more: &[&str]) -> String {
    let python = std::env::var_os("FLUO_TEST_PYTHON").expect("FLUO_TEST_PYTHON names a Python");
    let script = repository().join("benches/detection.py");
    let given = [script.to_str().unwrap(), env!("CARGO_BIN_EXE_fluo"), data.to_str().unwrap()];
    Program::new(python).run(&[&given[..], more].concat()).expect(0)
}

#[test]
fn injected_faults_are_found_missed_and_timed() {
    let data = TempDir::new().unwrap();
    let faults = [(10, "back", Fault::Delay), (11, "back", Fault::Return), (12, "side", Fault::None)];
    day(data.path(), 0, &faults);
    day(data.path(), 1, &[(10, "back", Fault::Delay)]);

    let found: Value = serde_json::from_str(&detection(data.path(), &["--json"])).unwrap();
    let kinds = |side: &str, of: &str| found[side]["kinds"][of]["found"].clone();
    let (fluo, alarm) = (&found["fluo"], &found["alarm"]);
    assert_eq!(
        (&fluo["faults"], &fluo["found"], &fluo["missed"]),
        (&json!(4), &json!(3), &json!(1)),
        "{found}"
    );
    assert_eq!(fluo["delay_s"], json!({"median": 30.0, "most": 30.0}));
    assert_eq!((&alarm["found"], &alarm["missed"]), (&json!(2), &json!(2)), "{found}");
    assert_eq!(alarm["delay_s"], json!({"median": 270.0, "most": 270.0}), "at the end of the period");
    assert_eq!((kinds("fluo", "return"), kinds("alarm", "return")), (json!(1), json!(0)));
    assert_eq!((kinds("fluo", "nothing"), kinds("alarm", "nothing")), (json!(0), json!(0)));
    for side in [fluo, alarm] {
        assert_eq!((&side["false_alarms"], &side["unrelated"]), (&json!(0), &json!(0)), "{found}");
    }
    assert_eq!(found["both"], json!({"faults": 2, "fluo_s": 30.0, "alarm_s": 270.0, "shorter_by": 0.889}));
    assert_eq!(found["minutes_without_fault"], 2.0);

    let text = detection(data.path(), &["--days", "2026-01-01", "2026-01-02"]);
    assert!(text.contains("| network_delay | 2 | 2 | 30 s | 2 | 270 s |\n"), "{text}");
    assert!(text.contains("| return | 1 | 1 | 30 s | 0 | - |\n"), "{text}");
    assert!(text.ends_with("found by both: 2, after 30.0 s and 270.0 s on average: 89 % sooner\n"), "{text}");
}
