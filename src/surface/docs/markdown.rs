//! Markdown as HTML: guides, and descriptions in documents. The texts are ours, so nothing is
//! cleaned; what a page needs besides is added: names of headings, titles of pages where a text
//! names their files, tables and code that can be scrolled with a keyboard, and cells that say their
//! column where a phone shows them below each other.

use std::collections::HashMap;

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::html::push_html;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A text as a page.
pub(super) struct Rendered {
    pub(super) html: Markup,
    /// Its chapters, as id and text.
    pub(super) chapters: Vec<(String, String)>,
}

/// Where a link leads on our pages; none for what is not served.
pub(super) type Links = fn(&str) -> Option<LinkTarget>;

/// A place on our pages, or elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LinkTarget {
    pub(super) address: String,
    /// What the page is called, where it is one of ours.
    pub(super) title: Option<&'static str>,
}

impl LinkTarget {
    pub(super) fn at(address: impl Into<String>) -> Self {
        Self { address: address.into(), title: None }
    }
}

/// A whole text.
pub(super) fn page(text: &str, links: Links) -> Rendered {
    let mut events: Vec<_> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let chapters = name_headings(&mut events);
    let mut out = String::with_capacity(text.len() * 2);
    push_html(&mut out, with_scrolling(labelled(leading(events, links))).into_iter());
    // A head without a word heads nothing: for readers of screens it is a cell like others.
    Rendered { html: PreEscaped(out.replace("<th></th>", "<td></td>")), chapters }
}

/// A description.
pub(super) fn prose(text: &str) -> Markup {
    page(text, |link| Some(LinkTarget::at(link))).html
}

/// Gives each heading the name that links to it have on code hosts; chapters are those of level 2.
fn name_headings(events: &mut [Event<'_>]) -> Vec<(String, String)> {
    let mut chapters = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for at in 0..events.len() {
        if !matches!(events[at], Event::Start(Tag::Heading { .. })) {
            continue;
        }
        let parts = events[at + 1..].iter();
        let parts = parts.take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
        let text: String = parts
            .filter_map(|event| match event {
                Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
                _ => None,
            })
            .collect();
        let mut name = slug(&text);
        let before = known.entry(name.clone()).or_default();
        *before += 1;
        if *before > 1 {
            name = format!("{name}-{}", *before - 1);
        }
        if let Event::Start(Tag::Heading { level, id, .. }) = &mut events[at] {
            *id = Some(name.clone().into());
            if *level == HeadingLevel::H2 {
                chapters.push((name, text));
            }
        }
    }
    chapters
}

fn slug(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Links lead to what is served; of others the text is left. A link whose text is a file's name has
/// the title of the page that the file is here.
fn leading(events: Vec<Event<'_>>, links: Links) -> Vec<Event<'_>> {
    let mut open: Vec<Option<Option<&str>>> = Vec::new();
    let mut out = Vec::with_capacity(events.len());
    for event in events {
        match event {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let leads = links(&dest_url);
                open.push(leads.as_ref().map(|place| place.title));
                if let Some(place) = leads {
                    let dest_url = place.address.into();
                    out.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
                }
            }
            Event::End(TagEnd::Link) => {
                if open.pop().flatten().is_some() {
                    out.push(Event::End(TagEnd::Link));
                }
            }
            Event::Text(text) if text.ends_with(".md") => {
                let title = open.last().copied().flatten().flatten();
                out.push(Event::Text(title.map_or(text, Into::into)));
            }
            other => out.push(other),
        }
    }
    out
}

/// A name in a table that is no longer than this is not broken: it is copied from there, and a
/// phone has room for it.
const WHOLE: usize = 40;

/// Cells name their column, but for those of the first, which name the row: where there is no room
/// for columns they stand below each other.
fn labelled(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut heads: Vec<String> = Vec::new();
    let (mut in_head, mut in_cell, mut column) = (false, false, 0);
    let mut out = Vec::with_capacity(events.len());
    for event in events {
        match &event {
            Event::Start(Tag::TableHead) => {
                heads.clear();
                in_head = true;
            }
            Event::End(TagEnd::TableHead) => in_head = false,
            Event::Start(Tag::TableRow) => column = 0,
            Event::Start(Tag::TableCell) if in_head => heads.push(String::new()),
            Event::Text(text) | Event::Code(text) if in_head => {
                if let Some(head) = heads.last_mut() {
                    head.push_str(text);
                }
            }
            Event::Start(Tag::TableCell) => {
                let head = heads.get(column).filter(|head| column > 0 && !head.is_empty());
                column += 1;
                in_cell = true;
                let cell = html! { td data-column=[head] {} }.into_string();
                let begin = cell.trim_end_matches("</td>").to_owned();
                out.push(Event::Html(begin.into()));
                continue;
            }
            Event::End(TagEnd::TableCell) if !in_head => {
                out.push(Event::Html("</td>".into()));
                in_cell = false;
                continue;
            }
            Event::Code(name) if in_cell && name.len() <= WHOLE && !name.contains(' ') => {
                let name = html! { code class="whole" { (name) } }.into_string();
                out.push(Event::InlineHtml(name.into()));
                continue;
            }
            _ => {}
        }
        out.push(event);
    }
    out
}

/// What may be wider than the page gets a box that a keyboard can scroll.
fn with_scrolling(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut out = Vec::with_capacity(events.len() + 16);
    for event in events {
        match &event {
            Event::Start(Tag::Table(_)) => {
                out.push(Event::Html("<div class=\"wide\" tabindex=\"0\">".into()));
                out.push(event);
            }
            // The code scrolls and not what is around it: the button that copies it stands there.
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split(' ').next().unwrap_or_default(),
                    CodeBlockKind::Indented => "",
                };
                let begin = format!(
                    "<div class=\"code\" data-language=\"{language}\"><pre tabindex=\"0\"><code>"
                );
                out.push(Event::Html(begin.into()));
            }
            Event::End(TagEnd::CodeBlock) => {
                out.push(Event::Html("</code></pre></div>".into()));
            }
            Event::End(TagEnd::Table) => {
                out.push(event);
                out.push(Event::Html("</div>".into()));
            }
            _ => out.push(event),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_names_of_their_own() {
        let text = "# A page\n\n## The `log`, again\n\n## The log again\n\n### Deeper\n";
        let rendered = page(text, |_| None);
        let names: Vec<_> = rendered.chapters.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(names, ["the-log-again", "the-log-again-1"]);
        assert!(rendered.html.0.contains("<h3 id=\"deeper\">"), "{}", rendered.html.0);
    }

    #[test]
    fn a_link_that_leads_nowhere_leaves_its_text() {
        let links: Links = |link| link.starts_with('#').then(|| LinkTarget::at(link));
        let html = page("[one](#one) [two](../two.rs)", links).html.0;
        assert_eq!(html, "<p><a href=\"#one\">one</a> two</p>\n");
    }

    #[test]
    fn a_files_name_is_the_title_of_its_page_here() {
        let links: Links =
            |_| Some(LinkTarget { address: "/bots".to_owned(), title: Some("Bots") });
        let html = page("[docs/bots.md](bots.md) [more](bots.md) bots.md", links).html.0;
        let expected = "<p><a href=\"/bots\">Bots</a> <a href=\"/bots\">more</a> bots.md</p>\n";
        assert_eq!(html, expected);
    }

    #[test]
    fn a_cell_names_its_column_and_code_its_language() {
        let html = page("| a | \"b\" | |\n|---|---|---|\n| 1 | 2 | `-c` |\n", |_| None).html.0;
        let row = "<td>1</td><td data-column=\"&quot;b&quot;\">2</td>\
                   <td><code class=\"whole\">-c</code></td>";
        assert!(html.contains(row), "{html}");
        let html = page("```console\n$ a < b\n```\n", |_| None).html.0;
        let code = "data-language=\"console\"><pre tabindex=\"0\"><code>$ a &lt; b\n</code>";
        assert!(html.contains(code), "{html}");
    }
}
