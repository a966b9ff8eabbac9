//! The outer structure of OTLP JSON: requests, resources, scopes, down to the spans.
//!
//! The resource is read before the spans that belong to it, wherever it stands: of an object whose spans come first,
//! the members behind them are looked at ahead. Below the spans' lists a value of the wrong type costs itself; a list
//! or an object of the structure that is none costs what it stands for, which nobody can count.

use super::scanner::{Scanner, Syntax};
use super::span::span;
use super::value::attributes;
use crate::assembly::Assembly;
use crate::draft::{resource, scope};
use crate::error::{DecodeError, Foreign};
use crate::mend::Mend;
use crate::mending::{AttributeList, Mending};
use crate::set_aside::Reason;

/// The finding about an object.
pub(super) struct Found {
    /// `true` for a request (an empty object is one), or a lone `ResourceSpans`.
    pub(super) traces: bool,
    /// The other things in it: another signal, or, where no traces are, only members that OTLP does not know.
    pub(super) foreign: Option<Foreign>,
}

/// Reads an object that should be a request, or a lone `ResourceSpans`.
pub(super) fn request(scanner: &mut Scanner<'_>, assembly: &mut Assembly<'_>) -> Result<Found, Syntax> {
    let mut traces = false;
    let mut foreign = None;
    let mut lone = ResourceSpans::new(assembly);
    let offset = scanner.offset();
    let is_object = scanner.object(|scanner, key| {
        match key {
            "resourceSpans" | "resource_spans" => {
                traces = true;
                list(scanner, assembly, resource_spans)?;
                // What follows outside belongs to the lone resource.
                lone = ResourceSpans::new(assembly);
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
                if lone.member(scanner, key, assembly)? {
                    traces = true;
                } else {
                    foreign.get_or_insert(Foreign::Unknown);
                    scanner.skip()?;
                }
            }
        }
        Ok(())
    })?;
    if !is_object {
        assembly.part_broken(DecodeError::Json { offset, problem: "expected an object" });
        return Ok(Found { traces: true, foreign: None });
    }
    Ok(match foreign {
        None => Found { traces: true, foreign: None },
        // Unknown fields beside known ones are what the specification tells readers to ignore.
        Some(Foreign::Unknown) if traces => Found { traces, foreign: None },
        Some(_) => Found { traces, foreign },
    })
}

fn resource_spans(scanner: &mut Scanner<'_>, assembly: &mut Assembly<'_>) -> Result<(), Syntax> {
    let mut open = ResourceSpans::new(assembly);
    let offset = scanner.offset();
    let is_object = scanner.object(|scanner, key| {
        if !open.member(scanner, key, assembly)? {
            scanner.skip()?;
        }
        Ok(())
    })?;
    if !is_object {
        let problem = "expected an object of resource spans";
        assembly.part_broken(DecodeError::Json { offset, problem });
    }
    Ok(())
}

/// A `ResourceSpans` while its members are read, in whatever order they come.
struct ResourceSpans<'l> {
    attributes: AttributeList,
    mending: Mending<'l>,
    /// True if its resource was met.
    has_resource: bool,
    /// True if its spans have begun: they are of the resource as it was known then.
    is_entered: bool,
}

impl<'l> ResourceSpans<'l> {
    fn new(assembly: &Assembly<'l>) -> Self {
        Self {
            attributes: AttributeList::default(),
            mending: Mending::new(assembly.limits()),
            has_resource: false,
            is_entered: false,
        }
    }

    /// Reads a member; false, with nothing read, if it is none of its own.
    fn member(
        &mut self,
        scanner: &mut Scanner<'_>,
        key: &str,
        assembly: &mut Assembly<'_>,
    ) -> Result<bool, Syntax> {
        match key {
            "resource" => self.resource(scanner)?,
            "scopeSpans"
            | "scope_spans"
            | "instrumentationLibrarySpans"
            | "instrumentation_library_spans" => {
                if !self.has_resource {
                    scanner.later_members(|scanner, key| match key {
                        "resource" => self.resource(scanner),
                        _ => scanner.skip(),
                    })?;
                }
                self.enter(assembly);
                list(scanner, assembly, scope_spans)?;
            }
            "schemaUrl" | "schema_url" => scanner.skip()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn enter(&mut self, assembly: &mut Assembly<'_>) {
        if !self.is_entered {
            (self.has_resource, self.is_entered) = (true, true);
            let resource = resource(std::mem::take(&mut self.attributes), &mut self.mending);
            assembly.enter_resource(resource, self.mending.mends());
        }
    }

    fn resource(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Syntax> {
        self.has_resource = true;
        let (into, mending) = (&mut self.attributes, &mut self.mending);
        let is_object = scanner.object(|scanner, key| match key {
            "attributes" => attributes(scanner, into, mending),
            _ => scanner.skip(),
        })?;
        if !is_object {
            mending.note(Mend::NoMeaning);
        }
        Ok(())
    }
}

fn scope_spans(scanner: &mut Scanner<'_>, assembly: &mut Assembly<'_>) -> Result<(), Syntax> {
    let mut open = ScopeSpans {
        name: String::new(),
        version: String::new(),
        attributes: AttributeList::default(),
        mending: Mending::new(assembly.limits()),
        has_scope: false,
        is_entered: false,
    };
    let offset = scanner.offset();
    let is_object = scanner.object(|scanner, key| match key {
        "scope" | "instrumentationLibrary" | "instrumentation_library" => open.scope(scanner),
        "spans" => {
            if !open.has_scope {
                scanner.later_members(|scanner, key| match key {
                    "scope" | "instrumentationLibrary" | "instrumentation_library" => open.scope(scanner),
                    _ => scanner.skip(),
                })?;
            }
            open.enter(assembly);
            list(scanner, assembly, |scanner, assembly| {
                if assembly.is_stopped() {
                    return scanner.skip();
                }
                let mut mending = Mending::new(assembly.limits());
                match span(scanner, &mut mending)? {
                    Some(draft) => assembly.span(draft, mending),
                    None => assembly.set_aside(Reason::MalformedSpan),
                }
                Ok(())
            })
        }
        _ => scanner.skip(),
    })?;
    if !is_object {
        assembly.part_broken(DecodeError::Json { offset, problem: "expected an object of scope spans" });
    }
    Ok(())
}

/// A `ScopeSpans` while its members are read.
struct ScopeSpans<'l> {
    name: String,
    version: String,
    attributes: AttributeList,
    mending: Mending<'l>,
    /// True if its scope was met.
    has_scope: bool,
    /// True if its spans have begun: they are of the scope as it was known then.
    is_entered: bool,
}

impl ScopeSpans<'_> {
    fn scope(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Syntax> {
        self.has_scope = true;
        let is_object = scanner.object(|scanner, key| {
            match key {
                "name" => self.name = self.mending.text(scanner.value()?),
                "version" => self.version = self.mending.text(scanner.value()?),
                "attributes" => attributes(scanner, &mut self.attributes, &mut self.mending)?,
                _ => scanner.skip()?,
            }
            Ok(())
        })?;
        if !is_object {
            self.mending.note(Mend::NoMeaning);
        }
        Ok(())
    }

    fn enter(&mut self, assembly: &mut Assembly<'_>) {
        if !self.is_entered {
            (self.has_scope, self.is_entered) = (true, true);
            let Self { name, version, attributes, .. } = self;
            let (name, version) = (std::mem::take(name), std::mem::take(version));
            let scope = scope(name, version, std::mem::take(attributes), &mut self.mending);
            assembly.enter_scope(scope, self.mending.mends());
        }
    }
}

/// Reads an array of the outer structure; one that is none is a part that nobody can read.
fn list<'a>(
    scanner: &mut Scanner<'a>,
    assembly: &mut Assembly<'_>,
    mut element: impl FnMut(&mut Scanner<'a>, &mut Assembly<'_>) -> Result<(), Syntax>,
) -> Result<(), Syntax> {
    let offset = scanner.offset();
    if !scanner.array(|scanner| element(scanner, assembly))? {
        assembly.part_broken(DecodeError::Json { offset, problem: "expected an array" });
    }
    Ok(())
}
