//! The meaning of each field's value: the one place, for both encodings, where a value is taken as it is, read by its
//! meaning, or left out; and where the loss is noted.
//!
//! | field | value of another type |
//! | --- | --- |
//! | text | a number or boolean in its canonical text; anything else is left out |
//! | number, enum | the number that a text spells, a double without its fraction; anything else is left out |
//! | id | hex or base64 of the right length; anything else is malformed |
//! | attribute | a number, boolean or text as what it is; anything else is left out |
//!
//! A [`Mending`] is opened for each span, resource and scope, and bounds what they take.

use std::borrow::Cow;

use crate::attributes::Pairs;
use crate::id::Id;
use crate::limits::Limits;
use crate::mend::{Mend, Mends};
use crate::received::{Received, Text, Time, double, from_base64, integer, integral};
use crate::span::{Kind, Status};
use crate::text::{Value, canonical, canonical_text};

/// The memory that a text, an attribute, an array's element and a map's member take beside their bytes: the structures
/// that hold them, which grow by doubling, and the allocator's share.
const TEXT: usize = 16;
const ATTRIBUTE: usize = 96;
const ELEMENT: usize = 64;
const MEMBER: usize = 112;

/// The type that an attribute's value says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    /// `string_value`
    Text,
    /// `int_value`
    Integer,
    /// `bool_value`
    Boolean,
    /// `double_value`
    Double,
    /// None: the value stands where its type should.
    Nothing,
}

/// Attributes of one place, in the order received.
#[derive(Debug, Default)]
pub(crate) struct AttributeList {
    pub(crate) pairs: Pairs,
    /// The number of those beyond the limit.
    pub(crate) lost: u32,
}

/// An attribute while it is read: its key, and its value, of which there is none once it was left out.
pub(crate) type Attribute<'a> = (Option<Cow<'a, str>>, Option<Value<'a>>);

/// An attribute before any of it is read.
pub(crate) const UNREAD: Attribute<'static> = (Some(Cow::Borrowed("")), Some(Value::Empty));

/// The memory that a span may still take, at some point of its reading.
#[derive(Clone, Copy)]
pub(crate) struct Room(usize);

/// The faults of one span, resource or scope that were mended so far, and the memory that it may still take.
#[derive(Debug)]
pub(crate) struct Mending<'l> {
    limits: &'l Limits,
    mends: Mends,
    /// Bytes.
    left: usize,
}

impl<'l> Mending<'l> {
    /// For one span, resource or scope.
    pub(crate) fn new(limits: &'l Limits) -> Self {
        Self { limits, mends: Mends::default(), left: limits.max_span_bytes }
    }

    /// The faults that were mended.
    pub(crate) fn mends(&self) -> Mends {
        self.mends
    }

    /// The bounds.
    pub(crate) fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// Notes what was mended.
    pub(crate) fn note(&mut self, mend: Mend) {
        self.mends.note(mend);
    }

    /// Returns whether so many bytes may be taken. They then are.
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        match left {
            Some(left) => self.left = left,
            None => self.note(Mend::SpanTooLarge),
        }
        left.is_some()
    }

    /// Returns whether one more item of `bytes` may join `items`; if not, `too_many` or the lack of room is noted, and
    /// `lost` counts it.
    pub(crate) fn has_room(&mut self, items: usize, bytes: usize, too_many: Mend, lost: &mut u32) -> bool {
        let fits = items < self.limits.max_items;
        if !fits {
            self.note(too_many);
        }
        let room = fits && self.take(bytes);
        if !room {
            *lost = lost.saturating_add(1);
        }
        room
    }

    /// A text field.
    pub(crate) fn text(&mut self, received: Received<'_>) -> String {
        match received {
            Received::Nothing => String::new(),
            Received::Text(text) => self.borrowed(text).map(Cow::into_owned).unwrap_or_default(),
            Received::Structure => self.without_meaning(String::new()),
            other => canonical(self.as_it_is(other).unwrap_or_default()),
        }
    }

    /// Text that a span may hold; none where it is larger than the span may be.
    fn borrowed<'a>(&mut self, text: Text<'a>) -> Option<Cow<'a, str>> {
        // Before it is read: reading may copy it.
        if text.raw().len() > self.left {
            self.note(Mend::SpanTooLarge);
            return None;
        }
        let text = text.read(&mut self.mends);
        self.take(TEXT + text.len()).then_some(text)
    }

    fn without_meaning<T>(&mut self, instead: T) -> T {
        self.note(Mend::NoMeaning);
        instead
    }

    /// A value as what it is, where its field is of another type.
    fn as_it_is<'a>(&mut self, received: Received<'a>) -> Option<Value<'a>> {
        let value = self.plain(received);
        if value.is_some() && received != Received::Nothing {
            self.note(Mend::OtherType);
        }
        value
    }

    /// An attribute's value where no type is declared; none where it was left out.
    pub(crate) fn plain<'a>(&mut self, received: Received<'a>) -> Option<Value<'a>> {
        Some(match received {
            Received::Nothing => Value::Empty,
            Received::Structure => return self.without_meaning(None),
            Received::Boolean(boolean) => Value::Boolean(boolean),
            Received::Integer(integer) => Value::Integer(integer),
            Received::Double(double) => Value::Double(double),
            Received::Text(text) => Value::String(self.borrowed(text)?),
        })
    }

    /// The integer that is meant, and whether it was one.
    fn whole(&mut self, received: Received<'_>) -> Option<i128> {
        match received {
            Received::Integer(integer) => Some(integer),
            Received::Double(double) => {
                let whole = integral(double.trunc());
                if whole.is_some() {
                    self.note(Mend::OtherType);
                }
                whole
            }
            Received::Text(text) => {
                let word = text.word();
                integer(word.trim()).or_else(|| self.whole(Received::Double(double(word.trim())?)))
            }
            Received::Nothing | Received::Boolean(_) | Received::Structure => None,
        }
    }

    /// A time in nanoseconds since the epoch; one beyond 64 bits becomes the greatest, which is out of every range.
    pub(crate) fn time(&mut self, received: Received<'_>) -> Time {
        match received {
            Received::Nothing => Time::Missing,
            Received::Text(text) if text.raw().is_empty() => Time::Missing,
            other => match self.whole(other) {
                Some(0) => Time::Missing,
                Some(time) if time > 0 => Time::At(u64::try_from(time).unwrap_or(u64::MAX)),
                _ => Time::Malformed,
            },
        }
    }

    /// A length of time in nanoseconds; none where there is none.
    pub(crate) fn duration(&mut self, received: Received<'_>) -> Option<i128> {
        if received == Received::Nothing {
            return None;
        }
        let duration = self.whole(received);
        if duration.is_none() { self.without_meaning(None) } else { duration }
    }

    /// A count of what was dropped: none where it is negative, and at most what a column of 32 signed bits holds where
    /// it is beyond 32 bits.
    pub(crate) fn count(&mut self, received: Received<'_>) -> u32 {
        self.unsigned(received, i32::MAX.unsigned_abs())
    }

    /// Flags: none where they are no 32 bits.
    pub(crate) fn flags(&mut self, received: Received<'_>) -> u32 {
        self.unsigned(received, 0)
    }

    fn unsigned(&mut self, received: Received<'_>, beyond: u32) -> u32 {
        if received == Received::Nothing {
            return 0;
        }
        let Some(number) = self.whole(received) else { return self.without_meaning(0) };
        u32::try_from(number).unwrap_or_else(|_| {
            self.note(Mend::CountOutOfRange);
            if number < 0 { 0 } else { beyond }
        })
    }

    /// A span's kind: `2`, `"2"`, `"SPAN_KIND_SERVER"`, `"server"`.
    pub(crate) fn kind(&mut self, received: Received<'_>) -> Kind {
        self.enumerated(received, "span_kind_", &Kind::ALL, Kind::as_str)
    }

    /// A status code: `2`, `"2"`, `"STATUS_CODE_ERROR"`, `"error"`.
    pub(crate) fn status(&mut self, received: Received<'_>) -> Status {
        self.enumerated(received, "status_code_", &Status::ALL, Status::as_str)
    }

    /// One of `all` by its number or its name; the first where it is none of them.
    fn enumerated<E: Copy + Default>(
        &mut self,
        received: Received<'_>,
        prefix: &str,
        all: &[E],
        name: fn(E) -> &'static str,
    ) -> E {
        let known = match received {
            Received::Nothing => return E::default(),
            Received::Boolean(_) | Received::Structure => return self.without_meaning(E::default()),
            Received::Text(text) if integer(&text.word()).is_none() => {
                if text.raw().is_empty() {
                    return E::default();
                }
                let word = text.word().to_ascii_lowercase();
                let word = word.strip_prefix(prefix).unwrap_or(&word);
                all.iter().find(|known| name(**known) == word)
            }
            number => {
                let number = self.whole(number).and_then(|number| usize::try_from(number).ok());
                number.and_then(|number| all.get(number))
            }
        };
        known.copied().unwrap_or_else(|| {
            self.note(Mend::UnknownEnum);
            E::default()
        })
    }

    /// An id in bytes. Text that stands for one is read as such.
    pub(crate) fn id_in_bytes<const N: usize>(&mut self, received: Received<'_>) -> Id<N> {
        match received {
            Received::Text(bytes) if bytes.raw().is_empty() => Id::Missing,
            Received::Text(bytes) => {
                if let Ok(id) = <[u8; N]>::try_from(bytes.raw()) {
                    return Id::Bytes(id);
                }
                let id = Id::of_text(received);
                if matches!(id, Id::Bytes(_)) {
                    self.note(Mend::OtherType);
                }
                id
            }
            _ => Id::Malformed,
        }
    }

    /// An attribute's key; none where it can be none.
    pub(crate) fn key<'a>(&mut self, received: Received<'a>) -> Option<Cow<'a, str>> {
        match received {
            Received::Nothing => Some(Cow::Borrowed("")),
            Received::Text(text) => self.borrowed(text),
            Received::Structure => self.without_meaning(None),
            other => Some(Cow::Owned(self.text(other))),
        }
    }

    /// Sets an attribute's value to one that is declared to be of a type. What is not set leaves it as it was: of
    /// several members the last that is set wins, as in protobuf's `oneof`.
    pub(crate) fn set<'a>(
        &mut self,
        value: &mut Option<Value<'a>>,
        declared: Declared,
        received: Received<'a>,
    ) {
        if received != Received::Nothing {
            *value = self.declared(declared, received);
        }
    }

    fn declared<'a>(&mut self, declared: Declared, received: Received<'a>) -> Option<Value<'a>> {
        match (declared, received) {
            (Declared::Text, Received::Text(text)) => self.borrowed(text).map(Value::String),
            (Declared::Boolean, Received::Boolean(boolean)) => Some(Value::Boolean(boolean)),
            (Declared::Double, Received::Double(double)) => Some(Value::Double(double)),
            // JSON writes a double without a fraction where it has none.
            #[expect(clippy::cast_precision_loss, reason = "it was to be a double")]
            (Declared::Double, Received::Integer(integer)) => Some(Value::Double(integer as f64)),
            // Unsigned integers above i64 are met; beyond 64 bits it is no integer of OTLP's.
            (Declared::Integer, Received::Integer(integer))
                if integer >= i64::MIN.into() && integer <= u64::MAX.into() =>
            {
                Some(Value::Integer(integer))
            }
            (Declared::Boolean, Received::Integer(bit @ (0 | 1))) => {
                self.as_it_is(Received::Boolean(bit == 1))
            }
            (Declared::Boolean | Declared::Integer | Declared::Double, Received::Text(text)) => {
                let word = text.word();
                match Received::number(&word) {
                    // 64-bit integers are texts in JSON, and doubles may be.
                    Received::Integer(integer) if declared != Declared::Boolean => {
                        self.declared(declared, Received::Integer(integer))
                    }
                    Received::Double(double) if declared != Declared::Boolean => {
                        self.declared(declared, Received::Double(double))
                    }
                    _ if declared == Declared::Boolean && word.eq_ignore_ascii_case("true") => {
                        self.as_it_is(Received::Boolean(true))
                    }
                    _ if declared == Declared::Boolean && word.eq_ignore_ascii_case("false") => {
                        self.as_it_is(Received::Boolean(false))
                    }
                    _ => self.as_it_is(received),
                }
            }
            (_, other) => self.as_it_is(other),
        }
    }

    /// Sets an attribute's value to bytes in base64 of either alphabet.
    pub(crate) fn set_base64<'a>(&mut self, value: &mut Option<Value<'a>>, received: Received<'a>) {
        let bytes = match received {
            // What is not UTF-8 is no base64 either.
            Received::Text(text) if self.take(text.raw().len()) => {
                from_base64(&text.read(&mut Mends::default()))
            }
            _ => None,
        };
        match bytes {
            Some(bytes) => *value = Some(Value::Bytes(bytes.into())),
            None => self.set(value, Declared::Nothing, received),
        }
    }

    /// Returns whether an array or map with `items` may have one more.
    pub(crate) fn has_room_in_value(&mut self, map: bool) -> bool {
        self.take(if map { MEMBER } else { ELEMENT })
    }

    /// Returns the memory that is left before an attribute is read, for [`keep`](Self::keep).
    pub(crate) fn room(&self) -> Room {
        Room(self.left)
    }

    /// Adds an attribute, or counts it as lost. What its reading took since `before` is given back, and what stays is
    /// taken.
    pub(crate) fn keep(&mut self, into: &mut AttributeList, before: Room, attribute: Attribute<'_>) {
        self.left = before.0;
        let (key, value) = attribute;
        let pair = key.zip(value).map(|(key, value)| (key, canonical_text(value)));
        match pair {
            Some((key, text)) if self.take(ATTRIBUTE + key.len() + text.len()) => {
                into.pairs.push(&key, &text);
            }
            _ => into.lost = into.lost.saturating_add(1),
        }
    }

    /// Returns whether a list may have one more attribute; if not, that is noted.
    pub(crate) fn has_room_for_attribute(&mut self, list: &mut AttributeList) -> bool {
        self.has_room(list.pairs.len(), 0, Mend::TooManyAttributes, &mut list.lost)
    }
}
