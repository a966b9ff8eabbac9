//! Finds demands that always hold in traces, and those that nearly always do.

use std::collections::{BTreeMap, BTreeSet};

use crate::traces::{Counted, Example, TraceId, Traces};

/// The number of traces in which something must have been so, without exception, before it is proposed.
pub(crate) const SUPPORT: u64 = 100;

/// Exceptions of this share at most are worth a look.
const FEW_EXCEPTIONS: f64 = 0.005;

/// Most operations of a chain.
const LONGEST_CHAIN: usize = 8;

/// Something that held in all traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invariant {
    /// The demand that held.
    pub demand: Demand,
    /// The number of traces in which it could have been broken, and was not.
    pub support: u64,
    /// A trace in which it shows.
    pub example: Example,
}

/// A demand on traces. Operations are told by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// All the others are where the first is.
    Together(u32, Vec<u32>),
    /// One after the other, each ended before the next begins, wherever the last is.
    InOrder(Vec<u32>),
}

impl Demand {
    /// The operations that it is about, the occasion first.
    pub fn operations(&self) -> Vec<u32> {
        match self {
            Self::Together(when, always) => std::iter::once(*when).chain(always.iter().copied()).collect(),
            Self::InOrder(steps) => steps.iter().rev().copied().collect(),
        }
    }
}

/// Something that nearly always holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearly {
    /// The demand.
    pub what: NearDemand,
    /// The number of times that it could have been broken.
    pub of: u64,
    /// The number of times that it was, and traces of these.
    pub exceptions: Counted,
}

/// A demand that nearly always holds. Operations are told by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NearDemand {
    /// The second is where the first is.
    With(u32, u32),
    /// The first has ended where the second begins.
    Before(u32, u32),
    /// The first is called by the second.
    CalledBy(u32, u32),
}

/// The callers of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callers {
    /// The operation's number.
    pub operation: u32,
    /// The operations that called it, with how often.
    pub by: Vec<(u32, u64)>,
}

/// Everything that was found of traces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invariants {
    /// The demands that always held, the best supported first.
    pub always: Vec<Invariant>,
    /// The demands that nearly always held.
    pub nearly: Vec<Nearly>,
    /// The callers of each operation that was called.
    pub callers: Vec<Callers>,
}

/// A look at traces for what always holds.
struct Finder<'a> {
    traces: &'a Traces,
    /// By operation: those that are in all traces with it.
    with: BTreeMap<u32, BTreeSet<u32>>,
}

impl Invariants {
    /// Finds what holds in traces.
    pub fn of(traces: &Traces) -> Self {
        let mut callers: BTreeMap<u32, Vec<(u32, u64)>> = BTreeMap::new();
        let mut calls: Vec<(&(u32, u32), &Counted)> = traces.calls.iter().collect();
        calls.sort_unstable_by_key(|(call, _)| **call);
        for ((operation, by), counted) in &calls {
            callers.entry(*operation).or_default().push((*by, counted.times));
        }
        let mut nearly = nearly_called(&callers, traces);
        let finder = Finder::new(traces, &mut nearly);
        let mut always = finder.together();
        always.extend(finder.in_order(&mut nearly));
        let said: Vec<bool> = nearly.iter().map(|one| finder.is_said_above(one, &nearly)).collect();
        let mut said = said.into_iter();
        nearly.retain(|_| said.next() != Some(true));
        always.sort_by(|one, other| (other.support, &one.demand).cmp(&(one.support, &other.demand)));
        nearly.sort_by(|one, other| {
            let share = |nearly: &Nearly| {
                u128::from(nearly.exceptions.times) << 64 | u128::from(u64::MAX - nearly.of)
            };
            (share(one), &one.what).cmp(&(share(other), &other.what))
        });
        let callers = callers.into_iter().map(|(operation, by)| Callers { operation, by }).collect();
        Self { always, nearly, callers }
    }
}

/// Returns whether exceptions are there, and few enough to be looked at.
pub(crate) fn is_nearly(exceptions: u64, of: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = exceptions as f64 / of as f64;
    exceptions > 0 && of >= SUPPORT && share <= FEW_EXCEPTIONS
}

/// The operations that are called by another than usual, now and then.
fn nearly_called(callers: &BTreeMap<u32, Vec<(u32, u64)>>, traces: &Traces) -> Vec<Nearly> {
    let mut nearly = Vec::new();
    for (operation, by) in callers {
        let of: u64 = by.iter().map(|(_, times)| times).sum();
        let Some((usual, times)) = by.iter().max_by_key(|(by, times)| (*times, std::cmp::Reverse(*by)))
        else {
            continue;
        };
        if !is_nearly(of - times, of) {
            continue;
        }
        let mut exceptions = Counted::default();
        for (other, times) in by.iter().filter(|(other, _)| other != usual) {
            let named: &[TraceId] =
                traces.calls.get(&(*operation, *other)).map_or(&[], |counted| &counted.traces);
            for (at, trace) in named.iter().enumerate() {
                exceptions.add(if at == 0 { *times } else { 0 }, *trace);
            }
        }
        nearly.push(Nearly { what: NearDemand::CalledBy(*operation, *usual), of, exceptions });
    }
    nearly
}

/// Chains of operations of which each comes right before the next: back from each, as long as one comes before it.
fn chains(before: &BTreeMap<u32, Vec<u32>>) -> Vec<Vec<u32>> {
    let mut chains: Vec<Vec<u32>> = Vec::new();
    for (after, firsts) in before {
        for first in firsts {
            let mut chain = vec![*first, *after];
            while let Some(&[earlier]) = before.get(&chain[0]).map(Vec::as_slice)
                && chain.len() < LONGEST_CHAIN
                && !chain.contains(&earlier)
            {
                chain.insert(0, earlier);
            }
            chains.push(chain);
        }
    }
    chains
}

impl<'a> Finder<'a> {
    fn new(traces: &'a Traces, nearly: &mut Vec<Nearly>) -> Self {
        let mut finder = Self { traces, with: BTreeMap::new() };
        let mut together: Vec<((u32, u32), u64)> =
            traces.together.iter().map(|(pair, traces)| (*pair, *traces)).collect();
        together.sort_unstable();
        for ((one, other), both) in together {
            for (when, always) in [(one, other), (other, one)] {
                let of = finder.having(when);
                if of < SUPPORT {
                    continue;
                }
                if both == of {
                    finder.with.entry(when).or_default().insert(always);
                } else if is_nearly(of - both, of) && !finder.is_above(always, when) {
                    let exceptions = traces.without(when, always);
                    nearly.push(Nearly { what: NearDemand::With(when, always), of, exceptions });
                }
            }
        }
        finder
    }

    /// Returns whether what nearly holds of an operation is said, with the same exceptions, of one above it.
    fn is_said_above(&self, one: &Nearly, all: &[Nearly]) -> bool {
        all.iter().filter(|other| other.exceptions == one.exceptions).any(|other| {
            match (&one.what, &other.what) {
                (NearDemand::With(when, always), NearDemand::With(above, same)) => {
                    always == same && self.is_above(*above, *when)
                }
                (NearDemand::Before(before, after), NearDemand::Before(above, same)) => {
                    after == same && self.is_above(*above, *before)
                }
                _ => false,
            }
        })
    }

    fn having(&self, operation: u32) -> u64 {
        self.traces.having.get(&operation).copied().unwrap_or(0)
    }

    fn is_with(&self, when: u32, always: u32) -> bool {
        self.with.get(&when).is_some_and(|with| with.contains(&always))
    }

    /// The operations of which a span is always above those of one.
    fn above(&self, operation: u32) -> &[u32] {
        self.traces.above.get(&operation).map_or(&[], Vec::as_slice)
    }

    /// Returns whether a span of one operation is always above those of another.
    fn is_above(&self, one: u32, other: u32) -> bool {
        self.above(other).contains(&one)
    }

    /// Finds the operations that are wherever one is; of these, those that no other demand says already.
    fn together(&self) -> Vec<Invariant> {
        let mut found = Vec::new();
        for (when, with) in &self.with {
            let always = self.demanded(*when, with);
            let operations: Vec<u32> = std::iter::once(*when).chain(always.iter().copied()).collect();
            if let Some(example) = self.traces.example(&operations).filter(|_| !always.is_empty()) {
                let demand = Demand::Together(*when, always);
                found.push(Invariant { demand, support: self.having(*when), example });
            }
        }
        found
    }

    /// The operations of which it must be said that they are there with one.
    fn demanded(&self, when: u32, with: &BTreeSet<u32>) -> Vec<u32> {
        let first = self.first(when);
        if first != when {
            // Where all are always together, one speaks for the others.
            return if self.is_above(first, when) { Vec::new() } else { vec![first] };
        }
        let is_alike = |other: u32| self.is_with(other, when);
        let candidates: Vec<u32> =
            with.iter().copied().filter(|other| is_alike(*other) || self.first(*other) == *other).collect();
        let is_said = |always: u32| {
            self.is_above(always, when)
                || candidates.iter().copied().filter(|other| *other != always).any(|other| {
                    // What calls it is there with it; and what goes further says by itself what is with it.
                    let says =
                        || !is_alike(other) && self.is_with(other, always) && !self.is_with(always, other);
                    self.is_above(always, other) || says()
                })
        };
        candidates.iter().copied().filter(|always| !is_said(*always)).collect()
    }

    /// Of the operations that are always together with one, itself among them, the one that speaks for all: the uppermost.
    fn first(&self, operation: u32) -> u32 {
        let alike = self.with.get(&operation).into_iter().flatten().copied();
        let alike = alike.filter(|other| self.is_with(*other, operation)).chain([operation]);
        alike.min_by_key(|one| (self.above(*one).len(), *one)).unwrap_or(operation)
    }

    /// Returns whether one operation has ended, always, where another begins.
    fn is_before(&self, before: u32, after: u32) -> bool {
        self.is_with(after, before)
            && self.traces.out_of_order(before, after).is_some_and(|broken| broken.times == 0)
    }

    /// Operations that follow each other: chains of which no part is said by another.
    fn in_order(&self, nearly: &mut Vec<Nearly>) -> Vec<Invariant> {
        let mut before: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (after, with) in &self.with {
            for first in with {
                match self.traces.out_of_order(*first, *after) {
                    Some(broken) if broken.times == 0 => {
                        before.entry(*after).or_default().insert(*first);
                    }
                    Some(broken) if is_nearly(broken.times, self.having(*after)) => nearly.push(Nearly {
                        what: NearDemand::Before(*first, *after),
                        of: self.having(*after),
                        exceptions: broken.clone(),
                    }),
                    _ => {}
                }
            }
        }
        let nearest = |after: u32, firsts: &BTreeSet<u32>| -> Vec<u32> {
            let is_said = |first: u32| {
                // Something between them, or what is above either of them, says it. What is above the second and has
                // ended did not wait for it.
                self.is_above(first, after)
                    || firsts.iter().any(|other| *other != first && self.is_before(first, *other))
                    || self.above(after).iter().any(|above| self.is_before(first, *above))
                    || firsts.iter().any(|other| {
                        self.is_above(*other, first)
                            && self.is_with(*other, first)
                            && !self.is_above(*other, after)
                    })
            };
            firsts.iter().copied().filter(|first| !is_said(*first)).collect()
        };
        let reduced: BTreeMap<u32, Vec<u32>> =
            before.iter().map(|(after, firsts)| (*after, nearest(*after, firsts))).collect();
        let chains = chains(&reduced);
        // A chain that another goes on from, and that is in as many traces, is said by that.
        let goes_on = |chain: &[u32], longer: &[u32]| {
            let last = chain.last().copied().unwrap_or(0);
            longer.len() > chain.len()
                && longer.starts_with(chain)
                && longer.last().is_some_and(|end| self.is_with(last, *end))
        };
        let kept = chains.iter().filter(|chain| !chains.iter().any(|longer| goes_on(chain, longer)));
        kept.filter_map(|chain| {
            let support = self.having(*chain.last()?);
            let example = self.traces.example(chain)?;
            Some(Invariant { demand: Demand::InOrder(chain.clone()), support, example })
        })
        .collect()
    }
}
