//! Schemas of OpenAPI 3.0 and 3.1 (JSON Schema 2020-12 as far as it says what stands where) as shapes.

use serde_json::{Map, Value};
use verbond_domain::Problem;

use crate::{
    draft::{too_large, unreadable},
    remark::{RemarkKind, Remarks},
    shape::Shape,
};

/// Most schemas that are looked at, those that are referred to counted each time: references multiply.
const MAXIMUM_VISITS: usize = 200_000;
/// Most references that follow each other.
const MAXIMUM_REFERENCES: usize = 32;
/// Deepest nesting of schemas; a path has fewer steps.
const DEEPEST: usize = 96;
/// Longest reference that a refusal repeats.
const SHOWN: usize = 120;

/// Which way what is described goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Request,
    Response,
}

/// Reads schemas of one document.
pub(crate) struct Schemas<'document> {
    document: &'document Value,
    visits: usize,
}

impl<'document> Schemas<'document> {
    pub(crate) fn of(document: &'document Value) -> Self {
        Self { document, visits: 0 }
    }

    /// What a reference leads to, and what that leads to; what is no reference is itself.
    pub(crate) fn follow(&self, mut value: &'document Value) -> Result<&'document Value, Problem> {
        for _ in 0..MAXIMUM_REFERENCES {
            match value.get("$ref").and_then(Value::as_str) {
                Some(reference) => value = self.target(reference)?,
                None => return Ok(value),
            }
        }
        Err(unreadable("verwijzingen die nergens eindigen.", "references that end nowhere"))
    }

    fn named(&self, name: &str) -> Option<&'document Value> {
        self.document.get("components")?.get("schemas")?.get(name)
    }

    fn target(&self, reference: &str) -> Result<&'document Value, Problem> {
        let shown: String = reference.chars().filter(|one| !one.is_control()).take(SHOWN).collect();
        let Some(pointer) =
            reference.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'))
        else {
            return Err(Problem::new(
                "DESCRIPTION_REFERENCE_REMOTE",
                422,
                format!("Het document verwijst naar buiten (`{shown}`); er wordt niets opgehaald."),
                format!("the document refers to something outside it (`{shown}`); nothing is fetched"),
            )
            .next(
                "Voeg de delen eerst samen tot één document (bundle), en importeer dat.",
                "bundle the parts into one document first, and import that",
            ));
        };
        let pointer = decoded(pointer);
        self.document.pointer(&pointer).ok_or_else(|| {
            unreadable(&format!("`{shown}` verwijst naar niets."), &format!("`{shown}` refers to nothing"))
        })
    }

    /// The shape of what a schema describes, on its way. `place` is where it stands, for remarks.
    pub(crate) fn shape(
        &mut self,
        schema: &'document Value,
        way: Way,
        place: &str,
        remarks: &mut Remarks,
    ) -> Result<Shape, Problem> {
        let mut reader = Reader { schemas: self, way, remarks, within: Vec::new(), depth: 0, is_part: false };
        reader.shape(schema, place)
    }
}

struct Reader<'reader, 'document> {
    schemas: &'reader mut Schemas<'document>,
    way: Way,
    remarks: &'reader mut Remarks,
    /// The references that are being followed.
    within: Vec<&'document str>,
    depth: usize,
    /// The next schema is a part of the one that is being read (`allOf`).
    is_part: bool,
}

impl<'document> Reader<'_, 'document> {
    fn shape(&mut self, schema: &'document Value, place: &str) -> Result<Shape, Problem> {
        self.schemas.visits += 1;
        if self.schemas.visits > MAXIMUM_VISITS {
            return Err(too_large());
        }
        if self.depth > DEEPEST {
            self.remarks.add(RemarkKind::TooDeep, place);
            return Ok(Shape::whole());
        }
        self.depth += 1;
        let shape = match schema {
            Value::Object(members) => self.object(members, place),
            Value::Bool(false) => Ok(Shape::default()),
            _ => {
                self.remarks.add(RemarkKind::Untyped, place);
                Ok(Shape::whole())
            }
        };
        self.depth -= 1;
        shape
    }

    fn object(&mut self, schema: &'document Map<String, Value>, place: &str) -> Result<Shape, Problem> {
        let mut shape = Shape::default();
        let is_part = std::mem::take(&mut self.is_part);
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            // A kind of what is being read: that itself is in it already.
            if is_part && self.within.contains(&reference) {
                return Ok(shape);
            }
            if self.within.contains(&reference) || self.within.len() >= MAXIMUM_REFERENCES {
                self.remarks.add(RemarkKind::Recursive, place);
                return Ok(Shape::whole());
            }
            let target = self.schemas.target(reference)?;
            self.within.push(reference);
            self.is_part = is_part;
            let referred = self.shape(target, place);
            self.within.pop();
            shape.merge(referred?);
        }
        if !is_part {
            shape.merge(self.kinds(schema, place)?);
        }
        for word in ["allOf", "anyOf", "oneOf"] {
            for part in schema.get(word).and_then(Value::as_array).into_iter().flatten() {
                self.is_part = word == "allOf";
                shape.merge(self.shape(part, place)?);
            }
        }
        self.stated(schema, &mut shape);
        self.members(schema, &mut shape, place)?;
        self.items(schema, &mut shape, place)?;
        let says_nothing = !schema.contains_key("$ref")
            && !["allOf", "anyOf", "oneOf"].iter().any(|word| schema.contains_key(*word));
        let nothing = shape.is_nothing();
        if says_nothing && nothing {
            self.remarks.add(RemarkKind::Untyped, place);
            shape.whole = true;
        }
        Ok(shape)
    }

    /// The kinds that a schema has according to its discriminator: whoever refers to it may get any of them.
    fn kinds(&mut self, schema: &'document Map<String, Value>, place: &str) -> Result<Shape, Problem> {
        let mut shape = Shape::default();
        let mapping =
            schema.get("discriminator").and_then(|one| one.get("mapping")).and_then(Value::as_object);
        for reference in mapping.into_iter().flat_map(Map::values).filter_map(Value::as_str) {
            if self.within.contains(&reference) || self.within.len() >= MAXIMUM_REFERENCES {
                continue;
            }
            // A bare name is that of a schema.
            let target = match reference.contains(['#', '/', '.']) {
                true => Some(self.schemas.target(reference)?),
                false => self.schemas.named(reference),
            };
            let Some(target) = target else { continue };
            self.within.push(reference);
            let kind = self.shape(target, place);
            self.within.pop();
            shape.merge(kind?);
        }
        Ok(shape)
    }

    /// Types that are said, or follow from constants. Constants themselves are not kept.
    fn stated(&self, schema: &Map<String, Value>, shape: &mut Shape) {
        let types = match schema.get("type") {
            Some(Value::Array(types)) => types.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        for one in types.iter().filter_map(Value::as_str) {
            match one {
                "string" => shape.text = true,
                "integer" => shape.integer = true,
                "number" => shape.number = true,
                "boolean" => shape.boolean = true,
                "null" => shape.null = true,
                _ => {}
            }
        }
        shape.null |= schema.get("nullable") == Some(&Value::Bool(true));
        if types.is_empty() {
            let constants = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            for constant in constants.chain(schema.get("const")) {
                match constant {
                    Value::String(_) => shape.text = true,
                    Value::Number(number) if number.is_f64() => shape.number = true,
                    Value::Number(_) => shape.integer = true,
                    Value::Bool(_) => shape.boolean = true,
                    Value::Null => shape.null = true,
                    Value::Array(_) | Value::Object(_) => shape.whole = true,
                }
            }
        }
    }

    fn members(
        &mut self,
        schema: &'document Map<String, Value>,
        shape: &mut Shape,
        place: &str,
    ) -> Result<(), Problem> {
        let unnamed = ["additionalProperties", "patternProperties", "unevaluatedProperties"]
            .into_iter()
            .filter_map(|word| schema.get(word))
            .any(|value| !matches!(value, Value::Bool(_)) && !value.as_object().is_some_and(Map::is_empty));
        match schema.get("properties").and_then(Value::as_object) {
            Some(properties) => {
                if unnamed {
                    self.remarks.add(RemarkKind::AnyMember, place);
                }
                let mut members = std::collections::BTreeMap::new();
                for (name, property) in properties {
                    if self.goes_the_other_way(property) {
                        continue;
                    }
                    members.insert(name.clone(), self.shape(property, &format!("{place}.{name}"))?);
                }
                shape.merge(Shape { members: Some(members), ..Shape::default() });
            }
            None if unnamed || (says(schema, "object") && shape.members.is_none()) => {
                self.remarks.add(RemarkKind::AnyMember, place);
                shape.whole = true;
            }
            None => {}
        }
        Ok(())
    }

    fn items(
        &mut self,
        schema: &'document Map<String, Value>,
        shape: &mut Shape,
        place: &str,
    ) -> Result<(), Problem> {
        let place = format!("{place}[*]");
        let mut items = Shape::default();
        let listed = schema.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
        let mut seen = false;
        for item in listed.chain(schema.get("items")) {
            items.merge(self.shape(item, &place)?);
            seen = true;
        }
        if seen || says(schema, "array") {
            shape.merge(Shape { items: Some(Box::new(items)), ..Shape::default() });
        }
        Ok(())
    }

    fn goes_the_other_way(&self, property: &Value) -> bool {
        let word = match self.way {
            Way::Request => "readOnly",
            Way::Response => "writeOnly",
        };
        property.get(word) == Some(&Value::Bool(true))
    }
}

fn says(schema: &Map<String, Value>, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(types)) => types.iter().any(|one| one.as_str() == Some(kind)),
        _ => false,
    }
}

/// A pointer in a fragment is percent-encoded (RFC 6901, section 6). What cannot be decoded leads to nothing.
fn decoded(pointer: &str) -> String {
    let mut bytes = pointer.bytes();
    let mut found = Vec::with_capacity(pointer.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            found.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match (digit(bytes.next()), digit(bytes.next())) {
            (Some(high), Some(low)) => found.push(u8::try_from(high * 16 + low).unwrap_or_default()),
            _ => return String::new(),
        }
    }
    String::from_utf8(found).unwrap_or_default()
}
