//! The reader on small texts: what it returns, where it points, what it says.

use serde_json::{Value as Json, json};

use super::{Dialect, read, write};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::{Node, SourceId};

fn read_as(dialect: Dialect, text: &str) -> (Vec<Node>, Vec<Diagnostic>) {
    let mut found = Diagnostics::default();
    let nodes = read(SourceId(0), text, dialect, &mut found);
    (nodes, found.into_sorted())
}

/// The documents of a text without findings, as JSON.
fn values(text: &str) -> Vec<Json> {
    let (nodes, found) = read_as(Dialect::Definition, text);
    assert!(found.is_empty(), "{text:?}: {found:#?}");
    nodes.iter().map(Json::from).collect()
}

/// Each finding as `code@text-it-points-at: message`.
fn findings(text: &str) -> Vec<String> {
    let (_, found) = read_as(Dialect::Definition, text);
    let show = |d: &Diagnostic| {
        let at = &text[d.span.start as usize..d.span.end as usize];
        format!("{}@{at}: {}", d.code.id, d.message)
    };
    found.iter().map(show).collect()
}

fn ids(text: &str) -> Vec<&'static str> {
    read_as(Dialect::Definition, text).1.iter().map(|d| d.code.id).collect()
}

/// Every key and scalar with the text it was read from.
fn places(text: &str, node: &Node, out: &mut Vec<String>) {
    let at = |span: crate::tree::Span| text[span.start as usize..span.end as usize].to_owned();
    out.push(at(node.span));
    for item in node.as_sequence().unwrap_or_default() {
        places(text, item, out);
    }
    for entry in node.as_mapping().into_iter().flatten() {
        out.push(at(entry.key_span));
        places(text, &entry.value, out);
    }
}

fn all_places(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    read_as(Dialect::Definition, text).0.iter().for_each(|node| places(text, node, &mut out));
    out
}

#[test]
fn documents_are_read_in_order_and_empty_ones_left_out() {
    assert_eq!(
        values("a: 1\n---\n---\n# nothing\n--- null\n--- [x]\n"),
        [json!({"a": 1}), json!(null), json!(["x"])]
    );
    assert!(values("").is_empty());
    assert!(values("# only a comment\n").is_empty());
    assert_eq!(values("\u{feff}a: 1\n"), [json!({"a": 1})]);
    assert_eq!(values("---\na: 1\n...\n---\nb: 2\n...\n"), [json!({"a": 1}), json!({"b": 2})]);
}

#[test]
fn scalars_of_all_styles_become_json() {
    let text = "\
plain: some text
number: 12
float: 1.5
flag: true
nothing:
single: 'it''s'
double: \"a\\tb\\u00e9\"
literal: |
  one
   two
folded: >-
  one
  two
flow: {a: [1, 2], b: {}}
list:
- x
- - z
- k: v
  l: w
";
    let expected = json!({
        "plain": "some text", "number": 12, "float": 1.5, "flag": true, "nothing": null, "single": "it's",
        "double": "a\tbé", "literal": "one\n two\n", "folded": "one two", "flow": {"a": [1, 2], "b": {}},
        "list": ["x", ["z"], {"k": "v", "l": "w"}],
    });
    assert_eq!(values(text), [expected]);
}

#[test]
fn spans_are_the_bytes_of_what_was_written() {
    let text = "é: 'x'  # ü\nlist:\n- \"y\"\n- {k: [v]}\nlast: |\n  one\n  two\n\nnone:\nanchored: &a  z z\n";
    assert_eq!(
        all_places(text),
        [
            "é",
            "é",
            "'x'",
            "list",
            "-",
            "\"y\"",
            "{",
            "k",
            "[",
            "v",
            "last",
            "one\n  two",
            "none",
            "",
            "anchored",
            "z z"
        ]
    );
}

#[test]
fn spans_count_from_the_start_of_the_file_in_later_documents() {
    let text = "a: ü\n---\nb: c\n";
    assert_eq!(all_places(text), ["a", "a", "ü", "b", "b", "c"]);
}

#[test]
fn a_duplicate_key_points_at_both_places() {
    let (nodes, found) = read_as(Dialect::Definition, "s:\n  k: 1\n  k: 2\n");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].code.id, found[0].span.start, found[0].route.as_str()),
        ("OMP0103", 12, "s.k")
    );
    assert_eq!(found[0].related[0].span.start, 5);
    assert_eq!(Json::from(&nodes[0]), json!({"s": {"k": 1}}));
}

#[test]
fn a_duplicate_key_is_found_in_a_mapping_of_any_size() {
    let mut text: String = (0..200).map(|i| format!("key{i}: {i}\n")).collect();
    text.push_str("key3: again\nkey150: again\n");
    assert_eq!(ids(&text), ["OMP0103", "OMP0103"]);
}

#[test]
fn all_findings_of_all_documents_come_at_once() {
    let text = "a: on\na: 012\n---\nb: [x\n---\nc: 'open\n---\nd: !foo 1\n? [e]\n: f\n";
    assert_eq!(
        ids(text),
        ["OMP0104", "OMP0103", "OMP0104", "OMP0101", "OMP0101", "OMP0106", "OMP0105"]
    );
}

#[test]
fn after_a_syntax_error_the_next_document_is_read() {
    let (nodes, found) = read_as(Dialect::Definition, "a: [\n---\nb: 1\n");
    assert_eq!(found.len(), 1);
    assert_eq!(Json::from(&nodes[0]), json!({"b": 1}));
}

#[test]
fn syntax_errors_say_what_is_wrong_where() {
    let cases = [
        ("a: b: c\n", "OMP0101@:: a `:` stands where no key can be"),
        ("a: 'b\n", "OMP0101@': this quote is not closed"),
        ("a: [b\n", "OMP0101@[: this bracket is not closed"),
        ("a: [b}\n", "OMP0101@}: a `,` or the closing `]` is missing before this"),
        (
            "a: 'b\nc: d'\n",
            "OMP0101@': this quote is not closed, or its text goes on in lines that",
        ),
        ("a: 1\nb\nc: 2\n", "OMP0101@b: this line has no `key:`"),
        (
            "a:\n  b: 1\n c: 2\n",
            "OMP0101@c: this is indented differently from what stands beside it",
        ),
        ("a:\n- b\nc\n", "OMP0101@c: this line has no `key:`"),
        ("- b\nc: d\n", "OMP0101@c: an item of the sequence was expected here"),
        ("a: - b\n", "OMP0101@-: a `-` item cannot start here"),
        ("a: \"\\d\"\n", "OMP0101@\\: a backslash is followed by a character that is no escape"),
        ("a: @b\n", "OMP0101@@: no text without quotes can start with this character"),
        ("a: 'b' c\n", "OMP0101@c: something follows the end of this value"),
        ("a: b\n\n  c: d\n", "OMP0101@:: a `:` stands where no key can be"),
        ("%YAML 1.2\n---\na: b\n", "OMP0101@%: directives, lines that start with `%`"),
        (
            "a: *b\n",
            "OMP0107@*b: this alias names an anchor that is not set before it in the document",
        ),
        ("a:\n\tb: 1\n", "OMP0102@\t: a tab stands where only spaces can"),
        ("a: ]\n", "OMP0101@]: a closing bracket has no opening one"),
        ("a: |\n    \n  b\n", "OMP0101@b: an empty line above has more spaces"),
        ("|\n\n# b\n", "OMP0101@#: a block of text must be indented"),
        ("a: &b &c d\n", "OMP0101@&: a value has two anchors or two tags"),
    ];
    for (text, expected) in cases {
        let found = findings(text);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{text:?}: {found:?}");
    }
}

#[test]
fn tabs_that_pyyaml_refuses_are_found_and_those_in_texts_are_not() {
    for text in ["a:\tb\n", "a: b\t\n", "a: b\tc\n", "- a\n-\tb\n", "a: [b,\tc]\n", "a: b\n\t\n"] {
        assert_eq!(ids(text), ["OMP0102"], "{text:?}");
    }
    for text in ["a: 'b\tc'\n", "a: b #\tc\n", "#\t\na: |\n  b\tc\n  \td\n"] {
        assert!(ids(text).is_empty(), "{text:?}");
    }
}

#[test]
fn ambiguous_values_say_what_each_reader_takes() {
    let (_, found) = read_as(Dialect::Definition, "spec: {verify: no}\n");
    assert_eq!(found[0].message, "`no` is read differently by different YAML readers");
    assert_eq!(found[0].route, "spec.verify");
    assert_eq!(
        found[0].notes,
        [
            "YAML 1.2 reads the text",
            "PyYAML, in the ingestion image, reads the boolean false",
            "Go's sigs.k8s.io/yaml, in kubectl, reads the boolean false"
        ]
    );
    assert_eq!(found[0].help.as_deref(), Some("write \"no\" for the text, or false"));
}

#[test]
fn an_ambiguous_value_at_a_secret_looking_key_is_not_shown() {
    let (_, found) = read_as(Dialect::Definition, "jwtToken: 0123456\npassword: 1_2\n");
    assert_eq!(found.len(), 2);
    for diagnostic in &found {
        let shown = format!("{} {:?} {:?}", diagnostic.message, diagnostic.notes, diagnostic.help);
        assert!(
            !shown.contains("42798") && !shown.contains("0123456") && !shown.contains("1_2"),
            "{shown}"
        );
    }
}

#[test]
fn keys_are_strings() {
    assert_eq!(findings("1: a\n"), ["OMP0105@1: this key is the integer 1, not a string"]);
    assert_eq!(findings("true: a\n"), ["OMP0105@true: this key is the boolean true, not a string"]);
    assert_eq!(findings("~: a\n"), ["OMP0105@~: this key is null, not a string"]);
    assert_eq!(
        findings("on: a\n"),
        ["OMP0104@on: the key `on` is read differently by different YAML readers"]
    );
    assert_eq!(values("\"1\": a\n'on': b\n"), [json!({"1": "a", "on": "b"})]);
    assert_eq!(ids("? {a: b}\n: c\n"), ["OMP0105"]);
}

#[test]
fn aliases_repeat_what_their_anchor_marks_with_its_places() {
    let text = "a: &x {k: [v]}\nb: *x\nc: &s text\n*s : d\n";
    assert_eq!(
        values(text),
        [json!({"a": {"k": ["v"]}, "b": {"k": ["v"]}, "c": "text", "text": "d"})]
    );
    let (nodes, _) = read_as(Dialect::Definition, text);
    assert_eq!(
        nodes[0].get("b").unwrap().get("k").unwrap().span,
        nodes[0].get("a").unwrap().get("k").unwrap().span
    );
}

#[test]
fn anchors_end_with_their_document_and_cannot_hold_themselves() {
    assert_eq!(ids("a: &x 1\n---\nb: *x\n"), ["OMP0107"]);
    assert_eq!(ids("a: &x 1\nb: &x 2\n"), ["OMP0107"]);
    assert_eq!(ids("a: &x 1\n...\n---\nb: *x\n"), ["OMP0107"]);
    assert_eq!(findings("&a [*a]\n"), ["OMP0107@*a: this alias stands inside what it repeats"]);
}

#[test]
fn merge_keys_fill_in_what_is_not_written_out() {
    let text = "base: &b {x: 1, k: 2}\nother: &o {k: 3, z: 4}\none:\n  <<: *b\n  k: 5\ntwo:\n  <<: [*o, *b]\n";
    assert_eq!(values(text)[0]["one"], json!({"x": 1, "k": 5}));
    assert_eq!(values(text)[0]["two"], json!({"x": 1, "k": 3, "z": 4}));
    assert_eq!(values("'<<': 1\n"), [json!({"<<": 1})]);
}

#[test]
fn merge_keys_that_readers_cannot_follow_alike_are_found() {
    assert_eq!(ids("<<: 1\n"), ["OMP0108"]);
    assert_eq!(ids("<<: [{a: 1}, b]\n"), ["OMP0108"]);
    assert_eq!(ids("a: &a {k: 1}\nb:\n  k: 2\n  <<: *a\n"), ["OMP0108"]);
    assert_eq!(ids("a: &a {k: 1}\nb:\n  <<: *a\n  <<: *a\n"), ["OMP0103"]);
    assert_eq!(ids("a: <<\n"), ["OMP0104"]);
}

#[test]
fn tags_of_json_types_are_honoured_and_others_refused() {
    let text = "a: !!str 12\nb: !!int '3'\nc: !!float 1\nd: !!bool true\ne: !!null ''\nf: !!map {}\ng: !!seq []\n";
    let expected = json!({"a": "12", "b": 3, "c": 1.0, "d": true, "e": null, "f": {}, "g": []});
    assert_eq!(values(text), [expected]);
    for text in [
        "a: !foo 1\n",
        "a: !!binary aGk=\n",
        "a: !!timestamp 2001-01-01\n",
        "a: !!python/name:x 1\n",
        "a: !!int x\n",
        "!!set {a}\n",
        "a: !!bool 'on'\n",
        "a: !!map []\n",
        "a: ! x\n",
    ] {
        assert_eq!(ids(text), ["OMP0106"], "{text:?}");
    }
}

#[test]
fn numbers_that_json_does_not_have_are_found() {
    for text in [
        "a: .inf\n",
        "a: -.INF\n",
        "a: .nan\n",
        "a: 18446744073709551616\n",
        "a: -9223372036854775809\n",
    ] {
        assert_eq!(ids(text), ["OMP0110"], "{text:?}");
    }
}

#[test]
fn the_pyyaml_dialect_resolves_as_pyyaml_without_findings() {
    let (nodes, found) =
        read_as(Dialect::PyYaml, "a: yes\nb: 012\nc: 1:30\nd: 2024-05-01\ne: 1e3\nf: y\n");
    assert!(found.is_empty(), "{found:?}");
    let expected = json!({"a": true, "b": 10, "c": 90, "d": "2024-05-01", "e": "1e3", "f": "y"});
    assert_eq!(Json::from(&nodes[0]), expected);
}

#[test]
fn hostile_texts_end_in_a_few_findings() {
    let bomb: String =
        std::iter::once("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned())
            .chain((1..12).map(|i| {
                format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "))
            }))
            .collect();
    let repeated = |part: &str, bytes: usize| part.repeat(bytes / part.len());
    let nested_block: String = (0..1000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    let large = super::MAX_DOCUMENT_BYTES - 10;
    let texts = [
        (bomb, "OMP0109"),
        (nested_block, "OMP0109"),
        (repeated("[", 10_000), "OMP0109"),
        (repeated("[", large), "OMP0109"),
        (repeated("{", 10_000), "OMP0109"),
        (repeated("{a: ", 10_000), "OMP0109"),
        (repeated("- ", large), "OMP0109"),
        (repeated("? ", large), "OMP0109"),
        (repeated("a: ", large), "OMP0101"),
        (repeated("&a [", 10_000), "OMP0109"),
        (format!("a: {}", repeated("x", 16 << 20)), "OMP0109"),
        (repeated("---\n'\n", 1 << 20), "OMP0101"),
        (format!("[{}]", (0..600_000).map(|i| format!("&a{i} x,")).collect::<String>()), "OMP0109"),
        (repeated("\0", 1 << 20), "OMP0111"),
        (repeated("\t", 1 << 19), "OMP0102"),
    ];
    for (text, id) in texts {
        let found = ids(&text);
        let shown = &text[..text.len().min(40)];
        assert!(found.contains(&id), "{shown}: {:?}", &found[..found.len().min(5)]);
        assert!(found.len() <= 500, "{shown}: {} findings", found.len());
    }
}

#[test]
fn many_documents_of_a_file_share_the_limit_on_values() {
    let text = format!("---\n[{}]\n", "a,".repeat(300_000)).repeat(4);
    assert_eq!(ids(&text), ["OMP0109"]);
}

#[test]
fn canonical_yaml_reads_well() {
    let node = Node::from(json!({
        "apiVersion": "v1", "empty": {}, "none": [], "null": null, "on": "no", "count": 3, "port": "8080",
        "float": 1e20, "args": ["--flag", "a: b", "it's", "1"], "nested": [{"a": [1], "b": {"c": "d"}}, ["x", "z"]],
        "text": "one\n two\n", "kept": "one\n\n", "stripped": "a\nb", "leading": " a\nb", "blank": " \n",
        "escaped": "a\u{1}\t\"", "both": "'\"",
    }));
    let mut out = String::new();
    write(&node, &mut out);
    let expected = r#"apiVersion: v1
empty: {}
none: []
'null': null
'on': 'no'
count: 3
port: '8080'
float: 1.0e+20
args:
- --flag
- 'a: b'
- it's
- '1'
nested:
- a:
  - 1
  b:
    c: d
- - x
  - z
text: |
  one
   two
kept: |+
  one

stripped: |-
  a
  b
leading: |2-
   a
  b
blank: " \n"
escaped: "a\x01\t\""
both: '''"'
"#;
    assert_eq!(out, expected);
}
