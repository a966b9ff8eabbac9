//! The outer structure of OTLP JSON: requests, resources, scopes, down to the spans.
//!
//! Here a value of the wrong type breaks the document, because what it stands for (how many spans?) is
//! unknown. Below, it costs one span; in a resource or scope, the spans that belong to it.

use super::scanner::{Fault, Scanner};
use super::span::span;
use super::value::attributes;
use crate::assembly::Assembly;
use crate::error::Foreign;
use crate::span::{Attributes, InstrumentationScope};

/// What an object turned out to be.
pub(super) struct Found {
    /// Whether it is a request (an empty object is), or a lone `ResourceSpans`.
    pub(super) traces: bool,
    /// What else is in it: another signal, or, where no traces are, only members that OTLP does not know.
    pub(super) foreign: Option<Foreign>,
}

/// Reads an object that should be a request, or a lone `ResourceSpans`.
pub(super) fn request(
    scanner: &mut Scanner<'_>,
    assembly: &mut Assembly,
    depth: usize,
) -> Result<Found, Fault> {
    let mut traces = false;
    let mut foreign = None;
    let mut lone = ResourceSpans::open(assembly);
    let offset = scanner.offset();
    let read = scanner.object(|scanner, key| {
        match key {
            "resourceSpans" | "resource_spans" => {
                traces = true;
                // What came before belongs to the lone resource, which ends here.
                std::mem::replace(&mut lone, ResourceSpans::open(assembly)).close(assembly);
                list(scanner, |scanner| resource_spans(scanner, assembly, depth))?;
                lone = ResourceSpans::open(assembly);
            }
            "resourceLogs" | "resource_logs" => {
                scanner.skip()?;
                foreign = Some(Foreign::Logs);
            }
            "resourceMetrics" | "resource_metrics" => {
                scanner.skip()?;
                foreign = Some(Foreign::Metrics);
            }
            "resourceProfiles" | "resource_profiles" => {
                scanner.skip()?;
                foreign = Some(Foreign::Profiles);
            }
            _ => {
                if lone.member(scanner, key, assembly, depth)? {
                    traces = true;
                } else {
                    foreign.get_or_insert(Foreign::Unknown);
                    scanner.skip()?;
                }
            }
        }
        Ok(())
    });
    structural(read, offset, "expected an object")?;
    lone.close(assembly);
    Ok(match foreign {
        None => Found { traces: true, foreign: None },
        // Unknown fields beside known ones are what the specification tells readers to ignore.
        Some(Foreign::Unknown) if traces => Found { traces, foreign: None },
        Some(_) => Found { traces, foreign },
    })
}

fn resource_spans(scanner: &mut Scanner<'_>, assembly: &mut Assembly, depth: usize) -> Result<(), Fault> {
    let mut open = ResourceSpans::open(assembly);
    let offset = scanner.offset();
    let read = scanner.object(|scanner, key| {
        if !open.member(scanner, key, assembly, depth)? {
            scanner.skip()?;
        }
        Ok(())
    });
    structural(read, offset, "expected an object of resource spans")?;
    open.close(assembly);
    Ok(())
}

/// A `ResourceSpans` while its members are read, in whatever order they come.
struct ResourceSpans {
    first_span: usize,
    /// `None` once it could not be read.
    resource: Option<Vec<(String, String)>>,
}

impl ResourceSpans {
    fn open(assembly: &Assembly) -> Self {
        Self { first_span: assembly.len(), resource: Some(Vec::new()) }
    }

    /// Reads a member; false, with nothing read, if it is none of its own.
    fn member(
        &mut self,
        scanner: &mut Scanner<'_>,
        key: &str,
        assembly: &mut Assembly,
        depth: usize,
    ) -> Result<bool, Fault> {
        match key {
            "resource" => {
                let resource = &mut self.resource;
                let fit = fit_or_skipped(scanner, |scanner| {
                    scanner.object(|scanner, key| match (key, resource.as_mut()) {
                        ("attributes", Some(resource)) => attributes(scanner, resource, depth),
                        _ => scanner.skip(),
                    })
                })?;
                if !fit {
                    self.resource = None;
                }
            }
            "scopeSpans"
            | "scope_spans"
            | "instrumentationLibrarySpans"
            | "instrumentation_library_spans" => {
                list(scanner, |scanner| scope_spans(scanner, assembly, depth))?;
            }
            "schemaUrl" | "schema_url" => scanner.skip()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn close(self, assembly: &mut Assembly) {
        assembly.close_resource(self.first_span, self.resource);
    }
}

fn scope_spans(scanner: &mut Scanner<'_>, assembly: &mut Assembly, depth: usize) -> Result<(), Fault> {
    let first_span = assembly.len();
    let mut fit = true;
    let mut name = String::new();
    let mut version = String::new();
    let mut scope_attributes = Vec::new();
    let offset = scanner.offset();
    let read = scanner.object(|scanner, key| match key {
        "scope" | "instrumentationLibrary" | "instrumentation_library" => {
            fit &= fit_or_skipped(scanner, |scanner| {
                scanner.object(|scanner, key| {
                    match key {
                        "name" => name = scanner.text()?.into_owned(),
                        "version" => version = scanner.text()?.into_owned(),
                        "attributes" => attributes(scanner, &mut scope_attributes, depth)?,
                        _ => scanner.skip()?,
                    }
                    Ok(())
                })
            })?;
            Ok(())
        }
        "spans" => list(scanner, |scanner| {
            let start = scanner.offset();
            match span(scanner, depth) {
                Ok(draft) => assembly.span(Ok(draft)),
                Err(Fault::Unfit(reason)) => {
                    scanner.seek(start);
                    scanner.skip()?;
                    assembly.span(Err(reason));
                }
                Err(syntax @ Fault::Syntax { .. }) => return Err(syntax),
            }
            Ok(())
        }),
        _ => scanner.skip(),
    });
    structural(read, offset, "expected an object of scope spans")?;
    let scope = InstrumentationScope { name, version, attributes: Attributes::new(scope_attributes) };
    assembly.close_scope(first_span, fit.then_some(scope));
    Ok(())
}

/// Reads what has its own bounds; says false, and is past it, if it is unfit.
fn fit_or_skipped<'a>(
    scanner: &mut Scanner<'a>,
    read: impl FnOnce(&mut Scanner<'a>) -> Result<(), Fault>,
) -> Result<bool, Fault> {
    let start = scanner.offset();
    match read(scanner) {
        Ok(()) => Ok(true),
        Err(Fault::Unfit(_)) => {
            scanner.seek(start);
            scanner.skip()?;
            Ok(false)
        }
        Err(syntax @ Fault::Syntax { .. }) => Err(syntax),
    }
}

/// An array of the outer structure.
fn list<'a>(
    scanner: &mut Scanner<'a>,
    element: impl FnMut(&mut Scanner<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let offset = scanner.offset();
    structural(scanner.array(element), offset, "expected an array")
}

/// Makes a wrong type a fault of the document.
fn structural(read: Result<(), Fault>, offset: usize, problem: &'static str) -> Result<(), Fault> {
    match read {
        Err(Fault::Unfit(_)) => Err(Fault::Syntax { offset, problem }),
        other => other,
    }
}
