//! The reference held to scenarios whose outcome a person can work out: a wrong reference would prove nothing.

mod build;
mod conditions;
mod episodes;
mod exactness;
mod groups;
mod levels;
mod selection;
mod traces;
mod windows;
