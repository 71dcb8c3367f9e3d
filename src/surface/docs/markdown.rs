//! Markdown as HTML: guides, and descriptions in documents. The texts are ours, so nothing is
//! cleaned; what a page needs besides is added: names of headings, and tables and code that can be
//! scrolled with a keyboard.

use std::collections::HashMap;

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// A text as a page.
pub(super) struct Rendered {
    pub(super) html: Markup,
    /// Its chapters, as id and text.
    pub(super) chapters: Vec<(String, String)>,
}

/// Where a link leads on our pages; none for what is not served.
pub(super) type Links = fn(&str) -> Option<String>;

/// A whole text.
pub(super) fn page(text: &str, links: Links) -> Rendered {
    let mut events: Vec<_> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let chapters = name_headings(&mut events);
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, with_scrolling(leading(events, links)).into_iter());
    // A head without a word heads nothing: for readers of screens it is a cell like others.
    Rendered { html: PreEscaped(out.replace("<th></th>", "<td></td>")), chapters }
}

/// A description.
pub(super) fn prose(text: &str) -> Markup {
    page(text, |link| Some(link.to_owned())).html
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

/// Links lead to what is served; of others the text is left.
fn leading(events: Vec<Event<'_>>, links: Links) -> Vec<Event<'_>> {
    let mut open = Vec::new();
    let mut out = Vec::with_capacity(events.len());
    for event in events {
        match event {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let leads = links(&dest_url);
                open.push(leads.is_some());
                if let Some(to) = leads {
                    let dest_url = to.into();
                    out.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
                }
            }
            Event::End(TagEnd::Link) => {
                if open.pop() == Some(true) {
                    out.push(Event::End(TagEnd::Link));
                }
            }
            other => out.push(other),
        }
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
            Event::Start(Tag::CodeBlock(_)) => {
                out.push(Event::Html("<div class=\"code\" tabindex=\"0\">".into()));
                out.push(event);
            }
            Event::End(TagEnd::Table | TagEnd::CodeBlock) => {
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
        let links: Links = |link| link.starts_with('#').then(|| link.to_owned());
        let html = page("[one](#one) [two](../two.rs)", links).html.0;
        assert_eq!(html, "<p><a href=\"#one\">one</a> two</p>\n");
    }
}
