//! An evaluator may be asked to end: what its tick does then.
//!
//! | the tick | does |
//! | --- | --- |
//! | evaluates | drops the evaluation, which nothing outside this process knows of: the next tick makes it |
//! | writes the state or records | goes on, as after a crash whoever comes next would |
//! | sends a notification | waits for the answer, which is bounded, and confirms it; begins no other |
//! | holds leases of what it does not come to send | gives them back, so that the next process need not wait |
//!
//! A signal is one that asks; a test is another. Whoever asks need not trust that a tick ends: the state is whole at
//! every instruction, so that a process that hangs may be ended from outside once [`Stop::is_sending`] says no.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// The request that an evaluator end, shared by who asks and who works.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    asked: watch::Sender<bool>,
    sending: AtomicUsize,
}

impl Stop {
    /// Asks, once and for all.
    pub fn ask(&self) {
        self.0.asked.send_replace(true);
    }

    /// Returns whether somebody has asked.
    pub fn is_asked(&self) -> bool {
        *self.0.asked.borrow()
    }

    /// Returns when somebody asks, or has asked.
    pub async fn asked(&self) {
        let mut asked = self.0.asked.subscribe();
        // The sender lives as long as `self`: waiting ends for no other reason.
        let _ = asked.wait_for(|asked| *asked).await;
    }

    /// Returns whether a notification is on its way to a receiver, or has not been confirmed yet.
    pub fn is_sending(&self) -> bool {
        self.0.sending.load(Ordering::SeqCst) > 0
    }

    /// Says, as long as the result lives, that a notification is on its way.
    pub(crate) fn sending(&self) -> Sending<'_> {
        self.0.sending.fetch_add(1, Ordering::SeqCst);
        Sending(&self.0.sending)
    }
}

/// See [`Stop::sending`].
pub(crate) struct Sending<'a>(&'a AtomicUsize);

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_told_whenever_it_is_asked() {
        let stop = Stop::default();
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.asked().await }
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(!waiting.is_finished() && !stop.is_asked());
        stop.ask();
        waiting.await.unwrap();
        stop.asked().await;
        assert!(stop.is_asked());
    }

    #[test]
    fn a_notification_is_on_its_way_until_it_is_confirmed() {
        let stop = Stop::default();
        let (one, other) = (stop.sending(), stop.sending());
        drop(one);
        assert!(stop.is_sending());
        drop(other);
        assert!(!stop.is_sending());
    }
}
