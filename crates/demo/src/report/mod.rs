//! The story as one page: no script, nothing loaded from elsewhere, every text escaped.

mod chart;
mod markup;

use std::fmt::Write as _;

use fluo_alerts::value::Value;
use fluo_alerts::violation::Evidence;
use fluo_time::moment;

use self::chart::Chart;
use self::markup::{Escaped, Lines};
use super::story::{Meanwhile, Story, clock, elapsed, percent, values};
use super::watch::Alert;

/// The whole document.
pub(crate) fn page(story: &Story) -> String {
    let day = moment::format(story.start);
    let mut body = format!(
        "<h1>{}</h1>\n<p class=\"faint\">A simulated incident on {} UTC, found by <code>fluo demo</code>. Times are UTC.</p>\n",
        headline(story),
        Escaped(day.get(..10).unwrap_or_default())
    );
    body.push_str(&alert(story));
    body.push_str(&detection(story));
    body.push_str(&charts(story));
    body.push_str(&meanwhile(story));
    if let Some(alert) = &story.alert {
        body.push_str(&evidence(&alert.violation.evidence));
    }
    // Writing to a String does not fail, here and below.
    let _ = write!(body, "<h2>The rule</h2>\n<pre>{}</pre>\n", Lines(story.rule.text.trim_end()));
    body.push_str(&method(story));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>fluo demo: {}</title>\n<style>\n{}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        Escaped(&story.rule.name),
        include_str!("page.css"),
    )
}

fn headline(story: &Story) -> String {
    match &story.alert {
        Some(alert) => format!(
            "Logins failed. {} told of it after {}.",
            Escaped(&story.rule.name),
            elapsed(alert.told_at - story.incident.began())
        ),
        None => format!("Logins failed, and {} did not tell.", Escaped(&story.rule.name)),
    }
}

fn alert(story: &Story) -> String {
    let Some(Alert { violation, told_at, resolved_at, .. }) = &story.alert else { return String::new() };
    let peak = story.whole.as_ref().map(|whole| values(&whole.peak));
    let resolved = resolved_at.map_or_else(|| "not by the end".to_owned(), clock);
    format!(
        "<section class=\"card\"><h2 class=\"alert\">{}</h2><dl>\
         <dt>told</dt><dd>{}, once</dd><dt>holds since</dt><dd>{}</dd><dt>resolved</dt><dd>{resolved}</dd>\
         <dt>severity</dt><dd>{}</dd><dt>values</dt><dd>{}</dd><dt>peak</dt><dd>{}</dd>\
         <dt>fingerprint</dt><dd class=\"mono\">{}</dd></dl></section>\n",
        Escaped(&violation.summary),
        clock(*told_at),
        clock(violation.starts_at),
        violation.severity,
        Escaped(&values(&violation.values)),
        Escaped(&peak.unwrap_or_default()),
        Escaped(&violation.fingerprint.to_string()),
    )
}

fn detection(story: &Story) -> String {
    let began = story.incident.began();
    let mut html = format!(
        "<h2>Time to detection</h2>\n<p class=\"faint\">From {}, when the first pod got a wrong token. All three look \
         at the same spans, every minute.</p>\n<table>\n",
        clock(began)
    );
    let detections = story.detections();
    let longest =
        detections.iter().filter_map(|it| it.told_at).map(|at| at - began).max().unwrap_or(1).max(1);
    for (at, detection) in detections.iter().enumerate() {
        let took = detection.told_at.map(|told| told - began);
        let bar = took.map_or_else(String::new, |took| {
            format!("<div style=\"width:{}%\"></div>", (took.clamp(0, longest) * 100 / longest).max(1))
        });
        let _ = writeln!(
            html,
            "<tr{}><td><strong>{}</strong><br><span class=\"faint\">{}: <code>{}</code></span></td>\
             <td class=\"number\">{}</td><td class=\"bar\">{bar}</td></tr>",
            if at == 0 { " class=\"first\"" } else { "" },
            Escaped(detection.by),
            Escaped(&detection.what),
            Escaped(&detection.condition),
            took.map_or_else(|| "never".to_owned(), elapsed),
        );
    }
    html.push_str("</table>\n<h2>Where the time went</h2>\n<table>\n");
    let mut last = began;
    for (what, at) in story.path() {
        let _ = writeln!(
            html,
            "<tr><td class=\"time\">{}</td><td class=\"time\">+{}</td><td>{}</td></tr>",
            clock(at),
            elapsed(at - last),
            Escaped(&what)
        );
        last = at;
    }
    html.push_str("</table>\n");
    html
}

fn charts(story: &Story) -> String {
    let times = (story.start, story.end);
    let shaded = (story.incident.began(), story.incident.ended());
    let mut flags = Vec::new();
    if let Some(Alert { told_at, resolved_at, .. }) = &story.alert {
        flags.push((*told_at, format!("alert {}", clock(*told_at)), true));
        flags.extend(resolved_at.map(|at| (at, format!("resolved {}", clock(at)), false)));
    }
    let rule = Chart {
        label: &format!("{} over time, and its threshold", story.rule.condition),
        times,
        series: &story.rule.series,
        value: |value| format!("{value:.0}"),
        shaded,
        underlined: story.whole.as_ref().map(|whole| (whole.starts_at, whole.ends_at)),
        flags: &flags,
    };
    let mut html = "<h2>What each of them saw</h2>\n\
        <p class=\"faint\">Shaded: some or all pods had the wrong token. Dashed: the threshold. \
        The bar on the time axis: the violation.</p>\n"
        .to_owned();
    let caption = format!(
        "{}: matching spans in the {} before each moment; violated when {}",
        story.rule.name, story.rule.window, story.rule.condition
    );
    figure(&mut html, &caption, &rule);
    for alarm in &story.alarms {
        let flags: Vec<_> =
            alarm.told_at.map(|at| (at, format!("alarm {}", clock(at)), false)).into_iter().collect();
        let chart = Chart {
            label: &format!("{} over time, and its threshold", alarm.name),
            times,
            series: &alarm.series,
            value: percent,
            shaded,
            underlined: None,
            flags: &flags,
        };
        let caption = format!("{}: {}; goes off when {}", alarm.name, alarm.description, alarm.condition);
        figure(&mut html, &caption, &chart);
    }
    html
}

/// Returns what else went wrong.
fn meanwhile(story: &Story) -> String {
    let mut html = "<h2>Meanwhile</h2>\n<table>\n".to_owned();
    for Meanwhile { rule, alert, truth } in story.meanwhile() {
        let summary = alert.map_or("It did not fire.", |alert| alert.violation.summary.as_str());
        let told = alert.map_or_else(|| "never".to_owned(), |alert| clock(alert.told_at));
        let mut related = String::new();
        for line in alert.iter().flat_map(|alert| &alert.related) {
            let _ = write!(related, "<br>In the same message: {}", Escaped(line));
        }
        let _ = writeln!(
            html,
            "<tr><td class=\"time\">{told}</td><td><strong>{}</strong><br>{}{related}<br><span class=\"faint\">{}</span></td></tr>",
            Escaped(rule),
            Escaped(summary),
            Escaped(&truth)
        );
    }
    html.push_str("</table>\n");
    html
}

fn figure(html: &mut String, caption: &str, chart: &Chart<'_>) {
    let _ = writeln!(html, "<figure><figcaption>{}</figcaption>{}</figure>", Escaped(caption), chart.svg());
}

fn evidence(spans: &[Evidence]) -> String {
    let mut html =
        "<h2>Evidence</h2>\n<p class=\"faint\">The spans that the alert carries, newest first, with the \
        attributes that the rule reads and no others.</p>\n<div class=\"scroll\"><table>\n\
        <tr><th>ended</th><th>span</th><th>took</th><th>trace</th><th>attributes</th></tr>\n"
            .to_owned();
    for span in spans {
        let attributes: Vec<String> = span
            .attributes
            .iter()
            .map(|(key, value)| format!("{}={}", Escaped(key), Escaped(value)))
            .collect();
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}<br><span class=\"faint\">{}</span></td><td class=\"number\">{}</td>\
             <td class=\"mono\">{}</td><td class=\"mono\">{}</td></tr>",
            clock(span.end_time),
            Escaped(&span.name),
            Escaped(span.service_name.as_deref().unwrap_or("(none)")),
            Escaped(&Value::Duration(span.duration_ns.into()).human()),
            Escaped(&span.trace_id),
            attributes.join("<br>")
        );
    }
    html.push_str("</table></div>\n");
    html
}

fn method(story: &Story) -> String {
    format!(
        "<h2>How this was measured</h2>\n<p>The shop, its customers, its collectors and the clock are simulated; \
         decoding, storing and judging are the very code that <code>fluo ingest</code> and <code>fluo eval</code> \
         run. An object counts as stored when the collector has written it (a pod exports every 5 seconds, a collector \
         writes every 30), and ingest takes no time. {} rules were evaluated at every full minute over what was \
         stored by then. The alarms are favoured: they see every request the moment it ends.</p>\n\
         <p>It is one incident, not a benchmark. The more of the traffic an incident touches, the sooner an error rate \
         shows it; logins are a small part of this shop's requests. Before it, wrong passwords made the rule count up \
         to {} a minute, and it kept quiet.</p>\n",
        story.rules,
        story
            .rule
            .series
            .highest(story.start, story.incident.began())
            .map_or_else(|| "none".to_owned(), |most| format!("{most:.0}")),
    )
}
