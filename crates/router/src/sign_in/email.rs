//! What is an email address: enough of a check to catch mistakes. Whether it is somebody's shows when the code arrives.

/// The address in lower case, so that one person doesn't become two; `None` when it can't be one.
pub(crate) fn normalize(text: &str) -> Option<String> {
    let text = text.trim();
    let plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | ':' | '"' | '(' | ')');
    if text.len() > 254 || !text.chars().all(plain) {
        return None;
    }
    let (local, domain) = text.split_once('@')?;
    let labels = domain
        .split('.')
        .all(|label| !label.is_empty() && label.len() <= 63 && label.chars().all(|c| c == '-' || c.is_alphanumeric()));
    if local.is_empty() || local.len() > 64 || !labels {
        return None;
    }
    Some(text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn addresses_are_lower_cased() {
        assert_eq!(normalize(" Ann.Lee+tw@Example.ORG ").as_deref(), Some("ann.lee+tw@example.org"));
        assert_eq!(normalize("root@localhost").as_deref(), Some("root@localhost"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "ann@@example.org",
            "a b@example.org",
            "ann@example..org",
            "ann@.org",
            "ann@example.org\r\nBcc: all@example.org",
            "<ann@example.org>",
            "ann@exa/mple.org",
        ] {
            assert_eq!(normalize(bad), None, "{bad}");
        }
        assert_eq!(normalize(&format!("{}@example.org", "a".repeat(65))), None);
        assert_eq!(normalize(&format!("a@{}", "b.".repeat(200))), None);
    }
}
