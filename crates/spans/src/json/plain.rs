//! Plain JSON in a cell of a table: attributes as the members of an object, events and links as lists of objects.
//!
//! Here values stand as what they are, so nothing is mended for that. Of text that breaks off, what was read before
//! stays.

use std::borrow::Cow;

use super::scanner::{Scanner, Syntax};
use super::span::{event, link};
use crate::draft::Draft;
use crate::mend::Mend;
use crate::mending::{AttributeList, Mending};
use crate::received::Received;
use crate::text::Value;

/// Appends the members of an object, values in canonical text. Empty text has none.
pub(crate) fn attributes(text: &[u8], into: &mut AttributeList, mending: &mut Mending<'_>) {
    if !whole(text, mending, |scanner, mending| members(scanner, into, mending)) {
        into.lost = into.lost.saturating_add(1);
    }
}

/// Appends the events in a list: `[{"time_unix_nano": 1, "name": "exception", "attributes": {}}]`.
pub(crate) fn events(text: &[u8], span: &mut Draft, mending: &mut Mending<'_>) {
    list(text, mending, |scanner, mending| {
        if !span.has_room_for_event(mending) {
            return scanner.skip();
        }
        let event = event(scanner, mending, members)?;
        span.event(event, mending);
        Ok(())
    });
}

/// Appends the links in a list: `[{"trace_id": "…", "span_id": "…", "trace_state": "", "attributes": {}}]`.
pub(crate) fn links(text: &[u8], span: &mut Draft, mending: &mut Mending<'_>) {
    list(text, mending, |scanner, mending| {
        if !span.has_room_for_link(mending) {
            return scanner.skip();
        }
        let link = link(scanner, mending, members)?;
        span.link(link, mending);
        Ok(())
    });
}

fn list<'a>(
    text: &'a [u8],
    mending: &mut Mending<'_>,
    mut item: impl FnMut(&mut Scanner<'a>, &mut Mending<'_>) -> Result<(), Syntax>,
) {
    whole(text, mending, |scanner, mending| {
        if !scanner.array(|scanner| item(scanner, mending))? {
            mending.note(Mend::NoMeaning);
        }
        Ok(())
    });
}

/// Reads text that is one value, or empty. False, and noted, where it is not.
fn whole<'a>(
    text: &'a [u8],
    mending: &mut Mending<'_>,
    read: impl FnOnce(&mut Scanner<'a>, &mut Mending<'_>) -> Result<(), Syntax>,
) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.white_space();
    if scanner.peek().is_none() {
        return true;
    }
    let read = read(&mut scanner, mending);
    scanner.white_space();
    let is_whole = read.is_ok() && scanner.peek().is_none();
    if !is_whole {
        mending.note(Mend::NotJsonText);
    }
    is_whole
}

fn members(
    scanner: &mut Scanner<'_>,
    into: &mut AttributeList,
    mending: &mut Mending<'_>,
) -> Result<(), Syntax> {
    let depth = mending.limits().depth();
    let is_object = scanner.members(|scanner, key| {
        if !mending.has_room_for_attribute(into) {
            return scanner.skip();
        }
        let room = mending.room();
        let key = mending.key(Received::Text(key));
        let value = value(scanner, mending, depth)?;
        mending.keep(into, room, (key, value));
        Ok(())
    })?;
    if !is_object {
        mending.note(Mend::NoMeaning);
    }
    Ok(())
}

/// A value; none where it was left out. `depth` is how many more levels of arrays and maps may follow.
fn value<'a>(
    scanner: &mut Scanner<'a>,
    mending: &mut Mending<'_>,
    depth: usize,
) -> Result<Option<Value<'a>>, Syntax> {
    let opening = scanner.peek();
    if !matches!(opening, Some(b'{' | b'[')) {
        return Ok(mending.plain(scanner.value()?));
    }
    let Some(depth) = depth.checked_sub(1) else {
        mending.note(Mend::NestedTooDeep);
        scanner.skip()?;
        return Ok(None);
    };
    // A part of an array or map would be another one.
    if opening == Some(b'[') {
        let mut elements = Some(Vec::new());
        scanner.array(|scanner| {
            if let Some(elements) = elements.as_mut().filter(|_| mending.has_room_in_value(false)) {
                elements.push(value(scanner, mending, depth)?.unwrap_or_default());
                return Ok(());
            }
            elements = None;
            scanner.skip()
        })?;
        return Ok(elements.map(Value::Array));
    }
    let mut members: Option<Vec<(Cow<'a, str>, Value<'a>)>> = Some(Vec::new());
    scanner.members(|scanner, key| {
        if let Some(members) = members.as_mut().filter(|_| mending.has_room_in_value(true)) {
            let key = mending.key(Received::Text(key));
            members.extend(key.zip(value(scanner, mending, depth)?));
            return Ok(());
        }
        members = None;
        scanner.skip()
    })?;
    Ok(members.map(Value::Map))
}
