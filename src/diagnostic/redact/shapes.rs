//! Secrets by their shape, whatever key they stand at: PEM blocks, tokens, passwords in URLs.
//!
//! In: any text, a message too. Out: the bytes to hide, in time linear in the length.

use std::ops::Range;

/// What is a secret by its shape: PEM blocks, JSON Web Tokens, well-known tokens, passwords in
/// URLs.
pub(super) fn shapes(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    pem_blocks(text, &mut found);
    for (prefix, shortest) in [
        ("eyJ", 10),
        ("ghp_", 16),
        ("github_pat_", 16),
        ("glpat-", 12),
        ("xoxb-", 12),
        ("dapi", 24),
    ] {
        tokens(text, prefix, shortest, &mut found);
    }
    url_passwords(text, &mut found);
    found
}

fn pem_blocks(text: &str, found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(start) = text[from..].find("-----BEGIN").map(|at| from + at) {
        let end = match text[start..].find("-----END") {
            Some(at) => line_end(text.as_bytes(), start + at),
            None => text.len(),
        };
        found.push(start..end);
        from = end;
    }
}

fn tokens(text: &str, prefix: &str, shortest: usize, found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(start) = text[from..].find(prefix).map(|at| from + at) {
        let length = bytes[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(byte))
            .count();
        let begins = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
        if begins && length >= prefix.len() + shortest {
            found.push(start..start + length);
        }
        from = start + length.max(prefix.len());
    }
}

fn url_passwords(text: &str, found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(start) = text[from..].find("://").map(|at| from + at + 3) {
        let length = bytes[start..]
            .iter()
            .take_while(|byte| !byte.is_ascii_whitespace() && **byte != b'"')
            .count();
        let url = &bytes[start..start + length];
        if let Some(at) = url.iter().rposition(|byte| *byte == b'@') {
            let user = &url[..at];
            match user.iter().position(|byte| *byte == b':') {
                Some(colon) => found.push(start + colon + 1..start + at),
                None if !user.contains(&b'/') => found.push(start..start + at),
                None => {}
            }
        }
        from = start + length;
    }
}

/// The end of the line that holds a byte.
pub(super) fn line_end(bytes: &[u8], from: usize) -> usize {
    let from = from.min(bytes.len());
    from + bytes[from..].iter().take_while(|byte| **byte != b'\n').count()
}
