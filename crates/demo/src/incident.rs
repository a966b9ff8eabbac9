//! The incident in the shop, and its times: the truth that detection is measured against.
//!
//! A new version of auth-service's secret is rolled out, pod by pod, and the token in it is not the one that the
//! user directory knows: every login that such a pod takes is answered with 401. Some minutes later the right token
//! is rolled out in the same way.

use fluo_time::Nanos;

use super::shop::Pod;
use super::shop::Service;

const SECOND: i64 = Nanos::SECOND.0;

/// The length of the story, in minutes.
pub(crate) const MINUTES: i64 = 16;

/// The seconds since the story's start at which each pod of auth-service gets the wrong token, and the right one.
const ROLLOUT: [(i64, i64); 3] =
    [(5 * 60 + 12, 10 * 60 + 31), (6 * 60 + 19, 10 * 60 + 52), (7 * 60 + 27, 11 * 60 + 14)];

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
}
