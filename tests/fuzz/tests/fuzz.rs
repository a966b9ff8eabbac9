//! The machinery finds what is wrong, and what was once found stays mended.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fluo_fuzz::attempt::{Failure, Limits, STACK_BYTES, attempt};
use fluo_fuzz::input::Inputs;
use fluo_fuzz::target::{Form, Target, corpus};
use fluo_fuzz::targets::all;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Far above what any input takes without optimisation: times are the campaign's matter.
const LIMITS: Limits = Limits { time: Duration::from_mins(1), memory: 512 << 20 };

/// The cost of an attempt is that of the process meanwhile: one test tries at a time.
static TRYING: Mutex<()> = Mutex::new(());

fn with_a_small_stack(run: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run).unwrap().join().unwrap();
    });
}

#[test]
fn every_seed_and_every_kept_input_is_survived() {
    let _alone = TRYING.lock().unwrap_or_else(PoisonError::into_inner);
    with_a_small_stack(|| {
        for target in all() {
            let inputs = Inputs::of(target, 1).unwrap();
            for number in 0..inputs.unchanged() {
                let (_, failure) = attempt(&target, &inputs.get(number), &MEMORY, LIMITS);
                assert_eq!(failure, None, "{} {number}", target.name);
            }
        }
    });
}

#[test]
fn every_folder_of_the_corpus_is_of_a_target() {
    let all = all();
    let root = corpus(&all[0]).parent().unwrap().to_path_buf();
    if root.is_dir() {
        for folder in std::fs::read_dir(root).unwrap() {
            let name = folder.unwrap().file_name().into_string().unwrap();
            assert!(all.iter().any(|target| target.name == name), "no target reads corpus/{name}");
        }
    }
}

#[test]
fn the_same_seed_and_number_give_the_same_input() {
    for target in all() {
        let (one, other) = (Inputs::of(target, 7).unwrap(), Inputs::of(target, 7).unwrap());
        let changed = one.unchanged() + 5;
        assert_eq!(one.get(changed), other.get(changed), "{}", target.name);
        let another_seed = Inputs::of(target, 8).unwrap();
        let differ =
            (changed..changed + 20).filter(|&number| one.get(number) != another_seed.get(number)).count();
        assert!(differ > 10, "{}: {differ} of 20 differ", target.name);
    }
}

/// A target with one fault.
const fn faulty(run: fn(&[u8])) -> Target {
    Target { name: "faulty", form: Form::Text, run, seeds: &[], endings: &[], examples: &["a"], words: &[] }
}

#[test]
fn panics_and_hunger_are_seen() {
    let _alone = TRYING.lock().unwrap_or_else(PoisonError::into_inner);
    let panics = attempt(&faulty(|_| panic!("no")), b"", &MEMORY, LIMITS).1;
    assert_eq!(panics, Some(Failure::Panic("no".to_owned())));
    let hungry = faulty(|_| drop(std::hint::black_box(vec![1_u8; 2 << 20])));
    let limits = Limits { memory: 1 << 20, ..LIMITS };
    assert!(matches!(attempt(&hungry, b"", &MEMORY, limits).1, Some(Failure::Large(_))));
    let slow = attempt(&faulty(|_| {}), b"", &MEMORY, Limits { time: Duration::ZERO, ..LIMITS }).1;
    assert!(matches!(slow, Some(Failure::Slow(_))));
}
