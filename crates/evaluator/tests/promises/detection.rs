//! As early as is sound: exact rules by the first tick after the span that breaks them has arrived, grid rules by the
//! first one whose watermark has passed.

use fluo_spans::span::Status;

use crate::support::{
    CHECKOUT_ERRORS, Due, MINUTE, NOON, SECOND, World, failures, files, good, minute, random, span,
};

const ORIGIN: &str = include_str!("../../../../rules/auth/auth-failures.yml");

#[tokio::test]
async fn the_first_rule_is_reported_by_the_first_tick_after_the_sixth_failure_has_arrived() {
    let rules = files(&[("auth-failures.yml", ORIGIN)]);
    for seed in 0..25 {
        let mut seed: u64 = seed;
        let mut below =
            |bound: i64| i64::try_from(random(&mut seed).rem_euclid(bound.unsigned_abs())).unwrap();
        let mut world = World::in_memory();
        world.arrive(NOON, good("checkout", NOON - MINUTE, 2)).await;
        world.tick(Due::at(NOON, &rules)).await;
        // Six failures within less than a minute, wherever a clock minute begins, each in a file of its own that
        // arrives some time later, in any order.
        let begin = NOON + SECOND + below(120 * SECOND);
        let mut ends: Vec<i64> = (0..6).map(|_| begin + below(MINUTE - 1)).collect();
        ends.sort_unstable();
        ends.dedup();
        assert_eq!(ends.len(), 6);
        let mut arriving: Vec<(i64, i64)> = ends.iter().map(|end| (end + below(10 * MINUTE), *end)).collect();
        arriving.sort_unstable();
        let sixth = arriving[5].0;
        let mut now = NOON;
        let mut arriving = arriving.into_iter().peekable();
        loop {
            now += MINUTE;
            while let Some((at, end)) = arriving.next_if(|(at, _)| *at <= now) {
                world.arrive(at, vec![span("auth-service", "a", Status::Error, end)]).await;
            }
            world.tick(Due::at(now, &rules)).await;
            let told = world.post().taken;
            if now < sixth {
                assert_eq!(told.len(), 0, "five are not enough");
                continue;
            }
            // It may be over by now, which is told as well; it is one alert, and told by this tick.
            assert_eq!(told.len(), 1, "seed {seed}");
            let alert = told[0].notification.alert.as_ref().unwrap();
            assert_eq!(alert.violation.starts_at, ends[5]);
            assert_eq!(alert.values, [("count".to_owned(), "6".to_owned())]);
            assert_eq!(alert.violation.evidence.len(), 6);
            break;
        }
    }
}

#[tokio::test]
async fn a_grid_rule_is_reported_by_the_first_tick_whose_watermark_has_passed() {
    let rules = files(&[("rules.yml", CHECKOUT_ERRORS)]);
    // Ticks of any offset to the grid; the watermark lies a minute behind.
    for offset in [0, 1, 7, 59] {
        let mut world = World::in_memory();
        for tick in 0..=6 {
            let now = minute(tick) + offset * SECOND;
            if tick == 2 {
                world.arrive(now, failures("checkout", "z", minute(1) + 10 * SECOND, 9)).await;
            } else {
                world.arrive(now, good("checkout", minute(tick - 1), 3)).await;
            }
            world.tick(Due::at(now, &rules)).await;
            // The window that ends at 12:02 is complete at the watermark 12:02: at or after 12:03.
            let told = world.news();
            let expected: &[&str] = if tick == 3 { &["firing checkout-errors"] } else { &[] };
            if tick <= 3 {
                assert_eq!(told, expected, "offset {offset}, tick {tick}");
            }
        }
    }
}
