//! The guides of `docs/`, and what they lead to besides, as pages.

use super::markdown::{self, LinkTarget, Rendered};

/// A guide: a file of `docs/`, or one beside it.
pub(super) struct Guide {
    /// Its name under `/docs/guides/`.
    pub(super) name: &'static str,
    /// Its place in the repository.
    file: &'static str,
    /// As the menu has it.
    pub(super) title: &'static str,
    text: &'static str,
}

macro_rules! guide {
    ($name:literal, $title:literal) => {
        guide!($name, $title, concat!("docs/", $name, ".md"))
    };
    ($name:literal, $title:literal, $file:expr) => {
        Guide {
            name: $name,
            file: $file,
            title: $title,
            text: include_str!(concat!("../../../", $file)),
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
    guide!("architecture", "How it works", "ARCHITECTURE.md"),
    guide!("changes", "Changes", "CHANGELOG.md"),
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

/// Where a link of a guide leads. Guides stand in `docs/` or beside it, so a file is known by the
/// end of its path.
fn served(link: &str) -> Option<LinkTarget> {
    if link.starts_with('#') || link.starts_with("https://") || link.starts_with("http://") {
        return Some(LinkTarget::at(link));
    }
    let (file, place) = link
        .split_once('#')
        .map_or((link, String::new()), |(file, place)| (file, format!("#{place}")));
    let file = file.trim_start_matches("../");
    if let Some(document) = file.strip_prefix("openapi/") {
        return Some(LinkTarget::at(format!("/docs/{document}{place}")));
    }
    let is_it = |guide: &&Guide| guide.file == file || guide.file == format!("docs/{file}");
    let guide = GUIDES.iter().find(is_it)?;
    Some(LinkTarget { address: format!("{}{place}", guide.path()), title: Some(guide.title) })
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
        let address = |link| served(link).map(|place| place.address);
        assert_eq!(address("bots.md#flows").as_deref(), Some("/docs/guides/bots#flows"));
        assert_eq!(address("docs/bots.md").as_deref(), Some("/docs/guides/bots"));
        assert_eq!(address("../openapi/live.json").as_deref(), Some("/docs/live.json"));
        assert_eq!(address("../ARCHITECTURE.md").as_deref(), Some("/docs/guides/architecture"));
        assert_eq!(address("../examples/analytics/fold.py"), None);
    }
}
