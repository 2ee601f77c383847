//! Names for the definitions of a bundle.
//!
//! In: the places in files that definitions stand at. Out: a name for each, the same whatever the
//! order in which they were found, and references by these names.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::link::Place;

/// A name for each place: the last word of its pointer or file, and with the whole path where two
/// share it.
pub(super) fn names(places: &[Place]) -> Vec<String> {
    let clean = |text: &str| -> String {
        let known = |c: char| {
            if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' }
        };
        text.chars().map(known).collect()
    };
    let stem =
        |file: &str| file.rsplit('/').next().unwrap_or(file).trim_end_matches(".json").to_owned();
    let short = |(file, pointer): &Place| match pointer.rsplit('/').next() {
        Some(word) if !word.is_empty() => clean(word),
        _ => clean(&stem(file)),
    };
    let long = |(file, pointer): &Place| {
        let word = pointer.rsplit('/').next().unwrap_or_default();
        clean(
            format!("{}.{word}", file.trim_end_matches(".json").replace('/', "."))
                .trim_end_matches('.'),
        )
    };
    let mut count: HashMap<String, usize> = HashMap::new();
    for place in places {
        *count.entry(short(place)).or_default() += 1;
    }
    // In the order of the paths, so that a number that is still needed does not depend on how a
    // place was found.
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|number| &places[*number]);
    let mut taken = BTreeSet::new();
    let mut names = vec![String::new(); places.len()];
    for number in order {
        let place = &places[number];
        let name = if count[&short(place)] == 1 { short(place) } else { long(place) };
        let mut unique = name.clone();
        let mut copy = 2;
        while !taken.insert(unique.clone()) {
            unique = format!("{name}-{copy}");
            copy += 1;
        }
        names[number] = unique;
    }
    names
}

/// Replaces the numbers in `$ref`s by names.
pub(super) fn name_references(schema: &mut Value, targets: &[usize], names: &[String]) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                match value.as_u64().and_then(|number| targets.get(usize::try_from(number).ok()?)) {
                    Some(target) if keyword == "$ref" => {
                        *value = format!("#/definitions/{}", names[*target]).into();
                    }
                    _ => name_references(value, targets, names),
                }
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| name_references(item, targets, names));
        }
        _ => {}
    }
}

/// The names that a schema reaches. What only an alias pointed to is reached through its target.
pub(super) fn referenced_names(
    root: &Value,
    schemas: &[Value],
    names: &[String],
) -> BTreeSet<String> {
    let numbers: HashMap<&str, usize> =
        names.iter().enumerate().map(|(number, name)| (name.as_str(), number)).collect();
    let mut reached = BTreeSet::new();
    let mut queue = vec![root];
    while let Some(schema) = queue.pop() {
        match schema {
            Value::Object(keywords) => {
                for (keyword, value) in keywords {
                    match value.as_str().and_then(|text| text.strip_prefix("#/definitions/")) {
                        Some(name) if keyword == "$ref" => {
                            if reached.insert(name.to_owned()) {
                                queue.extend(numbers.get(name).map(|number| &schemas[*number]));
                            }
                        }
                        _ => queue.push(value),
                    }
                }
            }
            Value::Array(items) => queue.extend(items),
            _ => {}
        }
    }
    reached
}
