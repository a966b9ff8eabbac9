//! Texts and groups by number, within one thread.

use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use hashbrown::HashMap;

use crate::error::EngineError;
use crate::rows::{Group, index};

/// The number of a text, or of none.
pub(crate) type TextId = u32;

/// The number of a group.
pub(crate) type GroupId = u32;

/// Texts, numbered as they come.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    ids: HashMap<Arc<str>, TextId>,
    texts: Vec<Arc<str>>,
}

/// No text.
const NONE: TextId = 0;

impl Texts {
    /// The numbers of the texts in an array.
    pub(crate) fn ids(&mut self, array: &ArrayRef) -> Result<Vec<TextId>, EngineError> {
        let texts = arrow::compute::cast(array, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        let mut last: Option<(usize, TextId)> = None;
        let ids = (0..texts.len()).map(|at| {
            if texts.is_null(at) {
                return NONE;
            }
            let text = texts.value(at);
            if let Some((before, id)) = last
                && texts.value(before) == text
            {
                return id;
            }
            let id = self.id(text);
            last = Some((at, id));
            id
        });
        Ok(ids.collect())
    }

    fn id(&mut self, text: &str) -> TextId {
        if let Some(known) = self.ids.get(text) {
            return *known;
        }
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        // From one on: the first is none.
        let id = index(self.texts.len());
        self.ids.insert(text, id);
        id
    }

    /// The text of a number.
    pub(crate) fn text(&self, id: TextId) -> Option<&str> {
        self.texts.get((id as usize).checked_sub(1)?).map(AsRef::as_ref)
    }
}

/// Texts of rows.
#[derive(Debug, Clone)]
pub(crate) enum Named<Id> {
    /// Of all rows the same.
    One(Id),
    /// By row.
    Each(Rc<Vec<Id>>),
}

impl<Id: Copy> Named<Id> {
    pub(crate) fn of(&self, row: usize) -> Id {
        match self {
            Self::One(id) => *id,
            Self::Each(ids) => ids[row],
        }
    }
}

/// Groups, numbered as they come.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    ids: HashMap<Key, GroupId>,
    keys: Vec<Key>,
}

/// The texts of a group's keys.
type Key = Arc<[TextId]>;

impl Groups {
    /// The groups of rows with these keys.
    pub(crate) fn of(&mut self, keys: &[Named<TextId>], rows: usize) -> Named<GroupId> {
        if keys.iter().all(|key| matches!(key, Named::One(_))) {
            let key: Vec<TextId> = keys.iter().map(|key| key.of(0)).collect();
            return Named::One(self.id(&key));
        }
        let mut key: Vec<TextId> = Vec::with_capacity(keys.len());
        let mut local: HashMap<u64, GroupId> = HashMap::new();
        let mut last: Option<GroupId> = None;
        let ids = (0..rows).map(|row| {
            if let Some(id) = last
                && keys.iter().zip(&key).all(|(texts, text)| texts.of(row) == *text)
            {
                return id;
            }
            key.clear();
            key.extend(keys.iter().map(|texts| texts.of(row)));
            let id = match key[..] {
                // Few pairs come again and again: a number is looked up faster than a list.
                [one] => *local.entry(one.into()).or_insert_with(|| self.id(&key)),
                [one, two] => {
                    *local.entry(u64::from(one) << 32 | u64::from(two)).or_insert_with(|| self.id(&key))
                }
                _ => self.id(&key),
            };
            last = Some(id);
            id
        });
        Named::Each(Rc::new(ids.collect()))
    }

    fn id(&mut self, key: &[TextId]) -> GroupId {
        if let Some(known) = self.ids.get(key) {
            return *known;
        }
        let key: Key = key.into();
        let id = index(self.keys.len());
        self.keys.push(Arc::clone(&key));
        self.ids.insert(key, id);
        id
    }

    /// The bytes of the texts of a group's keys.
    pub(crate) fn bytes(&self, group: GroupId, texts: &Texts) -> usize {
        let key = self.keys.get(group as usize).map(AsRef::as_ref).unwrap_or_default();
        key.iter().filter_map(|id| texts.text(*id)).map(str::len).sum()
    }

    /// The texts of a group's keys.
    pub(crate) fn texts(&self, group: GroupId, texts: &Texts) -> Group {
        let key = self.keys.get(group as usize).map(AsRef::as_ref).unwrap_or_default();
        key.iter().map(|id| texts.text(*id).map(str::to_owned)).collect()
    }
}
