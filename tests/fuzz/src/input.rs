//! (target, seed, number) → an input: the same on every machine.

use std::io;

use fastrand::Rng;

use crate::mutate;
use crate::target::Target;

/// The inputs of a target for one seed.
pub struct Inputs {
    target: Target,
    seed: u64,
    seeds: Vec<Vec<u8>>,
}

impl Inputs {
    /// Reads the seeds of `target`.
    pub fn of(target: Target, seed: u64) -> io::Result<Self> {
        let seeds = target.inputs()?;
        if seeds.is_empty() {
            return Err(io::Error::other(format!("the target `{}` has no seeds", target.name)));
        }
        Ok(Self { target, seed, seeds })
    }

    /// Returns the target that they are for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns how many there are before anything is changed.
    pub fn unchanged(&self) -> u64 {
        self.seeds.len() as u64
    }

    /// The input of this number: first every seed as it is, then changed ones without end.
    pub fn get(&self, number: u64) -> Vec<u8> {
        if let Some(seed) = usize::try_from(number).ok().and_then(|number| self.seeds.get(number)) {
            return seed.clone();
        }
        // Far apart for neighbours, as the generator's own seeding spreads little.
        let mixed =
            (self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd1b5_4a32_d192_ed03);
        let mut random = Rng::with_seed(mixed);
        let one = &self.seeds[random.usize(..self.seeds.len())];
        let other = &self.seeds[random.usize(..self.seeds.len())];
        mutate::mutate(one, other, &self.target, &mut random)
    }
}
