//! Rules in a store of which something cannot be read: it is named and told, its rules go on at their last good text, and
//! everything else goes on.

use fluo_alerts::notification::Event;
use fluo_evaluator::{ReadRules, RuleStore};
use fluo_rules::SourceFile;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::support::{CutOff, SECOND, World, failures, good, minute};

const AUTH: &str = "- {name: auth, span: {service_name: auth, status: error}, condition: count > 5}\n";
const SHOP: &str = "- {name: shop, span: {service_name: shop, status: error}, condition: count > 5}\n";

async fn put(world: &World, path: &str, text: &str) {
    world.root().store.put(&Path::from(path), text.to_owned().into()).await.unwrap();
}

/// Reads the rules of the store as far as a new process sees it.
async fn read(world: &World) -> ReadRules {
    RuleStore::new(world.seen(), &Path::from("rules")).read().await
}

fn names(files: &[SourceFile]) -> Vec<(&str, Option<&str>)> {
    files.iter().map(|file| (&*file.name, file.unread.as_deref())).collect()
}

/// Both rules have something to fire for.
async fn minute_of_failures(world: &mut World, end: i64, rules: &[SourceFile]) {
    let at = minute(end - 1) + 5 * SECOND;
    let spans = [failures("auth", "a", at, 9), failures("shop", "a", at, 9)].concat();
    world.minute(end, spans, rules).await;
}

#[tokio::test]
async fn an_object_that_the_store_does_not_give_costs_itself_and_its_rules_go_on() {
    for (denies, reason) in [(false, "not readable"), (true, "not readable: permission denied")] {
        let mut world = World::in_memory();
        put(&world, "rules/auth.yml", AUTH).await;
        put(&world, "rules/shop.yml", SHOP).await;
        let whole = read(&world).await;
        assert!(whole.failures.is_empty());
        world.minute(1, good("auth", minute(0), 3), &whole.files.rules).await;

        let reads = vec![Path::from("rules/auth.yml"), Path::from("rules/new.yml")];
        world.cut_off = CutOff { reads, denies, ..CutOff::default() };
        put(&world, "rules/new.yml", &AUTH.replacen("name: auth", "name: new", 1)).await;
        for end in 2..=4 {
            let ReadRules { files, failures } = read(&world).await;
            let expected =
                [("rules/auth.yml", Some(reason)), ("rules/new.yml", Some(reason)), ("rules/shop.yml", None)];
            assert_eq!(names(&files.rules), expected);
            assert_eq!(failures.len(), 2, "what the store said is there for the log");
            minute_of_failures(&mut world, end, &files.rules).await;
        }
        let told: Vec<_> = world.post().taken.into_iter().map(|sent| sent.notification).collect();
        let reasons: Vec<_> = told
            .iter()
            .filter(|told| told.event == Event::RuleError)
            .map(|told| (&*told.title, told.reason.as_deref().unwrap()))
            .collect();
        let known = format!(
            "rules/auth.yml:1:1: it cannot be read: {reason}; its rules go on at their last good text"
        );
        let new = format!("rules/new.yml:1:1: it cannot be read: {reason}; none of its rules is judged");
        assert_eq!(
            reasons,
            [
                ("CRITICAL Rule file does not load: rules/auth.yml", known.as_str()),
                ("CRITICAL Rule file does not load: rules/new.yml", new.as_str()),
            ],
            "told once each"
        );
        let mut news = world.news();
        news.sort();
        assert_eq!(news, ["firing auth", "firing shop", "rule_error", "rule_error"]);

        world.cut_off = CutOff::default();
        let whole = read(&world).await;
        minute_of_failures(&mut world, 5, &whole.files.rules).await;
        let mut news = world.news();
        news.sort();
        assert_eq!(news, ["firing new", "rule_error_over", "rule_error_over"], "{reason}");
    }
}

#[tokio::test]
async fn a_folder_that_the_store_does_not_list_keeps_its_rules() {
    let mut world = World::in_memory();
    put(&world, "rules/auth.yml", AUTH).await;
    put(&world, "rules/eu/shop.yml", SHOP).await;
    let whole = read(&world).await.files.rules;
    world.minute(1, good("auth", minute(0), 3), &whole).await;
    world.cut_off.lists = true;
    let ReadRules { files, failures } = read(&world).await;
    assert_eq!(names(&files.rules), [("rules", Some("not readable"))]);
    assert_eq!((files.silences.len(), failures.len()), (0, 1));
    world.cut_off = CutOff::default();
    for end in 2..=3 {
        minute_of_failures(&mut world, end, &files.rules).await;
    }
    let mut news = world.news();
    news.sort();
    assert_eq!(news, ["firing auth", "firing shop", "rule_error"]);
    minute_of_failures(&mut world, 4, &whole).await;
    assert_eq!(world.news(), ["rule_error_over"]);
}

#[tokio::test]
async fn what_a_read_does_not_give_any_more_is_not_there() {
    let world = World::in_memory();
    for (path, text) in [
        ("rules/auth.yml", AUTH),
        ("rules/silences.yml", "silences: []\n"),
        ("rules/.hidden/x.yml", AUTH),
        ("rules/notes.txt", ""),
        ("elsewhere/x.yml", AUTH),
        ("rules/large.yml", &"#".repeat(2 << 20)),
    ] {
        put(&world, path, text).await;
    }
    let ReadRules { files, failures } = read(&world).await;
    let large = "it has 2097152 bytes; it may have 1 MiB";
    assert_eq!(names(&files.rules), [("rules/auth.yml", None), ("rules/large.yml", Some(large))]);
    assert_eq!(names(&files.silences), [("rules/silences.yml", None)]);
    assert!(failures.is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn an_entry_of_a_folder_that_cannot_be_looked_into_costs_itself() {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command;

    let mut world = World::in_folder();
    put(&world, "rules/auth.yml", AUTH).await;
    put(&world, "rules/shop.yml", SHOP).await;
    let whole = read(&world).await.files.rules;
    world.minute(1, good("auth", minute(0), 3), &whole).await;

    let at = |name: &str| world.folder().join("rules").join(name);
    fs::remove_file(at("shop.yml")).unwrap();
    assert!(Command::new("mkfifo").arg(at("shop.yml")).status().unwrap().success());
    symlink("nobody@host.4711:1", at("gone.yml")).unwrap();
    symlink("nobody@host.4711:1", at(".#auth.yml")).unwrap();
    symlink(".", at("up")).unwrap();
    symlink("nobody@host.4711:1", at("notes.txt")).unwrap();
    fs::write(at("two\nlines.yml"), AUTH).unwrap();
    fs::write(at("locked.yml"), "# nothing\n").unwrap();
    fs::set_permissions(at("locked.yml"), fs::Permissions::from_mode(0o000)).unwrap();
    // Nothing keeps the superuser out.
    let locked = fs::read(at("locked.yml")).is_err().then_some("not readable: permission denied");

    let ReadRules { files, failures } = read(&world).await;
    assert_eq!(
        names(&files.rules),
        [
            ("rules/auth.yml", None),
            ("rules/gone.yml", Some("a link that leads nowhere")),
            ("rules/locked.yml", locked),
            ("rules/shop.yml", Some("neither a file nor a folder")),
            ("rules/two%0Alines.yml", Some("named with a control character")),
            ("rules/up", Some("a link to a folder that it lies in")),
        ]
    );
    assert_eq!(failures.len(), usize::from(locked.is_some()));
    minute_of_failures(&mut world, 2, &files.rules).await;
    let mut news = world.news();
    news.sort();
    let mut expected = vec!["firing auth", "firing shop"];
    expected.extend(vec!["rule_error"; 4 + failures.len()]);
    assert_eq!(news, expected);
}

#[tokio::test]
async fn the_tables_that_rules_name_are_read_with_them_and_no_others() {
    let mut world = World::in_memory();
    let calls = "- name: calls\n  span: {}\n  group_by: [service_name]\n  limits: {file: tables/calls.csv}\n  condition: count > limit.calls\n";
    put(&world, "rules/calls.yml", calls).await;
    put(&world, "rules/tables/calls.csv", "service_name,calls\nshop,8\n,100\n").await;
    put(&world, "rules/tables/prices.csv", "not a table of \"limits").await;
    let whole = read(&world).await;
    assert_eq!(names(&whole.files.rules), [("rules/calls.yml", None), ("rules/tables/calls.csv", None)]);
    minute_of_failures(&mut world, 1, &whole.files.rules).await;
    let told: Vec<_> = world.post().taken.into_iter().map(|sent| sent.notification).collect();
    assert_eq!(told.len(), 1, "nine calls of shop, and the limit of all others is 100: {told:?}");

    // Its rules go on at their last good text, which is whole by itself.
    world.root().store.delete(&Path::from("rules/tables/calls.csv")).await.unwrap();
    put(
        &world,
        "rules/far.yml",
        &calls.replace("calls\n  span", "far\n  span").replace("tables/calls", "../far"),
    )
    .await;
    let files = read(&world).await.files.rules;
    let expected = [
        ("rules/calls.yml", None),
        ("rules/far.yml", None),
        ("far.csv", Some("it does not lie in the folder of the rules")),
        ("rules/tables/calls.csv", Some("there is no such file")),
    ];
    assert_eq!(names(&files), expected);
    minute_of_failures(&mut world, 2, &files).await;
    let mut reasons: Vec<String> = world
        .post()
        .taken
        .into_iter()
        .filter(|sent| sent.notification.event == Event::RuleError)
        .filter_map(|sent| sent.notification.reason)
        .collect();
    reasons.sort();
    let missing = "it cannot be read: there is no such file; its rules go on at their last good text";
    assert_eq!(
        reasons,
        [
            "far.csv:1:1: it cannot be read: it does not lie in the folder of the rules; none of its rules is judged",
            "rules/far.yml:4:18: there is no file `../far.csv` beside this one; none of its rules is judged",
            &format!("rules/tables/calls.csv:1:1: {missing}"),
        ]
    );
}
