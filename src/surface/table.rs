//! The surfaces, an entry each: router, gate and documents read what they need to know of one here.

use std::sync::Arc;

use poem::{Request, Response, Route};

use super::account_limits::Limit;
use super::refusals::Costume;
use super::{aerochat, aloochat, chataibot, live, shared_prefix, visitor_limits, widget};
use crate::app::App;
use crate::domain::Error;
use crate::domain::account::KeyKind;

/// One API.
pub(super) struct Surface {
    /// Its name in the paths of documents and in file names.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What its paths begin with, as people read it.
    pub(super) base: &'static str,
    pub(super) about: &'static str,
    /// Who should use it.
    pub(super) audience: &'static str,
    /// What its paths begin with. Of several that fit, the longest counts.
    pub(super) prefix: &'static str,
    /// Of surfaces with one prefix, the first counts that takes a request for its own.
    pub(super) takes: fn(&Request) -> bool,
    /// Puts its endpoint under the prefix; none where another with the same prefix does that.
    pub(super) nest: Option<fn(Route, &Arc<App>) -> Route>,
    pub(super) costume: Costume,
    /// Whether scripts of pages may call it, and so must be able to read every answer.
    pub(super) pages: bool,
    /// What opens it, in its samples.
    pub(super) credential: KeyKind,
    /// What its samples need besides.
    pub(super) besides: &'static str,
    /// Whether its document says that calls are limited.
    pub(super) limited: bool,
    /// Those that an account may set.
    pub(super) limits: &'static [Limit],
    /// Its OpenAPI document, as it is made from the code.
    pub(super) spec: fn() -> String,
    /// Examples by operation, as JSON.
    pub(super) examples: &'static str,
}

/// All of them, in the order of the documents.
pub(super) static SURFACES: [Surface; 5] = [
    Surface {
        name: "aerochat",
        title: "AeroChat",
        base: "/bot/v1",
        about: "Send a customer's message, get the bot's reply.",
        audience: "Your own server, in front of an app, a shop or a CRM of yours.",
        prefix: "/bot/v1",
        takes: |_| true,
        nest: Some(|routes, app| routes.nest("/bot/v1", aerochat::endpoint(app))),
        costume: aerochat::refusal,
        pages: false,
        credential: KeyKind::Aerochat,
        besides: "",
        limited: true,
        limits: &[],
        spec: || aerochat::service().spec(),
        examples: include_str!("aerochat/examples.json"),
    },
    Surface {
        name: "widget",
        title: "Chat widget",
        base: "/api/v1/chat",
        about: "A visitor's conversation on a web page, opened with a site key.",
        audience: "A web page without a server of yours. One script tag does it all.",
        prefix: "/api/v1/chat",
        takes: shared_prefix::is_widgets,
        nest: Some(|routes, app| routes.nest("/api/v1/chat", shared_prefix::endpoint(app))),
        costume: widget::refusal,
        pages: true,
        credential: KeyKind::Widget,
        besides: "",
        limited: true,
        limits: &visitor_limits::LIMITS,
        spec: || widget::service().spec(),
        examples: include_str!("widget/examples.json"),
    },
    Surface {
        name: "chataibot",
        title: "ChatAIBot",
        base: "/api/v1/conversation(s)",
        about: "A bot's flow, with its buttons and questions, behind a widget of your own.",
        audience: "Your own server and chat window, where a flow leads the visitor.",
        prefix: "/api/v1",
        takes: |_| true,
        nest: Some(|routes, app| routes.nest("/api/v1", chataibot::endpoint(app))),
        costume: chataibot::refusal,
        pages: false,
        credential: KeyKind::Chataibot,
        besides: "The bot that a call names is `chataibot_bot_key` in the same file.",
        limited: true,
        limits: &chataibot::LIMITS,
        spec: || chataibot::service().spec(),
        examples: include_str!("chataibot/examples.json"),
    },
    Surface {
        name: "aloochat",
        title: "Aloo",
        base: "/api/v1/chat",
        about: "Conversations with AI agents, whole or streamed, in text or speech.",
        audience: "Your own server, where each call names the agent and its version.",
        prefix: "/api/v1/chat",
        takes: |_| true,
        nest: None,
        costume: aloochat::refusal,
        pages: true,
        credential: KeyKind::Aloochat,
        besides: "The agent that a call names is `aloochat_agent_key` in the same file.",
        limited: true,
        limits: &aloochat::LIMITS,
        spec: || aloochat::service().spec(),
        examples: include_str!("aloochat/examples.json"),
    },
    Surface {
        name: "live",
        title: "Live",
        base: "/live/v1",
        about: "Follow a conversation over SSE or WebSocket, and resume at any character.",
        audience: "A front end that shows replies as they are made, with a token from your server.",
        prefix: "/live/v1",
        takes: |_| true,
        nest: Some(|routes, app| routes.nest("/live/v1", live::endpoint(app))),
        costume: live::refusal,
        pages: true,
        credential: KeyKind::Aerochat,
        besides: "",
        limited: false,
        limits: &[],
        spec: || live::service().spec(),
        examples: include_str!("live/examples.json"),
    },
];

/// The names of the limits that an account may set.
pub fn limits() -> impl Iterator<Item = &'static str> {
    SURFACES.iter().flat_map(|surface| surface.limits).map(|limit| limit.name)
}

/// Every surface's endpoint under its prefix.
pub(super) fn nested(routes: Route, app: &Arc<App>) -> Route {
    let nest = |routes, surface: &Surface| match surface.nest {
        Some(nest) => nest(routes, app),
        None => routes,
    };
    SURFACES.iter().fold(routes, nest)
}

/// The surface that a request is for, before the router has it.
pub(super) fn of(request: &Request) -> Option<&'static Surface> {
    let path = request.uri().path();
    let fitting = SURFACES.iter().filter(|surface| path.starts_with(surface.prefix));
    let longest = fitting.clone().map(|surface| surface.prefix.len()).max()?;
    let mut ours = fitting.filter(|surface| surface.prefix.len() == longest);
    ours.find(|surface| (surface.takes)(request))
}

/// A failure before any surface, in the words of the one that was asked.
pub(super) fn refusal(request: &Request, error: Error) -> Response {
    match of(request) {
        Some(surface) => (surface.costume)(error),
        None => super::refusals::plain(error),
    }
}
