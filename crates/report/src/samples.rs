//! A page for tests: one rule that fires, one that came close.

use fluo_alerts::fingerprint::fingerprint;
use fluo_alerts::reading::Reading;
use fluo_alerts::reading::gauge::{Against, LevelOf, Mark, Track};
use fluo_alerts::violation::{Evidence, Top, TopValue, Violation};
use fluo_rules::rule::Severity;
use fluo_time::{Nanos, TimeRange};

use crate::model::{Episode, Fact, Origin, Page, Rule, Standing, Subject, Trace, TraceSpan};

pub(crate) const MINUTE: i64 = Nanos::MINUTE.0;

pub(crate) fn mark(at: i64, value: Option<f64>, limit: Option<f64>) -> Mark {
    let closeness = value.zip(limit).map(|(value, limit)| value / limit);
    let holds = closeness.is_some_and(|closeness| closeness > 1.0);
    Mark { at, group: vec![], reading: Against { value, limit, closeness, holds } }
}

pub(crate) fn track() -> Track {
    let values = [Some(1.0), Some(1.0), None, Some(4.0), Some(12.0)];
    let points = (1..).zip(values).map(|(minute, value)| mark(minute * MINUTE, value, Some(5.0)));
    Track {
        what: "count".to_owned(),
        levels: vec![(LevelOf(Severity::Warning), 5.0)],
        step: MINUTE,
        points: points.collect(),
        groups: vec![Mark {
            group: vec![("region".to_owned(), Some("eu".to_owned()))],
            ..mark(5 * MINUTE, Some(12.0), Some(5.0))
        }],
        group_total: 3,
        ..Track::default()
    }
}

pub(crate) fn rule(name: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        description: Some("Logins fail".to_owned()),
        severity: Severity::Warning,
        subject: Subject::Spans,
        condition: "count > 5".to_owned(),
        window: "1m".to_owned(),
        judged_to: Some(10 * MINUTE),
        error: None,
        track: Some(track()),
    }
}

pub(crate) fn episode(rule: &str, standing: Standing) -> Episode {
    let group = vec![("region".to_owned(), Some("eu".to_owned()))];
    let span = Evidence {
        trace_id: "5b8efff798038103d269b633813fc60c".to_owned(),
        span_id: "eee19b7ec3c1b174".to_owned(),
        service_name: Some("auth-service".to_owned()),
        name: "auth_user".to_owned(),
        end_time: 5 * MINUTE,
        duration_ns: 12_000_000,
        status: Some("error".to_owned()),
        status_message: Some("bad token".to_owned()),
        attributes: [("error.type".to_owned(), "AuthenticationError".to_owned())].into(),
    };
    let violation = Violation {
        rule: rule.to_owned(),
        severity: Severity::Warning,
        labels: [].into(),
        fingerprint: fingerprint(rule, &[("region", Some("eu"))]),
        group,
        condition: "count > 5".to_owned(),
        starts_at: 5 * MINUTE,
        ends_at: 6 * MINUTE,
        ongoing: standing != Standing::Over,
        window: Nanos::MINUTE,
        values: vec![],
        peak: vec![],
        evidence: vec![span],
        top: vec![Top {
            key: "pod".to_owned(),
            spans: 12,
            values: vec![TopValue { value: Some("auth-1".to_owned()), spans: 9 }],
        }],
        failed: vec!["always[0]".to_owned()],
        summary: format!("{rule}: count = 12"),
        partial: false,
    };
    Episode {
        standing,
        severity: Severity::Warning,
        violation,
        readings: vec![Reading {
            what: "count".to_owned(),
            value: "6".to_owned(),
            peak: "12".to_owned(),
            limit: "limit 5 in 1m".to_owned(),
            falls: false,
        }],
        muted_by: None,
        related_to: None,
        runbook: Some("https://runbooks.example/auth".to_owned()),
        trace_urls: vec![],
    }
}

pub(crate) fn page() -> Page {
    let close = Track {
        points: vec![mark(MINUTE, Some(2.0), Some(5.0))],
        groups: vec![],
        group_total: 1,
        levels: vec![],
        ..track()
    };
    let span = TraceSpan {
        span_id: "eee19b7ec3c1b174".to_owned(),
        depth: 0,
        service_name: Some("auth-service".to_owned()),
        name: "auth_user".to_owned(),
        start: 5 * MINUTE - 12_000_000,
        end: 5 * MINUTE,
        is_error: true,
    };
    Page {
        origin: Origin::Look,
        at: 10 * MINUTE,
        shows: TimeRange { from: 0, to: 10 * MINUTE },
        timeline: TimeRange { from: 0, to: 10 * MINUTE },
        episodes: vec![episode("AuthFailuresRule", Standing::Firing)],
        rules: vec![
            Rule { track: Some(close), description: None, ..rule("quiet-rule") },
            rule("AuthFailuresRule"),
        ],
        owed: vec![],
        troubles: vec![],
        evaluation: vec![Fact::new("looked at", "1970-01-01 00:00:00 to 00:10:00")],
        data: vec![Fact::new("spans", "12")],
        missing: vec![],
        traces: [(
            "5b8efff798038103d269b633813fc60c".to_owned(),
            Trace { spans: vec![span], left_out: 0, is_whole: true },
        )]
        .into(),
    }
}
