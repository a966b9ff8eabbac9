//! fluo watches itself: the evaluator's own traces go to the collector, and by it into the bucket.

use std::collections::BTreeSet;
use std::time::Duration;

use fluo_end_to_end::collector::{Collector, Writes};
use fluo_end_to_end::deployment::Deployment;
use fluo_end_to_end::spans::Files;
use fluo_end_to_end::{schedule, wait};
use jiff::Timestamp;

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_is_a_trace_in_the_bucket() {
    let deployment = Deployment::create("own-traces").await;
    let _ingesting = deployment.ingesting();
    let writes = Writes { configuration: "agent", marshaler: "otlp_proto", compression: "none" };
    let collector = Collector::start(&deployment.aws, &deployment.bucket, writes).await;
    let endpoint = collector.endpoint();
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let evaluator = deployment.another_evaluator(&deployment.bucket, &deployment.topic, &settings);
    let now = Timestamp::now();
    for at in [now - Duration::from_secs(60), now] {
        evaluator.invoke(schedule::event(at)).await.answer();
    }
    // Both invocations, of which the first alone was a cold start, with what they did below them.
    let sql = "SELECT root.attributes['faas.coldstart'], child.name
        FROM files root JOIN files child ON child.trace_id = root.trace_id AND child.span_id <> root.span_id
        WHERE root.service_name = 'evaluate-rules' AND root.name = 'evaluate-rules' AND root.kind = 'server'
          AND root.parent_span_id IS NULL";
    let expected: BTreeSet<String> = ["true", "false"]
        .into_iter()
        .flat_map(|cold| {
            ["read rules", "tick", "evaluate", "judge rule"].map(|name| format!("{cold} {name}"))
        })
        .collect();
    wait::until("the traces lie in spans/", async || {
        let rows = Files::of(&deployment.bucket, "spans/").await.query(sql);
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("none").to_owned();
        let found: BTreeSet<String> =
            rows.iter().map(|row| format!("{} {}", text(&row[0]), text(&row[1]))).collect();
        expected.is_subset(&found).then_some(())
    })
    .await;
    assert!(!evaluator.log().contains("own traces"), "{}", evaluator.log());
}
