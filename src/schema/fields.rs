//! The fields of a mapping's type, found by name.
//!
//! In: names with what they stand for. Out: lookups, of which every key of every checked mapping is
//! one. The first eight bytes of a name, as a number, nearly always tell it from the others, and
//! comparing numbers is several times as fast as comparing texts.

use compact_str::CompactString;

/// What stands for each name, in the order of the names.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Fields<T> {
    /// The beginning of each name, in order.
    beginnings: Box<[u64]>,
    fields: Box<[(CompactString, T)]>,
}

impl<T> Fields<T> {
    /// Takes distinct names in any order.
    pub(crate) fn new(mut fields: Vec<(CompactString, T)>) -> Self {
        fields.sort_by(|(one, _), (other, _)| {
            (beginning(one), one.as_str()).cmp(&(beginning(other), other.as_str()))
        });
        Self {
            beginnings: fields.iter().map(|(name, _)| beginning(name)).collect(),
            fields: fields.into_boxed_slice(),
        }
    }

    /// What stands for a name.
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        let wanted = beginning(name);
        let first = self.beginnings.partition_point(|begins| *begins < wanted);
        self.beginnings
            .iter()
            .zip(&self.fields)
            .skip(first)
            .take_while(|(begins, _)| **begins == wanted)
            .find(|(_, (field, _))| field.as_str() == name)
            .map(|(_, (_, value))| value)
    }

    /// All names with what stands for them.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (CompactString, T)> {
        self.fields.iter()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// The first eight bytes, so that numbers compare as the texts do.
fn beginning(name: &str) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names = [
            "",
            "a",
            "a\0",
            "env",
            "terminationGracePeriodSeconds",
            "terminationMessagePath",
            "terminat",
            "terminati",
            "é",
        ];
        let fields = Fields::new(names.iter().map(|name| ((*name).into(), *name)).collect());
        for name in names {
            assert_eq!(fields.get(name), Some(&name));
        }
        for other in ["b", "terminatio", "terminationMessagePolicy", "\0", "zzzzzzzzzzzz"] {
            assert_eq!(fields.get(other), None, "{other}");
        }
    }

    #[test]
    fn names_are_listed_in_their_order() {
        let fields = Fields::new(
            ["b", "terminationB", "a", "terminationA"].map(|name| (name.into(), ())).into(),
        );
        let names: Vec<&str> = fields.iter().map(|(name, ())| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "terminationA", "terminationB"]);
        assert!(!fields.is_empty());
    }
}
