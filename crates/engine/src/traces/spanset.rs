//! The spans of a trace that filters and the operators between them select. Pure.

use fluo_rules::trace::TieKind;
use fluo_rules::trace::spanset::{Kinship, Operator, Returned, Spanset};

use super::light::Family;

/// Returns of each span of a trace whether it is one of a spanset. `of_step`: the same of a step.
pub(super) fn selected<'a>(
    spanset: &Spanset<usize>,
    of_step: &dyn Fn(usize) -> Vec<bool>,
    family: &dyn Fn() -> &'a Family<'a>,
) -> Vec<bool> {
    let (operator, left, right) = match spanset {
        Spanset::Filter(step) => return of_step(*step),
        Spanset::Pair { operator, left, right } => {
            (*operator, selected(left, of_step, family), selected(right, of_step, family))
        }
    };
    let is_any = left.contains(&true) && right.contains(&true);
    match operator {
        Operator::Either => each(&left, &right, |left, right| left || right),
        Operator::Both => each(&left, &right, |left, right| is_any && (left || right)),
        // No span is related to one of none.
        Operator::Related(_, Returned::Others) if !is_any => right,
        Operator::Related(..) if !is_any => vec![false; right.len()],
        Operator::Related(kinship, returned) => {
            let related = Related::of(kinship, &left, &right, family());
            match returned {
                Returned::Right => related.right,
                Returned::Others => each(&right, &related.right, |right, related| right && !related),
                Returned::Both => each(&related.left, &related.right, |left, right| left || right),
            }
        }
    }
}

fn each(left: &[bool], right: &[bool], of: impl Fn(bool, bool) -> bool) -> Vec<bool> {
    left.iter().zip(right).map(|(left, right)| of(*left, *right)).collect()
}

/// The spans of two sides that are related to one of the other.
struct Related {
    left: Vec<bool>,
    right: Vec<bool>,
}

impl Related {
    fn of(kinship: Kinship, left: &[bool], right: &[bool], family: &Family<'_>) -> Self {
        let (kind, is_of_left) = kinship.tie();
        if kind == TieKind::SiblingOf {
            // Each of many children has all others as siblings.
            let both =
                |own: &[bool], other: &[bool]| each(own, &family.siblings(other), |own, has| own && has);
            return Self { left: both(left, right), right: both(right, left) };
        }
        let (tied, to) = if is_of_left { (left, right) } else { (right, left) };
        let (mut from, mut reached) = (vec![false; tied.len()], vec![false; to.len()]);
        for span in (0..tied.len()).filter(|span| tied[*span]) {
            for other in family.others(kind, span).filter(|other| to[*other]) {
                from[span] = true;
                reached[other] = true;
            }
        }
        if is_of_left { Self { left: from, right: reached } } else { Self { left: reached, right: from } }
    }
}
