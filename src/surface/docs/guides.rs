//! The guides of `docs/`, as pages.

use super::markdown::{self, Rendered};

/// A guide: a file of `docs/`.
pub(super) struct Guide {
    /// The file's name without `.md`, and its name under `/docs/guides/`.
    pub(super) name: &'static str,
    /// As the menu has it.
    pub(super) title: &'static str,
    text: &'static str,
}

macro_rules! guide {
    ($name:literal, $title:literal) => {
        Guide {
            name: $name,
            title: $title,
            text: include_str!(concat!("../../../docs/", $name, ".md")),
        }
    };
}

/// All of them, in the order of the menu.
pub(super) const GUIDES: &[Guide] = &[
    guide!("bots", "Bots"),
    guide!("widget", "The chat widget"),
    guide!("settings", "An account's settings"),
    guide!("operations", "Running Parlor"),
    guide!("scale", "Scale"),
    guide!("analytics", "Analytics"),
];

impl Guide {
    /// Where it is served.
    pub(super) fn path(&self) -> String {
        format!("/docs/guides/{}", self.name)
    }

    pub(super) fn rendered(&self) -> Rendered {
        markdown::page(self.text, served)
    }
}

/// Where a link of a guide leads, by its place in the repository.
fn served(link: &str) -> Option<String> {
    if link.starts_with('#') || link.starts_with("https://") || link.starts_with("http://") {
        return Some(link.to_owned());
    }
    let (file, place) = link
        .split_once('#')
        .map_or((link, String::new()), |(file, place)| (file, format!("#{place}")));
    if let Some(name) = file.strip_suffix(".md") {
        let guide = GUIDES.iter().find(|guide| guide.name == name)?;
        return Some(format!("{}{place}", guide.path()));
    }
    let document = file.strip_prefix("../openapi/")?;
    Some(format!("/docs/{document}{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_a_guide() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
        for entry in std::fs::read_dir(folder).expect("docs/") {
            let file = entry.expect("readable").file_name().to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(".md") else { continue };
            let known = GUIDES.iter().any(|guide| guide.name == name);
            assert!(known, "docs/{file} has no page: name it in GUIDES");
        }
    }

    #[test]
    fn links_lead_to_what_is_served() {
        assert_eq!(served("bots.md#flows").as_deref(), Some("/docs/guides/bots#flows"));
        assert_eq!(served("../openapi/live.json").as_deref(), Some("/docs/live.json"));
        assert_eq!(served("../ARCHITECTURE.md"), None);
    }
}
