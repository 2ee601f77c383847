//! JSON Pointer (RFC 6901): the places that a JSON Patch names.
//!
//! In: `/spec/podTemplate/metadata/annotations/example.com~1team`. Out: [`Pointer`], which finds
//! the place in a tree or says how far it leads and what is there.

use compact_str::CompactString;

use super::fault::Fault;
use crate::diagnostic::{code, nearest, suggestion};
use crate::tree::{Node, Span, Value};

/// A parsed pointer.
#[derive(Clone, Debug)]
pub(super) struct Pointer {
    steps: Vec<CompactString>,
    /// Where it is written.
    pub(super) span: Span,
}

/// What a pointer leads to within its parent.
pub(super) enum Step<'a> {
    /// A key, there or not.
    Key(&'a str),
    /// An index, of an item or just behind the last.
    Index(usize),
}

impl Pointer {
    /// Parses a pointer, or says why it is none.
    pub(super) fn parse(node: &Node) -> Result<Self, &'static str> {
        let text = node.as_str().unwrap_or_default();
        let mut parts = text.split('/');
        if !parts.next().is_some_and(str::is_empty) {
            return Err("it begins with `/`, as in `/spec/schedule`");
        }
        let steps = parts.map(unescaped).collect::<Option<Vec<_>>>();
        let steps = steps.ok_or("`~` is written `~0` in it, and a `/` of a key `~1`")?;
        Ok(Self { steps, span: node.span })
    }

    /// Whether it means the whole.
    pub(super) fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether the other leads to a place below it.
    pub(super) fn is_above(&self, other: &Pointer) -> bool {
        other.steps.len() > self.steps.len() && other.steps.starts_with(&self.steps)
    }

    /// How many keys and indexes it has.
    pub(super) fn depth(&self) -> usize {
        self.steps.len()
    }

    /// The route of keys, as findings show it.
    pub(super) fn route(&self) -> String {
        let mut route = String::new();
        for step in &self.steps {
            crate::diagnostic::route::push_key(&mut route, step);
        }
        route
    }

    /// The last key or index.
    pub(super) fn last(&self) -> &str {
        self.steps.last().map_or("", CompactString::as_str)
    }

    /// What is there.
    pub(super) fn get<'n>(&self, root: &'n Node) -> Result<&'n Node, Fault> {
        let mut node = root;
        for depth in 0..self.steps.len() {
            node = self.child(node, depth).ok_or_else(|| self.nowhere(node, depth))?;
        }
        Ok(node)
    }

    /// What is there, to change it.
    pub(super) fn get_mut<'n>(&self, root: &'n mut Node) -> Result<&'n mut Node, Fault> {
        self.walk(root, self.steps.len())
    }

    /// The parent of the place, and the step from there. Of a list, `-` and the index behind the
    /// last item are the end.
    pub(super) fn parent_mut<'n>(
        &self,
        root: &'n mut Node,
    ) -> Result<(&'n mut Node, Step<'_>), Fault> {
        let depth = self.steps.len().saturating_sub(1);
        let parent = self.walk(root, depth)?;
        let step = match &parent.value {
            Value::Mapping(_) => Some(Step::Key(self.last())),
            Value::Sequence(items) if self.last() == "-" => Some(Step::Index(items.len())),
            Value::Sequence(items) => {
                index(self.last()).filter(|at| *at <= items.len()).map(Step::Index)
            }
            _ => None,
        };
        match step {
            Some(step) => Ok((parent, step)),
            None => Err(self.nowhere(parent, depth)),
        }
    }

    fn walk<'n>(&self, root: &'n mut Node, depth: usize) -> Result<&'n mut Node, Fault> {
        let mut node = &*root;
        for at in 0..depth {
            node = self.child(node, at).ok_or_else(|| self.nowhere(node, at))?;
        }
        let mut steps = self.steps.iter().take(depth);
        let found = steps.try_fold(root, |node, step| match &mut node.value {
            Value::Mapping(mapping) => mapping.get_mut(step),
            Value::Sequence(items) => index(step).and_then(|at| items.get_mut(at)),
            _ => None,
        });
        found.ok_or_else(|| self.fault("the path leads nowhere".to_owned(), None))
    }

    fn child<'n>(&self, node: &'n Node, depth: usize) -> Option<&'n Node> {
        let step = self.steps.get(depth)?;
        match &node.value {
            Value::Mapping(mapping) => mapping.get(step),
            Value::Sequence(items) => items.get(index(step)?),
            _ => None,
        }
    }

    /// That the step at a depth leads nowhere, from the node that the steps before it lead to.
    fn nowhere(&self, from: &Node, depth: usize) -> Fault {
        let step = self.steps.get(depth).map_or("", CompactString::as_str);
        let above = match depth {
            0 => "the whole".to_owned(),
            _ => format!("`{}`", self.text(depth, None)),
        };
        let mut help = None;
        let message = match &from.value {
            Value::Mapping(mapping) => {
                let known = mapping.iter().map(|entry| entry.key.as_str());
                help = nearest(step, known).map(|near| suggestion(&self.text(depth, Some(near))));
                format!("the path leads nowhere: {above} has no `{step}`")
            }
            Value::Sequence(items) => format!(
                "the path leads nowhere: {above} has {}, and no `{step}`",
                crate::diagnostic::counted(items.len(), "item")
            ),
            other => format!("the path leads nowhere: {above} is {}", other.type_name()),
        };
        self.fault(message, help)
    }

    /// What is wrong with the path.
    pub(super) fn fault(&self, message: String, help: Option<String>) -> Fault {
        Fault { code: &code::PATCH_PATH, span: self.span, message, route: self.route(), help }
    }

    /// The first steps as they are written, with another in place of the rest's first.
    fn text(&self, depth: usize, then: Option<&str>) -> String {
        let steps = self.steps.iter().take(depth).map(CompactString::as_str).chain(then);
        let mut text = String::new();
        for step in steps {
            text.push('/');
            text.push_str(&step.replace('~', "~0").replace('/', "~1"));
        }
        text
    }
}

fn unescaped(step: &str) -> Option<CompactString> {
    let mut parts = step.split('~');
    let mut text = CompactString::from(parts.next()?);
    for part in parts {
        let mut rest = part.chars();
        text.push(match rest.next()? {
            '0' => '~',
            '1' => '/',
            _ => return None,
        });
        text.push_str(rest.as_str());
    }
    Some(text)
}

/// An index as the RFC writes it: digits without a leading zero.
fn index(step: &str) -> Option<usize> {
    let is_number = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (step == "0" || !step.starts_with('0'))).then(|| step.parse().ok())?
}
