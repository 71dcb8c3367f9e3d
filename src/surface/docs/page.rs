//! What all pages under `/docs` have: the head, the way to the other pages, the place for the text.

use maud::{DOCTYPE, Markup, html};

/// One page.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// Its own path, which is marked among the others.
    pub(super) path: &'a str,
    /// What is on it, as the ids and texts of headings, in groups that may have names.
    pub(super) contents: Vec<Group>,
    /// Whether it has samples to choose a language for.
    pub(super) samples: bool,
    pub(super) body: Markup,
}

/// Headings of a page that belong together.
pub(super) struct Group {
    pub(super) name: Option<String>,
    pub(super) entries: Vec<(String, String)>,
}

/// Pages by chapter: a chapter's name, and its pages' paths and titles.
pub(super) type Site = [(&'static str, Vec<(String, String)>)];

/// The languages of samples: the name in the document and that of the choice.
const LANGUAGES: [(&str, &str); 3] =
    [("curl", "in-curl"), ("Python", "in-python"), ("JavaScript", "in-javascript")];

impl Page<'_> {
    /// The whole page.
    pub(super) fn html(&self, site: &Site) -> String {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Parlor" }
                    link rel="icon" href="/web/shared/favicon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/web/shared/tokens.css";
                    link rel="stylesheet" href="/web/docs/page.css";
                    script src="/web/shared/theme.js" {}
                    script type="module" src="/web/docs/page.js" {}
                }
                body {
                    a class="skip" href="#text" { "Skip to the text" }
                    (self.bar())
                    div class="desk" {
                        (self.menu(site))
                        main id="text" tabindex="-1" { (self.body) }
                    }
                }
            }
        };
        markup.into_string()
    }

    fn bar(&self) -> Markup {
        html! {
            header class="bar" {
                a class="brand" href="/docs" {
                    img src="/web/shared/favicon.svg" alt="" width="26" height="26";
                    "Parlor " span { "documentation" }
                }
                div class="bar__tools" {
                    @if self.samples {
                        fieldset class="languages" {
                            legend class="hidden-visually" { "Language of the samples" }
                            @for (at, (name, id)) in LANGUAGES.iter().enumerate() {
                                label {
                                    input type="radio" name="language" id=(id) value=(name) checked[at == 0];
                                    span { (name) }
                                }
                            }
                        }
                    }
                    button id="theme" class="tool" type="button" aria-label="Switch colours" {
                        svg viewBox="0 0 20 20" aria-hidden="true" {
                            circle cx="10" cy="10" r="6.5" {}
                            path class="fill" d="M10 3.5a6.5 6.5 0 0 1 0 13z" {}
                        }
                    }
                    button class="tool menu-button" type="button" popovertarget="menu" { "Menu" }
                }
            }
        }
    }

    fn menu(&self, site: &Site) -> Markup {
        html! {
            nav id="menu" class="menu" aria-label="Documentation" popover="auto" {
                @for (chapter, pages) in site {
                    h2 { (chapter) }
                    ul {
                        @for (path, title) in pages {
                            @let here = path == self.path;
                            li {
                                a href=(path) aria-current=[here.then_some("page")] { (title) }
                                @if here { (self.own_contents()) }
                            }
                        }
                    }
                }
            }
        }
    }

    fn own_contents(&self) -> Markup {
        html! {
            @for group in &self.contents {
                @if let Some(name) = &group.name { p class="menu__group" { (name) } }
                ul {
                    @for (id, text) in &group.entries {
                        li { a href={ "#" (id) } { (text) } }
                    }
                }
            }
        }
    }
}

/// Code, with a caption, that a keyboard can scroll.
pub(super) fn code(caption: &str, language: Option<&str>, source: &str) -> Markup {
    html! {
        figure class="sample" data-language=[language] {
            figcaption { (caption) }
            pre tabindex="0" { code { (source) } }
        }
    }
}
