//! The faults in the shop, and their times: the truth that detection is measured against.
//!
//! A new version of auth-service's secret is rolled out, pod by pod, and the token in it is not the one that the
//! user directory knows: every login that such a pod takes is answered with 401. Some minutes later the right token
//! is rolled out in the same way.
//!
//! Meanwhile a pod of payment charges cards without asking for fraud, as nobody sees in any one span; and cart leaks
//! connections from early on, so that every request takes a little longer than the one before.

use fluo_time::Nanos;

use super::shop::Pod;
use super::shop::Service;

const SECOND: i64 = Nanos::SECOND.0;

/// The length of the story, in minutes.
pub(crate) const MINUTES: i64 = 16;

/// The seconds since the story's start at which each pod of auth-service gets the wrong token, and the right one.
const ROLLOUT: [(i64, i64); 3] =
    [(5 * 60 + 12, 10 * 60 + 31), (6 * 60 + 19, 10 * 60 + 52), (7 * 60 + 27, 11 * 60 + 14)];

/// The seconds since the story's start from which on the second pod of payment skips its check for fraud, and from which
/// on it makes it again.
const UNCHECKED: (i64, i64) = (8 * 60 + 40, 12 * 60 + 25);

/// The seconds since the story's start from which on cart leaks.
const LEAK_BEGINS: i64 = 2 * 60;

/// The time by which a request to cart takes longer, a second later; in microseconds.
const LEAK: i64 = 700;

/// The incident on the clock of one demo.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incident {
    /// The story's start in nanoseconds since the epoch.
    start: i64,
}

/// Something that an operator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Nanoseconds since the epoch.
    pub(crate) at: i64,
    /// For people.
    pub(crate) what: String,
}

impl Incident {
    pub(crate) fn new(start: i64) -> Self {
        Self { start }
    }

    fn at(self, seconds: i64) -> i64 {
        self.start + seconds * SECOND
    }

    /// Returns whether logins that this pod takes at this moment must fail.
    pub(crate) fn token_is_wrong(self, pod: Pod, at: i64) -> bool {
        pod.service == Service::Auth
            && ROLLOUT
                .get(usize::from(pod.number))
                .is_some_and(|(wrong, right)| at >= self.at(*wrong) && at < self.at(*right))
    }

    /// Returns whether this pod charges cards at this moment without asking for fraud.
    pub(crate) fn skips_fraud_check(self, pod: Pod, at: i64) -> bool {
        let (from, to) = UNCHECKED;
        pod == Pod { service: Service::Payment, number: 1 } && at >= self.at(from) && at < self.at(to)
    }

    /// The moment from which on it does.
    pub(crate) fn unchecked_from(self) -> i64 {
        self.at(UNCHECKED.0)
    }

    /// Returns the time that a request to cart waits for a connection at this moment, in microseconds.
    pub(crate) fn wait_in_cart(self, at: i64) -> u64 {
        let leaking = (at - self.leaks_from()) / SECOND;
        u64::try_from(leaking * LEAK).unwrap_or(0)
    }

    /// The moment from which on it waits at all.
    pub(crate) fn leaks_from(self) -> i64 {
        self.at(LEAK_BEGINS)
    }

    /// The moment at which the first pod got the wrong token.
    pub(crate) fn began(self) -> i64 {
        self.at(ROLLOUT.iter().map(|(wrong, _)| *wrong).min().unwrap_or(0))
    }

    /// The moment at which the last pod got the right one.
    pub(crate) fn ended(self) -> i64 {
        self.at(ROLLOUT.iter().map(|(_, right)| *right).max().unwrap_or(0))
    }

    /// The changes that were rolled out, in order of time.
    pub(crate) fn changes(self) -> Vec<Change> {
        let mut changes: Vec<Change> = (0_u8..)
            .zip(ROLLOUT)
            .flat_map(|(number, (wrong, right))| {
                let pod = Pod { service: Service::Auth, number }.name();
                [
                    Change { at: self.at(wrong), what: format!("{pod} gets a wrong token") },
                    Change { at: self.at(right), what: format!("{pod} gets the right token") },
                ]
            })
            .collect();
        let pod = Pod { service: Service::Payment, number: 1 }.name();
        changes.extend([
            Change { at: self.leaks_from(), what: "cart begins to leak connections".to_owned() },
            Change { at: self.at(UNCHECKED.0), what: format!("{pod} skips its fraud check") },
            Change { at: self.at(UNCHECKED.1), what: format!("{pod} makes it again") },
        ]);
        changes.sort_by_key(|change| change.at);
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pod_of_the_service_has_its_turn() {
        let incident = Incident::new(0);
        assert_eq!(ROLLOUT.len(), usize::from(Service::Auth.pods()));
        for number in 0..Service::Auth.pods() {
            let pod = Pod { service: Service::Auth, number };
            assert!(!incident.token_is_wrong(pod, incident.began() - 1));
            assert!(incident.token_is_wrong(pod, incident.began().midpoint(incident.ended())));
            assert!(!incident.token_is_wrong(pod, incident.ended()));
        }
        assert!(!incident.token_is_wrong(Pod { service: Service::Cart, number: 0 }, incident.ended() - 1));
        assert!(incident.ended() < MINUTES * 60 * SECOND);
    }

    #[test]
    fn a_leak_grows_and_one_pod_skips_its_check_for_a_while() {
        let incident = Incident::new(0);
        let waits = [0, 2, 3, 16].map(|minute| incident.wait_in_cart(minute * 60 * SECOND));
        assert_eq!(waits, [0, 0, 42_000, 588_000]);
        let pods = [0, 1].map(|number| Pod { service: Service::Payment, number });
        let skips = |at| pods.map(|pod| incident.skips_fraud_check(pod, at));
        let from = incident.unchecked_from();
        assert_eq!(
            [skips(from - 1), skips(from), skips(from + 4 * 60 * SECOND)],
            [[false, false], [false, true], [false, false]]
        );
    }
}
