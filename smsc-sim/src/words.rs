//! Words in what is printed for people.

/// A number with its word: `1 message`, `2 messages`.
pub(crate) fn counted(count: u64, word: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {word}{ending}")
}
