//! One course of cases and troubles, and what must be true at its end.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use tokio::time::sleep;

use crate::cases::{NAMES, name, object};
use crate::evaluators::Evaluators;
use crate::places::{Failure, Place, Requests};
use crate::told::Receiver;

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// An evaluator is killed.
    Kill,
    /// The receiver takes nothing for a while.
    Receiver,
    /// Requests of a kind fail for a while.
    Outage,
    /// The store's disk is full for a while.
    FullDisk,
    /// An evaluator may open few files for a while.
    Descriptors,
}

/// The time that it may take after the last trouble until everything is told: retries back off.
const PATIENCE: Duration = Duration::from_mins(4);

/// The duration of a trouble: mostly some seconds; an hour's course has some troubles of a minute.
fn duration(random: &mut Rng, left: Duration) -> Duration {
    let longest = random.u64(1..=(left.as_secs() / 4).clamp(1, 60));
    Duration::from_secs(random.u64(1..=longest))
}

/// A course of cases and troubles.
pub(crate) struct Course {
    random: Rng,
    troubles: Vec<Trouble>,
    /// The number of each that came.
    kills: usize,
    outages: usize,
    others: usize,
}

impl Course {
    pub(crate) fn new(seed: u64, troubles: &[Trouble]) -> Self {
        Self { random: Rng::with_seed(seed), troubles: troubles.to_vec(), kills: 0, outages: 0, others: 0 }
    }

    /// Runs for the time that scenarios have, heals everything, and waits until all is told.
    #[expect(clippy::print_stderr, reason = "the figures of a run")]
    pub(crate) async fn run(mut self, place: &impl Place) {
        let receiver = Receiver::start().await;
        let mut evaluators = Evaluators::start(place, &receiver.url());
        // The first evaluation only begins: what ended before it is not judged.
        let begun =
            async || evaluators.status().filter(|status| status["evaluations"].as_u64() > Some(0)).map(drop);
        fluo_end_to_end::wait::until("the first evaluation", begun).await;

        let (mut objects, mut cases) = (0, BTreeSet::new());
        let began = Instant::now();
        while began.elapsed() < crate::time() {
            objects += 1;
            if self.arrive(place, &evaluators, objects, true).await {
                cases.insert(name(objects));
            }
            let left = crate::time().saturating_sub(began.elapsed());
            self.trouble(place, &receiver, &mut evaluators, left).await;
            evaluators.revive();
            objects += 1;
            self.arrive(place, &evaluators, objects, false).await;
        }
        let troubled = began.elapsed();
        place.heal();
        receiver.refuse(false);

        let healed = Instant::now();
        let mut wrong = "nothing was looked at".to_owned();
        while healed.elapsed() < PATIENCE {
            evaluators.revive();
            objects += 1;
            self.arrive(place, &evaluators, objects, false).await;
            sleep(Duration::from_secs(1)).await;
            match missing(&cases, &receiver, &evaluators) {
                Some(missing) => wrong = missing,
                None => {
                    wrong.clear();
                    break;
                }
            }
        }
        eprintln!(
            "{} cases, {} kills, {} outages, {} other troubles in {} s; {} deliveries; all told {} s after; evaluators \
             ended by themselves {} times; about fluo: {:?}",
            cases.len(),
            self.kills,
            self.outages,
            self.others,
            troubled.as_secs(),
            receiver.deliveries(),
            healed.elapsed().as_secs(),
            evaluators.ended,
            receiver.troubles()
        );
        assert!(
            wrong.is_empty(),
            "{} s after all was healed: {wrong}\n{}",
            PATIENCE.as_secs(),
            evaluators.logs()
        );
        assert!(!cases.is_empty(), "no case at all");
        sound(&receiver);
    }

    /// Brings an object into the store, however often it takes; a case that could not be brought is none.
    async fn arrive(
        &mut self,
        place: &impl Place,
        evaluators: &Evaluators,
        number: u64,
        failed: bool,
    ) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let file = evaluators.folder().join(format!("traces_{number}.binpb"));
        fs::write(&file, object(number, u64::try_from(now.as_nanos()).unwrap(), failed)).unwrap();
        for _ in 0..20 {
            if place.ingest(&file).await {
                return true;
            }
            place.heal();
        }
        panic!("object {number} could not be brought into the store");
    }

    /// One trouble, or a moment's rest.
    async fn trouble(
        &mut self,
        place: &impl Place,
        receiver: &Receiver,
        evaluators: &mut Evaluators,
        left: Duration,
    ) {
        let short = Duration::from_millis(self.random.u64(..1500));
        let long = duration(&mut self.random, left);
        // Kills are cheap and many, the rest takes its time.
        let trouble = if self.random.u8(..3) > 0 {
            Some(Trouble::Kill)
        } else {
            self.random.choice(self.troubles.clone())
        };
        let Some(trouble) = trouble else { return };
        match trouble {
            Trouble::Kill => {
                self.kills += 1;
                sleep(short).await;
                evaluators.kill(self.random.usize(..2));
            }
            Trouble::Receiver => {
                self.others += 1;
                receiver.refuse(true);
                sleep(long).await;
                receiver.refuse(false);
            }
            Trouble::Outage => {
                self.outages += 1;
                let requests = [Requests::Get, Requests::List, Requests::Put, Requests::All];
                let failures =
                    [Failure::Busy, Failure::Forbidden, Failure::Reset, Failure::Half, Failure::Hang];
                sleep(short).await;
                place.cut(self.random.choice(requests).unwrap(), self.random.choice(failures).unwrap());
                sleep(long).await;
                place.heal();
            }
            Trouble::FullDisk => {
                self.others += 1;
                place.fill(true);
                sleep(long).await;
                place.fill(false);
            }
            Trouble::Descriptors => {
                self.others += 1;
                let number = self.random.usize(..2);
                evaluators.restart(number, Some(self.random.u32(8..20)));
                sleep(long).await;
                evaluators.restart(number, None);
            }
        }
    }
}

/// Returns what is still to be told, or to be judged; none where nothing is.
fn missing(cases: &BTreeSet<String>, receiver: &Receiver, evaluators: &Evaluators) -> Option<String> {
    let told = receiver.by_group();
    for rule in NAMES {
        for case in cases {
            let of_group = told.get(&(rule.to_owned(), case.clone()));
            let Some(of_group) = of_group else { return Some(format!("{rule} says nothing of {case}")) };
            let over = ["resolved", "fired_late", "summary"];
            if !of_group.events.iter().any(|event| over.contains(&event.as_str())) {
                return Some(format!("{rule} does not say that {case} is over: {:?}", of_group.events));
            }
        }
    }
    let Some(status) = evaluators.status() else { return Some("`fluo status` says nothing".to_owned()) };
    for list in ["rule_errors", "rule_file_errors", "damaged_files", "troubles"] {
        if status[list].as_array().is_some_and(|list| !list.is_empty()) {
            return Some(format!("`fluo status` still has {list}: {}", status[list]));
        }
    }
    let waiting = status["outbox"]["waiting"].as_u64() > Some(0);
    waiting.then(|| format!("the outbox is not empty: {}", status["outbox"]))
}

/// Checks that nothing was told that may never be told.
fn sound(receiver: &Receiver) {
    for ((rule, case), of_group) in receiver.by_group() {
        assert_eq!(of_group.ids.len(), 1, "{rule} tells of {case} under several ids: {of_group:?}");
        assert_ne!(case, "none", "{rule} tells of a login that went well");
        for event in ["withdrawn", "unjudged"] {
            assert!(!of_group.events.iter().any(|it| it == event), "{rule} {event} {case}: {of_group:?}");
        }
    }
    let unjudged: Vec<_> = receiver.troubles().into_iter().filter(|(event, _)| event == "unjudged").collect();
    assert_eq!(unjudged, [], "the past was not judged");
}
