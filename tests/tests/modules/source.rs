//! The names in a file of Rust: enough of the language to find its paths, and no more.

use crate::Name;

/// The names in a file.
#[derive(Default)]
pub(crate) struct Source {
    /// Those that it uses.
    pub(crate) names: Vec<Name>,
    /// Those that it only hands on, by `pub use`.
    pub(crate) handed_on: Vec<Name>,
}

impl Source {
    pub(crate) fn of(text: &str) -> Self {
        let tokens = tokens(text);
        let tokens = without_tests(&tokens);
        let mut source = Self::default();
        let mut is_handed_on = false;
        let mut at = 0;
        while at < tokens.len() {
            match tokens[at].as_str() {
                "use" => is_handed_on = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")"),
                ";" => is_handed_on = false,
                // `pub(in crate::a)` says who may use, and uses nothing.
                "in" if at > 0 && tokens[at - 1] == "(" => {
                    at = paths(tokens, at + 1, &Vec::new(), &mut Vec::new()) - 1
                }
                token if is_word(token) && (at == 0 || ![".", "::"].contains(&tokens[at - 1].as_str())) => {
                    let mut names = Vec::new();
                    at = paths(tokens, at, &Vec::new(), &mut names);
                    let into = if is_handed_on {
                        &mut source.handed_on
                    } else {
                        &mut source.names
                    };
                    into.extend(names.into_iter().filter(|name| name.len() > 1));
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        source
    }
}

/// Reads the path that begins at `at`, with all that stands in its braces; says where it ends.
fn paths(tokens: &[String], mut at: usize, before: &Name, found: &mut Vec<Name>) -> usize {
    let mut name = before.clone();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = match tokens[at].as_str() {
                        "as" => at + 2,
                        token if is_word(token) || token == "{" => paths(tokens, at, &name, found),
                        _ => at + 1,
                    };
                }
                return at + 1;
            }
            Some(token) if is_word(token) => name.push(token.to_owned()),
            _ => {}
        }
        if tokens.get(at + 1).is_some_and(|token| token == "::") {
            at += 2;
        } else {
            // `self` in braces is what stands before them.
            if name.len() > 1 && name.last().is_some_and(|last| last == "self") {
                name.pop();
            }
            found.push(name);
            return at + 1;
        }
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Up to the tests within the file, which stand at its end.
fn without_tests(tokens: &[String]) -> &[String] {
    let marks = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let begins = |window: &[String]| window.iter().eq(marks.iter());
    let end = tokens.windows(marks.len()).position(begins);
    &tokens[..end.unwrap_or(tokens.len())]
}

/// The words and signs of `text`, without comments and literals.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(hashes) = rest
            .strip_prefix('r')
            .map(|raw| raw.len() - raw.trim_start_matches('#').len())
            && rest[1 + hashes..].starts_with('"')
        {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = 2 + hashes;
            rest[body..]
                .find(&end)
                .map_or(rest.len(), |at| body + at + end.len())
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\''
            && rest[1..].chars().nth(usize::from(!rest[1..].starts_with('\\'))) == Some('\'')
            || rest.starts_with("'\\")
        {
            quoted(rest, '\'')
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest
                .find(|other: char| !other.is_alphanumeric() && other != '_')
                .unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    tokens
}

/// How long the literal is that `text` begins with.
fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == mark => return at + mark.len_utf8(),
            _ => {}
        }
    }
    text.len()
}
