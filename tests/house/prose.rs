//! Documents and words.

use crate::finding::Finding;
use crate::repository::Text;

/// A document begins with its title and has no second one.
pub fn check_title(document: &Text) -> Vec<Finding> {
    let mut fenced = false;
    let mut titles = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && line.starts_with("# ") {
            titles.push(index + 1);
        }
    }
    let finding = |line, what: &str| Finding {
        file: document.path.clone(),
        line,
        what: what.into(),
        mend: "Begin with one `# Title`; use `##` below it.".into(),
    };
    match titles[..] {
        [1] => Vec::new(),
        [] => vec![finding(1, "the document has no title")],
        [first] => vec![finding(first, "the title is not the first line")],
        [_, second, ..] => vec![finding(second, "the document has a second title")],
    }
}

/// No unfinished business without a number, no path of somebody's machine.
pub fn check_words(text: &Text) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.text.lines().enumerate() {
        let mut find = |what: String, mend: &str| {
            findings.push(Finding {
                file: text.path.clone(),
                line: index + 1,
                what,
                mend: mend.into(),
            });
        };
        if let Some(word) = unfinished(line) {
            find(
                format!("{word} without a number"),
                "Do it, or name its issue in brackets: (#12).",
            );
        }
        if let Some(path) = machine_path(line) {
            find(
                format!("{path} is a path of one machine"),
                "Say it relative to the repository or the user's home.",
            );
        }
    }
    findings
}

/// The word that marks unfinished business, unless an issue's number follows it.
fn unfinished(line: &str) -> Option<&'static str> {
    const WORDS: [&str; 3] = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    WORDS.into_iter().find(|word| {
        line.match_indices(word).any(|(at, _)| {
            let inside_a_word = line[..at].ends_with(char::is_alphanumeric)
                || line[at + word.len()..].starts_with(char::is_alphanumeric);
            !inside_a_word && !line[at + word.len()..].starts_with("(#")
        })
    })
}

/// A path that exists on one machine only.
fn machine_path(line: &str) -> Option<&'static str> {
    const PATHS: [&str; 4] = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
    ];
    PATHS.into_iter().find(|path| {
        line.match_indices(path)
            .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text {
            path: "a.md".into(),
            full: "a.md".into(),
            text: text.into(),
        }
    }

    fn title_line(document: &str) -> Option<usize> {
        check_title(&text(document))
            .first()
            .map(|finding| finding.line)
    }

    #[test]
    fn titles() {
        assert_eq!(title_line("# One\n\n## Two\n"), None);
        assert_eq!(title_line("No title\n"), Some(1));
        assert_eq!(title_line("\n# Late\n"), Some(2));
        assert_eq!(title_line("# One\n\n# Two\n"), Some(3));
        assert_eq!(title_line("# One\n```\n# a comment\n```\n"), None);
    }

    fn words(line: &str) -> usize {
        check_words(&text(line)).len()
    }

    #[test]
    fn unfinished_business_needs_a_number() {
        let word = concat!("TO", "DO");
        assert_eq!(words(&format!("// {word}: later")), 1);
        assert_eq!(words(&format!("// {word}(#12): later")), 0);
        assert_eq!(words(&format!("// a {word}S list")), 0);
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        assert_eq!(words(concat!("see /ho", "me/anna/notes")), 1);
        assert_eq!(words(concat!("cd ", "/wo", "rk/here")), 1);
        assert_eq!(words(concat!("https://example.org/ho", "me/page")), 0);
        assert_eq!(words(concat!("tests/wo", "rk/here")), 0);
    }
}
