#![allow(warnings)]
use fluo_rules::*; use std::time::Instant;
fn run(n: &str, t: String) { let f=[SourceFile::new("x.yml", t)]; let a=Instant::now(); let l=load(&f); let d=a.elapsed(); let a=Instant::now(); let h=render::human::render(&l.findings,&f,false);
 let rss = std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l|l.starts_with("VmHWM")).unwrap().to_owned();
 println!("{n}: load {d:?} rules {} findings {} first {:?}; human {:?} {} bytes; {rss}", l.rules.len(), l.findings.len(), l.findings.first().map(|f|(f.code,&f.message)), a.elapsed(), h.len()); }
fn main(){
 let which = std::env::args().nth(1).unwrap_or_default();
 let t = |n:&str| which.is_empty() || which==n;
 if t("alias") { run("alias of long text", format!("- &t \"{}\"\n- [{}]\n", "x".repeat(500_000), vec!["*t";1000].join(","))); }
 if t("keys") { run("one line of unknown keys", format!("- {{name: a, {}}}", (0..60_000).map(|i| format!("k{i}: 1, ")).collect::<String>())); }
 if t("broken") { run("broken rules", (0..10_000).map(|i| format!("- {{name: r{i}, spn: {{}}, condition: count > 5}}\n")).collect::<String>()); }
 if t("expect") { run("expect", format!("- {{name: a, span: {{}}, condition: count>5, group_by: [a], expect: [{}]}}", (0..100_000).map(|i| format!("v{i},")).collect::<String>())); }
 if t("regex") { run("regexes", (0..1000).map(|i| format!("- {{name: r{i}, span: {{name: {{matches: '\\w{{100}}{i}'}}}}, condition: count > 5}}\n")).collect::<String>()); }
 if t("inhibit") { run("inhibit", (0..10_000).map(|i| format!("- {{name: rule-with-name-{i}, span: {{}}, condition: count > 5, inhibit: [rule-wth-nome-{i}]}}\n")).collect::<String>()); }
}
