//! As much of Thrift's compact protocol as is needed beside the parquet crate: where a value ends.

/// The deepest nesting that is followed; a footer's schema has two levels.
const DEEPEST: usize = 8;

/// The wire types of the protocol that footers use.
mod wire {
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const SET: u8 = 10;
    pub(super) const STRUCT: u8 = 12;
}

/// Reads a varint: its value, and where it ends.
pub(crate) fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

/// Returns the beginning of a footer up to the end of its schema: its first two fields. `None` where they are others.
pub(crate) fn schema(footer: &[u8]) -> Option<&[u8]> {
    // Each field follows the one before it: the version, an integer, and the schema, a list.
    let [0x15, ..] = footer else { return None };
    let (_, at) = varint(footer, 1)?;
    if *footer.get(at)? != 0x10 | wire::LIST {
        return None;
    }
    footer.get(..after(footer, at + 1, wire::LIST, DEEPEST)?)
}

/// Returns where a structure ends that begins at `at`.
pub(crate) fn after_structure(bytes: &[u8], at: usize) -> Option<usize> {
    after(bytes, at, wire::STRUCT, DEEPEST)
}

/// Returns where a value of a type ends that begins at `at`.
fn after(bytes: &[u8], at: usize, of_type: u8, depth: usize) -> Option<usize> {
    let depth = depth.checked_sub(1)?;
    match of_type {
        // Within a structure the type is the value.
        wire::TRUE | wire::FALSE => Some(at),
        wire::BYTE => Some(at + 1),
        4..=6 => Some(varint(bytes, at)?.1),
        wire::DOUBLE => Some(at + 8),
        wire::BINARY => {
            let (length, at) = varint(bytes, at)?;
            at.checked_add(usize::try_from(length).ok()?)
        }
        wire::LIST | wire::SET => {
            let header = *bytes.get(at)?;
            let (count, mut at) = match header >> 4 {
                15 => varint(bytes, at + 1)?,
                few => (u64::from(few), at + 1),
            };
            for _ in 0..count {
                at = match header & 0x0f {
                    wire::TRUE | wire::FALSE => at + 1,
                    of_type => after(bytes, at, of_type, depth)?,
                };
                // However many are announced: bytes end.
                bytes.get(at)?;
            }
            Some(at)
        }
        wire::STRUCT => {
            let mut at = at;
            loop {
                let field = *bytes.get(at)?;
                at += 1;
                if field == 0 {
                    return Some(at);
                }
                if field >> 4 == 0 {
                    at = varint(bytes, at)?.1;
                }
                at = after(bytes, at, field & 0x0f, depth)?;
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_ends_where_its_list_does() {
        // Version 2; two elements: one with a name and a count, one with a name and a type; and rows.
        let footer = [
            [0x15, 4, 0x19, 0x2c].as_slice(),
            &[0x48, 4, b'r', b'o', b'o', b't', 0x15, 2, 0],
            &[0x15, 4, 0x38, 1, b'a', 0x1c, 0x11, 0, 0],
            &[0x16, 20, 0],
        ]
        .concat();
        assert_eq!(schema(&footer), Some(&footer[..footer.len() - 3]));
    }

    #[test]
    fn what_is_no_footer_has_no_schema() {
        let endless = [0x15, 4, 0x19, 0xf9, 0xff, 0xff, 0xff, 0xff, 0x0f];
        let deep = [[0x15, 4, 0x19].as_slice(), &[0x1c; 1000]].concat();
        let cases: [(&str, &[u8]); 5] = [
            ("nothing", &[]),
            ("another first field", &[0x19, 0x1c, 0]),
            ("another second field", &[0x15, 4, 0x16, 4]),
            ("more elements than bytes", &endless),
            ("structures without end", &deep),
        ];
        for (scenario, bytes) in cases {
            assert_eq!(schema(bytes), None, "{scenario}");
        }
    }
}
