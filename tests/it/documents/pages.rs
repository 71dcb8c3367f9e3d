//! The API pages as they are served: complete without internet access, and careful in a browser.

use reqwest::header::CONTENT_SECURITY_POLICY;

use crate::harness::Server;

/// Addresses that are names, or places that a click leads to, and are never fetched.
const NEVER_FETCHED: [&str; 3] =
    ["http://www.w3.org/", "https://json-schema.org/", "http://json-schema.org/"];

/// Every `http(s)://…` in what a browser would load by itself: `src`, `link href`, CSS, imports,
/// and what scripts fetch. Links that only a click follows (`<a href`) are left out.
fn fetched_from_elsewhere(html: &str) -> Vec<String> {
    let loads = ["src=\"", "src='", "url(", "@import \"", "import(\"", "fetch(\"", "action=\""];
    let mut found: Vec<String> = Vec::new();
    for load in loads {
        for (at, _) in html.match_indices(load) {
            let target = &html[at + load.len()..];
            let target = target.trim_start_matches(['"', '\'']);
            if target.starts_with("http://")
                || target.starts_with("https://")
                || target.starts_with("//")
            {
                found.push(target.chars().take(80).collect());
            }
        }
    }
    for tag in html.match_indices("<link").map(|(at, _)| &html[at..]) {
        let tag = &tag[..tag.find('>').unwrap_or(tag.len())];
        if tag.contains("http://") || tag.contains("https://") {
            found.push(tag.chars().take(120).collect());
        }
    }
    found.retain(|target| !NEVER_FETCHED.iter().any(|known| target.starts_with(known)));
    found
}

/// The pages that show something, for whoever looks them up by name.
const PAGES: [&str; 10] = [
    "/docs",
    "/docs/",
    "/docs/aerochat",
    "/docs/widget",
    "/docs/chataibot",
    "/docs/aloochat",
    "/docs/live",
    "/docs/events",
    "/docs/guides/bots",
    "/docs/guides/operations",
];

#[tokio::test]
async fn the_pages_are_served_to_anyone_with_a_policy_that_loads_nothing_else() {
    let server = Server::start().await;
    let client = server.stranger();
    for path in PAGES {
        let page = client.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        let policy = page.header(CONTENT_SECURITY_POLICY.as_str());
        assert!(policy.starts_with("default-src 'none'"), "{path} has no policy: {policy:?}");
        for word in ["http:", "https:", "*", "unsafe"] {
            assert!(!policy.contains(word), "{path} lets {word} in: {policy}");
        }
        for directive in ["base-uri 'none'", "frame-ancestors 'none'", "form-action 'none'"] {
            assert!(policy.contains(directive), "{path} lacks {directive}");
        }
        let elsewhere = fetched_from_elsewhere(&page.text);
        assert!(elsewhere.is_empty(), "{path} loads from elsewhere: {elsewhere:#?}");
        assert!(page.text.len() < 256 << 10, "{path} takes {} bytes", page.text.len());
        let tag = page.header("etag").to_owned();
        assert_eq!(client.with("if-none-match", &tag).get(path).await.status, 304, "{path}");
    }
}

/// The values of an attribute, in the order of the page.
fn attributes<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    html.split(name).skip(1).filter_map(|rest| rest.split('"').next())
}

#[tokio::test]
async fn every_link_of_the_pages_leads_to_a_place_that_is_there() {
    let server = Server::start().await;
    let client = server.stranger();
    let mut pages = std::collections::BTreeMap::new();
    let mut left = vec!["/docs/".to_owned()];
    let mut links = Vec::new();
    while let Some(path) = left.pop() {
        if pages.contains_key(&path) {
            continue;
        }
        let page = client.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        let html = if page.header("content-type").starts_with("text/html") {
            page.text
        } else {
            String::new()
        };
        for link in attributes(&html, " href=\"").filter(|link| !link.starts_with("http")) {
            let (to, place) = link.split_once('#').unwrap_or((link, ""));
            let to = if to.is_empty() { &path } else { to };
            links.push((path.clone(), to.to_owned(), place.to_owned()));
            left.push(to.to_owned());
        }
        pages.insert(path, html);
    }
    assert!(pages.len() > 15, "all pages are linked: {:?}", pages.keys());
    for path in PAGES.iter().filter(|path| **path != "/docs") {
        assert!(pages.contains_key(*path), "no page leads to {path}");
    }
    for (from, to, place) in
        links.iter().filter(|(_, to, place)| !place.is_empty() && to.starts_with("/docs"))
    {
        let there = attributes(&pages[to], " id=\"").any(|id| id == place);
        assert!(there, "{from} leads to {to}#{place}, which is not there");
    }
}

#[tokio::test]
async fn a_page_shows_every_operation_with_its_samples() {
    let server = Server::start().await;
    for operation in super::operations() {
        let page = server.stranger().get(&format!("/docs/{}", operation.surface)).await;
        assert!(page.text.contains(&format!("<h3 id=\"{}\">", operation.id)), "{}", operation.id);
        assert!(
            page.text.contains(&format!("<code>{}</code>", operation.path)),
            "{}",
            operation.id
        );
        let index = server.stranger().get("/docs/").await;
        let link = format!("\"/docs/{}#{}\"", operation.surface, operation.id);
        assert!(index.text.contains(&link), "the first page leads to {}", operation.id);
    }
}

#[tokio::test]
async fn the_documents_are_served_as_they_are_checked_in() {
    let server = Server::start().await;
    let client = server.stranger();
    for document in parlor::surface::documents() {
        let served = client.get(&format!("/docs/{}.json", document.name)).await;
        assert_eq!(served.status, 200);
        assert!(served.header("content-type").starts_with("application/json"));
        assert!(served.text == document.json, "{} is served as it is generated", document.name);
        for address in document.json.match_indices("http").map(|(at, _)| &document.json[at..]) {
            let address: String = address.chars().take(60).collect();
            let outside = address.starts_with("http://") || address.starts_with("https://");
            let here = address.starts_with("http://127.0.0.1:8080/");
            assert!(here || !outside, "{} names another origin: {address}", document.name);
        }
    }
    let served = client.get("/docs/asyncapi.yaml").await;
    assert!(served.header("content-type").starts_with("application/yaml"));
    assert!(served.text == parlor::surface::asyncapi(), "served as it is generated");
    let served = client.get("/docs/bot.schema.json").await;
    assert!(served.header("content-type").starts_with("application/schema+json"));
    assert!(served.text == parlor::surface::bot_schema(), "served as it is generated");
}

#[tokio::test]
async fn the_chat_page_has_its_policy_too() {
    let server = Server::start().await;
    let page = server.stranger().get("/").await;
    assert_eq!(page.status, 200);
    let policy = page.header(CONTENT_SECURITY_POLICY.as_str());
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let elsewhere = fetched_from_elsewhere(&page.text);
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

#[tokio::test]
async fn a_page_that_is_not_there_is_not_found() {
    let server = Server::start().await;
    for path in ["/docs/nothing", "/docs/aerochat/more", "/docs/live.yaml"] {
        assert_eq!(server.stranger().get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_any_origin_can_load_the_widget_and_its_modules() {
    let server = Server::start().await;
    let client = server.stranger();
    for path in ["/widget.js", "/web/widget/main.js", "/web/widget/words/ar.js"] {
        let script = client.get(path).await;
        assert_eq!(script.status, 200, "{path}");
        assert!(script.header("content-type").starts_with("text/javascript"), "{path}");
        assert_eq!(script.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(script.header("cross-origin-resource-policy"), "cross-origin", "{path}");
        assert_eq!(script.header("x-content-type-options"), "nosniff", "{path}");
        let tag = script.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
        let again = client.with("if-none-match", &tag).get(path).await;
        assert_eq!(again.status, 304, "{path}");
        assert_eq!(again.header("access-control-allow-origin"), "*", "{path}");
        assert!(again.text.is_empty(), "{path}");
    }
    for path in ["/", "/web/chat/page.css", "/widget-demo?site_key=site_x"] {
        let page = client.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("access-control-allow-origin"), "", "{path} is no script");
    }
}

#[tokio::test]
async fn the_widgets_modules_are_kept_under_a_version_and_asked_for_under_another() {
    let server = Server::start().await;
    let client = server.stranger();
    let loader = client.get("/widget.js").await;
    assert_eq!(loader.header("cache-control"), "no-cache");
    let at = loader.text.find("web/~").expect("the loader names a version");
    let launcher = loader.text[at..].split('"').next().expect("it is quoted").to_owned();
    let kept = client.get(&format!("/{launcher}")).await;
    assert_eq!(kept.status, 200, "{launcher}");
    assert!(kept.header("cache-control").contains("immutable"), "{launcher}");
    assert_eq!(kept.text, client.get("/web/widget/launcher.js").await.text);
    let old = client.get("/web/~0123456789abcdef/widget/main.js").await;
    assert_eq!(old.status, 200);
    assert_eq!(old.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn every_module_that_the_widget_needs_is_there() {
    let server = Server::start().await;
    let client = server.stranger();
    let entries = [
        "/web/widget/launcher.js",
        "/web/widget/main.js",
        "/web/widget-demo/page.js",
        "/web/chat/page.js",
    ];
    let mut found: Vec<String> = entries.map(str::to_owned).to_vec();
    let mut at = 0;
    while let Some(path) = found.get(at).cloned() {
        let script = client.get(&path).await;
        assert_eq!(script.status, 200, "{path} is imported");
        let base = reqwest::Url::parse(&format!("http://server{path}")).expect("a URL");
        for line in script.text.lines().filter(|line| line.contains(" from \"")) {
            let (_, target) = line.split_once(" from \"").expect("an import");
            let target = target.split('"').next().unwrap_or_default();
            let target = base.join(target).expect("a relative import").path().to_owned();
            if !found.contains(&target) {
                found.push(target);
            }
        }
        at += 1;
    }
    assert!(found.len() > 20, "only {found:?}");
}

#[tokio::test]
async fn a_file_is_sent_as_the_browser_takes_it_and_each_form_has_a_tag_of_its_own() {
    let server = Server::start().await;
    let client = server.stranger();
    for path in ["/", "/widget.js", "/web/widget/launcher.js", "/web/chat/page.css", "/favicon.ico"]
    {
        let plain = client.get(path).await;
        assert_eq!(plain.header("content-encoding"), "", "{path} was not asked to be coded");
        assert_eq!(plain.header("vary"), "accept-encoding", "{path}");
        let mut tags = vec![plain.header("etag").to_owned()];
        for (accept, coding) in [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0", "")] {
            let asking = client.with("accept-encoding", accept);
            let coded = asking.get(path).await;
            assert_eq!(coded.header("content-encoding"), coding, "{path} for {accept}");
            assert_eq!(coded.header("vary"), "accept-encoding", "{path} for {accept}");
            let tag = coded.header("etag").to_owned();
            let again = asking.with("if-none-match", &tag).get(path).await;
            assert_eq!(again.status, 304, "{path} for {accept}");
            tags.push(tag);
        }
        assert_eq!(tags[0], tags[3], "{path} is the same where no coding is taken");
        tags.truncate(3);
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3, "{path}: {tags:?}");
    }
}

#[tokio::test]
async fn the_widget_demo_shows_the_demos_widget_and_a_key_of_ones_own() {
    let server = Server::start().await;
    let client = server.stranger();
    let there = client.get("/widget-demo?lang=de").await;
    assert_eq!(there.status, 303, "{}", there.text);
    assert_eq!(there.header("cache-control"), "no-store");
    let place = there.header("location").to_owned();
    let key = place.strip_prefix("/widget-demo?site_key=").expect("a key comes first");
    let (key, rest) = key.split_once('&').expect("what was asked stays");
    assert_eq!(rest, "lang=de");
    assert_eq!(client.get(&place).await.status, 200);
    let config = client.with("X-Site-Key", key).get("/api/v1/chat/config").await.expect(200);
    assert_eq!(config["require_details"], "never", "{config}");
    assert_eq!(
        client.get("/widget-demo").await.header("location"),
        format!("/widget-demo?site_key={key}")
    );
}

#[tokio::test]
async fn nothing_but_the_pages_files_is_served() {
    let server = Server::start().await;
    for path in [
        "/web/",
        "/web/widget",
        "/web/nothing.js",
        "/web/../Cargo.toml",
        "/web/..%2fCargo.toml",
        "/web/%2e%2e/Cargo.toml",
        "/web/widget/..%2f..%2f..%2fCargo.toml",
        "/web/%2fetc%2fpasswd",
    ] {
        assert_eq!(server.stranger().get(path).await.status, 404, "{path}");
    }
}
