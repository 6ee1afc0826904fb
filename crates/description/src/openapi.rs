//! A description from a document of OpenAPI 3.0 or 3.1.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use verbond_agreement::{EntryName, Method, PathTemplate};
use verbond_domain::{Problem, ServiceName};

use crate::{
    Decision, Draft, DraftOperation, DraftRequest, Imported,
    draft::{too_large, unreadable},
    parameters::parameters,
    remark::{RemarkKind, Remarks},
    sample::line,
    schema::{Schemas, Way},
    shape::Shape,
    tree,
};

/// Most operations that are described.
const MAXIMUM_OPERATIONS: usize = 500;
/// Most elements of a draft.
const MAXIMUM_ELEMENTS: usize = 20_000;
/// Longest name of an operation.
const LONGEST_NAME: usize = 80;
/// What a path may hold of methods; others are remarked.
const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// Describes a service from an OpenAPI document, in JSON or YAML. `only`: the operations to take, each by its
/// `operationId`, its name in the draft, or as `GET /trees/{id}`; empty: all.
///
/// # Errors
/// `DESCRIPTION_UNREADABLE`, `DESCRIPTION_TOO_LARGE`, `DESCRIPTION_REFERENCE_REMOTE`, `DESCRIPTION_OPERATION_UNKNOWN`.
pub fn from_openapi(text: &str, service: &ServiceName, only: &[String]) -> Result<Imported, Problem> {
    let document = tree::read(text)?;
    let version = document.get("openapi").map(|version| match version {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    if !version.is_some_and(|version| version.starts_with("3.0") || version.starts_with("3.1")) {
        return Err(unreadable("geen OpenAPI 3.0 of 3.1.", "not OpenAPI 3.0 or 3.1"));
    }
    let mut importer = Importer {
        schemas: Schemas::of(&document),
        remarks: Remarks::default(),
        names: BTreeSet::new(),
        only: only.iter().map(|one| (one.as_str(), false)).collect(),
        operations: Vec::new(),
        elements: 0,
    };
    for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        importer.path(path, item)?;
    }
    let Importer { remarks, operations, only, .. } = importer;
    if let Some((missing, _)) = only.iter().find(|(_, taken)| !taken) {
        return Err(unknown(missing));
    }
    if operations.is_empty() {
        return Err(unreadable("er staat geen operatie in.", "it has no operation"));
    }
    let info = |member: &str| document.get("info").and_then(|info| info.get(member)).and_then(Value::as_str);
    let draft = Draft {
        service: service.clone(),
        title: info("title").and_then(|title| title.trim().parse().ok()).into(),
        description: info("description").and_then(|text| text.trim().parse().ok()).into(),
        operations,
    };
    Ok(Imported { draft, remarks: remarks.into_vec(), records: None })
}

struct Importer<'document> {
    schemas: Schemas<'document>,
    remarks: Remarks,
    names: BTreeSet<String>,
    /// What was asked for, and whether it was found.
    only: Vec<(&'document str, bool)>,
    operations: Vec<DraftOperation>,
    elements: usize,
}

impl<'document> Importer<'document> {
    fn path(&mut self, path: &'document str, item: &'document Value) -> Result<(), Problem> {
        let item = self.schemas.follow(item)?;
        for (name, operation) in item.as_object().into_iter().flatten() {
            if !METHODS.contains(&name.as_str()) {
                continue;
            }
            let title = format!("{} {path}", name.to_uppercase());
            let identifier = operation.get("operationId").and_then(Value::as_str).unwrap_or(&title);
            let called = name_of(identifier);
            if !self.is_asked_for(&[&title, identifier, called.as_str()]) {
                continue;
            }
            let Some(method) = method(name) else {
                self.remarks.add(RemarkKind::Method, title);
                continue;
            };
            let Ok(template) = path.parse::<PathTemplate>() else {
                self.remarks.add(RemarkKind::Path, title);
                continue;
            };
            let lists = [operation.get("parameters"), item.get("parameters")];
            self.operation(called, method, template, lists, operation)?;
        }
        Ok(())
    }

    fn is_asked_for(&mut self, names: &[&str]) -> bool {
        let mut asked = self.only.is_empty();
        for (_, taken) in self.only.iter_mut().filter(|(wanted, _)| names.contains(wanted)) {
            *taken = true;
            asked = true;
        }
        asked
    }

    fn operation(
        &mut self,
        called: EntryName,
        method: Method,
        path: PathTemplate,
        lists: [Option<&'document Value>; 2],
        operation: &'document Value,
    ) -> Result<(), Problem> {
        let name = self.unique(&called);
        let place = name.as_str();
        let parameters = parameters(lists, &path, place, &self.schemas, &mut self.remarks)?;
        let Some((content_type, schema)) = self.answer(operation)? else {
            self.remarks.add(RemarkKind::NoAnswer, format!("{} {path}", method.as_str()));
            return Ok(());
        };
        let shape = self.content(content_type, schema, Way::Response, place)?;
        let elements = shape.elements(place, &mut self.remarks);
        let request = self.request(operation, place)?;
        self.elements += elements.len() + request.as_ref().map_or(0, |request| request.elements.len());
        if self.elements > MAXIMUM_ELEMENTS || self.operations.len() >= MAXIMUM_OPERATIONS {
            return Err(too_large());
        }
        let record = shape.record();
        if !record.steps().is_empty() {
            self.remarks.add(RemarkKind::Record, format!("{place} {record}"));
        }
        self.operations.push(DraftOperation {
            method,
            path,
            parameters,
            request,
            content_type: line(content_type)?,
            record: line(&record.to_string())?,
            elements,
            people: Decision::Undecided,
            name,
        });
        Ok(())
    }

    /// The answer when all is well: 200 before others.
    fn answer(
        &self,
        operation: &'document Value,
    ) -> Result<Option<(&'document str, &'document Value)>, Problem> {
        let Some(responses) = operation.get("responses").and_then(Value::as_object) else { return Ok(None) };
        let mut good: Vec<&String> =
            responses.keys().filter(|status| status.starts_with('2') || *status == "default").collect();
        good.sort();
        for status in good {
            let Some(response) = responses.get(status) else { continue };
            if let Some(content) = self.schemas.follow(response)?.get("content").and_then(Value::as_object)
                && let Some(found) = preferred(content)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn request(&mut self, operation: &'document Value, place: &str) -> Result<Option<DraftRequest>, Problem> {
        let Some(body) = operation.get("requestBody") else { return Ok(None) };
        let content = self.schemas.follow(body)?.get("content").and_then(Value::as_object);
        let Some((content_type, schema)) = content.and_then(preferred) else { return Ok(None) };
        let place = format!("{place} request");
        let elements =
            self.content(content_type, schema, Way::Request, &place)?.elements(&place, &mut self.remarks);
        let content_type = line(content_type)?;
        Ok((!elements.is_empty()).then_some(DraftRequest { content_type, elements }))
    }

    /// The shape of what goes over the line; in what is not JSON no elements can be named.
    fn content(
        &mut self,
        content_type: &str,
        schema: &'document Value,
        way: Way,
        place: &str,
    ) -> Result<Shape, Problem> {
        if is_json(content_type) {
            return self.schemas.shape(schema, way, &format!("{place} $"), &mut self.remarks);
        }
        self.remarks.add(RemarkKind::NotJson, place);
        Ok(Shape { opaque: true, ..Shape::default() })
    }

    fn unique(&mut self, name: &EntryName) -> EntryName {
        let mut number = 1_u32;
        let mut free = name.clone();
        while !self.names.insert(free.as_str().to_owned()) {
            number += 1;
            let suffix = format!("-{number}");
            let kept = LONGEST_NAME - suffix.len();
            let stem: String = name.as_str().chars().take(kept).collect();
            free = format!("{stem}{suffix}").parse().unwrap_or_else(|_| name.clone());
        }
        free
    }
}

/// The JSON among contents, else the first.
fn preferred(content: &Map<String, Value>) -> Option<(&str, &Value)> {
    static ANYTHING: Value = Value::Bool(true);
    let json = content.iter().find(|(name, _)| is_json(name));
    let (name, media) = json.or_else(|| content.iter().next())?;
    Some((name.split(';').next().unwrap_or(name).trim(), media.get("schema").unwrap_or(&ANYTHING)))
}

fn is_json(content_type: &str) -> bool {
    let bare = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    bare == "application/json" || bare.ends_with("+json")
}

pub(crate) fn method(name: &str) -> Option<Method> {
    Some(match name {
        "get" => Method::Get,
        "head" => Method::Head,
        "post" => Method::Post,
        "put" => Method::Put,
        "patch" => Method::Patch,
        "delete" => Method::Delete,
        _ => return None,
    })
}

/// A name of the register's alphabet from an `operationId` or from method and path.
pub(crate) fn name_of(text: &str) -> EntryName {
    let mut name = String::new();
    let mut before = ' ';
    for one in text.chars() {
        let new_word = one.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if (new_word || !one.is_ascii_alphanumeric()) && !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if one.is_ascii_alphanumeric() {
            name.push(one.to_ascii_lowercase());
        }
        before = one;
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name.insert_str(0, "operation-");
    }
    name.truncate(LONGEST_NAME);
    name.trim_end_matches('-').parse().unwrap_or_else(|_| fallback())
}

/// Reached by no text: the alphabet above is the name's.
#[expect(clippy::expect_used, reason = "a constant of the name's alphabet")]
fn fallback() -> EntryName {
    "operation".parse().expect("a name")
}

fn unknown(operation: &str) -> Problem {
    Problem::new(
        "DESCRIPTION_OPERATION_UNKNOWN",
        422,
        format!("Het document heeft geen operatie `{operation}`."),
        format!("the document has no operation `{operation}`"),
    )
    .next(
        "Noem haar `operationId`, of methode en pad zoals in het document: `GET /trees/{id}`.",
        "name its `operationId`, or method and path as in the document: `GET /trees/{id}`",
    )
}
