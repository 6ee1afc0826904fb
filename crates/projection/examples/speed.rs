//! Speed and memory of the projection, measured against `serde_json`'s validating pass over the same document.
//! Run by `bench/projection`.

use std::{error::Error, hint::black_box, sync::Arc, time::Instant};

use serde_json::json;
use verbond_projection::{Bounds, Element, ElementType, Form, Projection, Projector, ScalarType};

const CHUNK: usize = 16 * 1024;
const MEGABYTE: f64 = 1e6;

/// One document of the table.
struct Case {
    name: &'static str,
    record: fn(usize, &mut String),
}

const CASES: [Case; 4] = [
    Case { name: "20 fields, 4 agreed", record: |i, text| fields(i, 20, text) },
    Case {
        name: "of 20 fields each seventh absent",
        record: |i, text| {
            text.push('{');
            (0..20).filter(|n| !(i + n).is_multiple_of(7)).for_each(|n| field(i, n, text));
            close(text);
        },
    },
    Case {
        name: "order reversed in every second record",
        record: |i, text| {
            text.push('{');
            (0..20).map(|n| if i.is_multiple_of(2) { n } else { 19 - n }).for_each(|n| field(i, n, text));
            close(text);
        },
    },
    Case {
        name: "nested, long texts, escapes",
        record: |i, text| {
            text.push('{');
            for n in 0..5 {
                field(i, n, text);
            }
            text.push_str("\"remarks\":[");
            for n in 0..6 {
                text.push_str("{\"by\":{\"name\":\"caf\u{e9} \\u00e9\\n\",\"roles\":[1,2,3]},\"text\":\"");
                text.push_str(&"lorem ipsum \\\"dolor\\\" ".repeat(n));
                text.push_str("\"},");
            }
            text.pop();
            text.push_str("],");
            close(text);
        },
    },
];

fn fields(i: usize, count: usize, text: &mut String) {
    text.push('{');
    (0..count).for_each(|n| field(i, n, text));
    close(text);
}

fn field(i: usize, n: usize, text: &mut String) {
    let value = match n % 4 {
        0 => json!(format!("value {i} of {n}")),
        1 => json!(i * 7 + n),
        2 => json!(i as f64 + n as f64 / 100.0),
        _ if i.is_multiple_of(2) => json!(true),
        _ => json!(null),
    };
    text.push_str(&format!("\"field_{n}\":{value},"));
}

fn close(text: &mut String) {
    text.pop();
    text.push('}');
}

fn projection() -> Result<Arc<Projection>, Box<dyn Error>> {
    let agreed = [
        (0, ScalarType::String, false),
        (1, ScalarType::Integer, false),
        (2, ScalarType::Number, false),
        (3, ScalarType::Boolean, true),
    ];
    let element = |(n, scalar, nullable)| {
        let path = format!("$[*].field_{n}").parse()?;
        Ok(Element { path, element_type: ElementType::Scalar { scalar, nullable } })
    };
    let elements = agreed.into_iter().map(element).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let subject = "$.field_4".parse()?;
    Ok(Arc::new(Projection::new(elements, &"$[*]".parse()?, &[subject], Form::Document, Bounds::default())?))
}

/// Projects all chunks; returns bytes and records that came out.
fn project<'a>(
    projection: &Arc<Projection>,
    chunks: impl Iterator<Item = &'a [u8]>,
) -> Result<(usize, usize), Box<dyn Error>> {
    let mut projector = Projector::new(Arc::clone(projection));
    let (mut bytes, mut records) = (0, 0);
    for chunk in chunks {
        projector.feed(chunk)?;
        let pieces = black_box(projector.take());
        bytes += pieces.bytes().len();
        records += pieces.records();
    }
    projector.finish()?;
    Ok((bytes + projector.take().bytes().len(), records))
}

fn measure(case: &Case, rounds: usize) -> Result<serde_json::Value, Box<dyn Error>> {
    let projection = projection()?;
    let mut text = String::from("[");
    for i in 0..50_000 {
        (case.record)(i, &mut text);
        text.push(',');
    }
    text.pop();
    text.push(']');
    let document = text.into_bytes();
    let speed = |begun: Instant| document.len() as f64 / MEGABYTE / begun.elapsed().as_secs_f64();
    let (mut ratios, mut validating, mut projecting) = (Vec::new(), Vec::new(), Vec::new());
    let mut out = 0;
    for _ in 0..rounds {
        let begun = Instant::now();
        black_box(serde_json::from_slice::<serde::de::IgnoredAny>(black_box(&document))?);
        let validated = speed(begun);
        let begun = Instant::now();
        let (bytes, records) = project(&projection, black_box(&document).chunks(CHUNK))?;
        let projected = speed(begun);
        if records != 50_000 {
            return Err(format!("{records} records").into());
        }
        out = bytes;
        ratios.push(projected / validated);
        validating.push(validated);
        projecting.push(projected);
    }
    Ok(json!({
        "document": case.name,
        "bytes_in": document.len(),
        "bytes_out": out,
        "rounds": rounds,
        "ratio": spread(ratios),
        "ignored_any_mb_per_s": spread(validating),
        "projection_mb_per_s": spread(projecting),
    }))
}

fn spread(mut values: Vec<f64>) -> serde_json::Value {
    values.sort_by(f64::total_cmp);
    let round = |value: Option<&f64>| value.map(|value| (value * 1000.0).round() / 1000.0);
    json!({
        "median": round(values.get(values.len() / 2)),
        "lowest": round(values.first()),
        "highest": round(values.last()),
    })
}

/// The highest resident memory of this process so far, in kB.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no VmHWM")?.parse()?)
}

/// Projects a document that is never held: the difference in peak memory is what the projection costs.
fn memory(megabytes: usize) -> Result<serde_json::Value, Box<dyn Error>> {
    let projection = projection()?;
    let mut block = String::new();
    for i in 0..1000 {
        fields(i, 20, &mut block);
        block.push(',');
    }
    let blocks = (megabytes as f64 * MEGABYTE / block.len() as f64).ceil() as usize;
    let last = "{}]";
    let chunks = std::iter::once("[".as_bytes())
        .chain(std::iter::repeat_n(block.as_bytes(), blocks).flat_map(|block| block.chunks(CHUNK)))
        .chain(std::iter::once(last.as_bytes()));
    // The peak begins anew.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = peak()?;
    let (out, records) = project(&projection, chunks)?;
    let extra = peak()?.saturating_sub(before);
    Ok(json!({
        "bytes_in": blocks * block.len() + 1 + last.len(),
        "bytes_out": out,
        "records": records,
        "extra_mb": extra as f64 * 1024.0 / MEGABYTE,
    }))
}

#[expect(clippy::print_stdout, reason = "its result is what it prints")]
fn main() -> Result<(), Box<dyn Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(15), |rounds| rounds.parse())?;
    // First, while little memory has been used.
    let memory = memory(500)?;
    let speed = CASES.iter().map(|case| measure(case, rounds)).collect::<Result<Vec<_>, _>>()?;
    println!("{}", json!({ "memory": memory, "speed": speed }));
    Ok(())
}
