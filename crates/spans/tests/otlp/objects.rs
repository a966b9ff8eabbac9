//! Compression and length prefixes: what is read, what is refused, and that bombs stay small.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use cpu_time::ThreadTime;
use fluo_spans::error::Compression;
use fluo_spans::{DecodeError, Limits, decompress};
use fluo_tests::otlp::{self, gzip};

use super::requests::{self, good};
use super::{decode, names, refusal, set_aside};

/// Without a content size in its header, as streaming writers leave it.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

fn request(name: &str) -> Vec<u8> {
    otlp::protobuf(&requests::request(Vec::new(), vec![good(name)]))
}

fn json(name: &str) -> Vec<u8> {
    otlp::json(&requests::request(Vec::new(), vec![good(name)]))
}

fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        out.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        out.extend(message);
    }
    out
}

#[test]
fn compressed_objects() {
    let whole = request("a");
    let (left, right) = whole.split_at(10);
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
    let cases: [(&str, Vec<u8>); 9] = [
        ("gzip", gzip(&whole)),
        ("zstd", zstd(&whole)),
        ("zstd that says its size", zstd::bulk::compress(&whole, 3).unwrap()),
        ("gzip of JSON", gzip(&json("a"))),
        ("two gzip members", [gzip(left), gzip(right)].concat()),
        ("two zstd frames", [zstd(left), zstd(right)].concat()),
        ("skippable frames around", [skippable.clone(), zstd(&whole), skippable].concat()),
        ("gzip of frames of zstd", gzip(&framed(&[zstd(&whole)]))),
        ("empty member first", [gzip(b""), gzip(&whole)].concat()),
    ];
    for (scenario, bytes) in cases {
        let decoded = decode(&bytes);
        assert_eq!((names(&decoded), set_aside(&decoded)), (vec!["a"], vec![]), "{scenario}");
    }
    assert_eq!(names(&decode(&gzip(b""))), [""; 0]);
}

#[test]
fn the_content_is_the_same_however_it_came() {
    let limits = Limits::default();
    for name in ["gzip", "zstd", "plain"] {
        let bytes = match name {
            "gzip" => gzip(b"{}"),
            "zstd" => zstd(b"{}"),
            _ => b"{}".to_vec(),
        };
        assert_eq!(*decompress(&bytes, &limits).unwrap(), *b"{}", "{name}");
    }
}

#[test]
fn broken_streams_are_refused() {
    let large: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    // Without a checksum, which zstd leaves to the writer, damage inside a literal is not to be seen.
    let mut checked = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    checked.include_checksum(true).unwrap();
    checked.write_all(&large).unwrap();
    for (name, whole) in [("gzip", gzip(&large)), ("zstd", checked.finish().unwrap())] {
        for kept in [4, whole.len() / 2, whole.len() - 1] {
            assert_eq!(
                refusal(&whole[..kept]),
                format!("the {name} stream is cut off"),
                "{name}, {kept} bytes"
            );
        }
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0xff);
        let outcome = decompress(&damaged, &Limits::default());
        assert!(matches!(outcome, Err(DecodeError::Damaged { .. } | DecodeError::CutOff { .. })), "{name}");
        let trailing = [whole.as_slice(), b"trailing words"].concat();
        assert!(refusal(&trailing).starts_with(&format!("the {name} stream is ")), "{}", refusal(&trailing));
        let garbage = [&whole[..4], &[0xee; 100]].concat();
        assert!(decompress(&garbage, &Limits::default()).is_err());
    }
    assert!(matches!(
        decompress(&gzip(&large)[..2], &Limits::default()),
        Err(DecodeError::CutOff { compression: Compression::Gzip })
    ));
}

#[test]
fn what_is_compressed_twice_is_refused() {
    assert_eq!(refusal(&gzip(&zstd(b"{}"))), "compressed twice: what the gzip stream holds is zstd again");
    assert_eq!(refusal(&zstd(&gzip(b"{}"))), "compressed twice: what the zstd stream holds is gzip again");
}

#[test]
fn bombs_are_refused_before_they_grow() {
    const GIGABYTE: usize = 1 << 30;
    let gzip_bomb = gzip(&vec![b' '; GIGABYTE / 16]);
    // The last member's length alone does not tell.
    let members = gzip(&vec![b' '; GIGABYTE / 128]).repeat(128);
    let zstd_bomb = zstd::stream::encode_all(std::io::repeat(b' ').take(GIGABYTE as u64), 1).unwrap();
    let announced = zstd::bulk::compress(&vec![0; GIGABYTE / 2], 1).unwrap();
    let limits = Limits { max_bytes: 16 << 20, ..Limits::default() };
    for (scenario, bomb) in [
        ("gzip", &gzip_bomb),
        ("zstd without a size", &zstd_bomb),
        ("zstd that says its size", &announced),
        ("gzip in members", &members),
        ("frames of zstd", &framed(&vec![zstd(&vec![b' '; 1 << 20]); 20])),
    ] {
        assert!(bomb.len() < 4 << 20, "{scenario} is {} bytes", bomb.len());
        let started = ThreadTime::now();
        let outcome = fluo_spans::decode(bomb, &limits);
        assert!(
            matches!(outcome, Err(DecodeError::TooLarge { limit }) if limit == limits.max_bytes),
            "{scenario}: {outcome:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(5), "{scenario} took {:?}", started.elapsed());
    }
    assert_eq!(refusal(&zstd_bomb), "decompresses to more than 268435456 bytes");
}

#[test]
fn the_limit_itself_is_allowed() {
    let plain = vec![b' '; 1000];
    let at = |max_bytes| Limits { max_bytes, ..Limits::default() };
    for bytes in [plain.clone(), gzip(&plain), zstd(&plain)] {
        assert!(fluo_spans::decode(&bytes, &at(1000)).is_ok());
        assert!(matches!(fluo_spans::decode(&bytes, &at(999)), Err(DecodeError::TooLarge { limit: 999 })));
    }
}

#[test]
fn frames_of_every_content() {
    let messages = [request("a"), json("b"), zstd(&request("c")), zstd(&json("d")), gzip(&json("e")), vec![]];
    let decoded = decode(&framed(&messages));
    assert_eq!((names(&decoded), set_aside(&decoded)), (vec!["a", "b", "c", "d", "e"], vec![]));
}

#[test]
fn a_broken_frame_costs_that_frame() {
    let cut_zstd = zstd(&request("x"))[..20].to_vec();
    let messages = [request("a"), cut_zstd, b"words".to_vec(), framed(&[request("nested")]), request("b")];
    let decoded = decode(&framed(&messages));
    assert_eq!((names(&decoded), set_aside(&decoded)), (vec!["a", "b"], vec![("unreadable document", 3)]));
}

#[test]
fn a_file_that_is_cut_off_keeps_its_whole_frames() {
    let whole = framed(&[request("a"), request("b")]);
    let second = 4 + request("a").len();
    for kept in [second + 2, second + 4, whole.len() - 1] {
        let decoded = decode(&whole[..kept]);
        assert_eq!(
            (names(&decoded), set_aside(&decoded)),
            (vec!["a"], vec![("unreadable document", 1)]),
            "{kept}"
        );
    }
    let refusal = refusal(&whole[..20]);
    assert!(refusal.starts_with("the message at byte 0 is cut off: its length says "), "{refusal}");
    assert!(refusal.ends_with(" bytes, 16 are left"), "{refusal}");
}

#[test]
fn a_clock_that_runs_ahead() {
    let mut late = good("late");
    late.end_time_unix_nano = 2_600;
    let mut future = good("future");
    future.end_time_unix_nano = 2_601;
    let request = otlp::protobuf(&requests::request(Vec::new(), vec![late, future]));
    let until =
        |latest_end_ns| fluo_spans::decode(&request, &Limits { latest_end_ns, ..Limits::default() }).unwrap();
    let decoded = until(2_600);
    assert_eq!((names(&decoded), set_aside(&decoded)), (vec!["late"], vec![("end time in the future", 1)]));
    assert_eq!(names(&until(i64::MAX)), ["late", "future"]);
}
