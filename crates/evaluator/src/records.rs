//! Violation records as rows of the store.

use fluo_alerts::life_cycle::ViolationRecord;
use fluo_alerts::wire::Object;
use fluo_rules::json;
use fluo_store::records::ViolationRow;

/// The row of a record.
pub(crate) fn row(record: &ViolationRecord) -> Result<ViolationRow, serde_json::Error> {
    let violation = &record.violation;
    Ok(ViolationRow {
        id: record.id.to_string(),
        revision: i32::try_from(record.revision).unwrap_or(i32::MAX),
        status: record.status.as_str().to_owned(),
        rule: violation.rule.clone(),
        severity: violation.severity.as_str().to_owned(),
        fingerprint: violation.fingerprint.to_string(),
        group: violation.group.clone(),
        starts_at_ns: violation.starts_at,
        ends_at_ns: violation.ends_at,
        ongoing: violation.ongoing,
        partial: violation.partial,
        values: json::to_string(&Object(&violation.values))?,
        summary: violation.summary.clone(),
        record: json::to_string(record)?,
    })
}
