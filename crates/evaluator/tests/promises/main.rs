//! The promises of an evaluator, held against real ticks over real data files: whatever happens to the process, to the
//! network, to other evaluators, to rules, files and receivers.
//!
//! | module | promise |
//! | --- | --- |
//! | `anything` | whatever becomes of rules and files, alerts end once, and by what shows it |
//! | `crashes` | a crash at any instruction loses nothing and makes no second alert |
//! | `two_evaluators` | two evaluators at once tell everything once |
//! | `page` | the page beside the state costs no evaluation anything |
//! | `outages` | what was missed is judged in order, told in short, and not without end |
//! | `missing` | files that are gone, damaged or not readable prove nothing, and what they held is judged once it can be |
//! | `pipelines` | missing data is not an answer |
//! | `rule_changes` | alerts outlive the text of their rules as far as they should |
//! | `rule_store` | a rule file that a store does not give costs itself, and its rules go on |
//! | `isolation` | one bad rule or file stays one |
//! | `messages` | what is told is enough to act on |
//! | `muting` | silences, inhibition, limits, reminders |
//! | `receivers` | a receiver that refuses holds up no other |
//! | `states` | the state is read as it was written, or not at all |
//! | `detection` | as early as is sound |
//! | `arrivals` | what is asked for by arrival is told seconds after its file, and costs nothing where nothing came |
//! | `across` | an occasion is told once, and rightly, whatever of what belongs to it arrives when |
//! | `together` | what one cause breaks is one message, whoever dies while it is told |
//! | `queries` | a query is asked at the watermark, again when spans come late, and fails alone |
//! | `traces` | a trace is told once, and rightly, whatever of it arrives when |
//!
//! `support` is the world they run in.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]
#![allow(clippy::print_stderr, reason = "how much was tried belongs to the result of a test")]

mod across;
mod anything;
mod arrivals;
mod compaction;
mod crashes;
mod detection;
mod isolation;
mod kin;
mod messages;
mod missing;
mod muting;
mod outages;
mod page;
mod pipelines;
mod queries;
mod receivers;
mod rule_changes;
mod rule_store;
mod states;
mod support;
mod together;
mod traces;
mod troubles;
mod two_evaluators;
