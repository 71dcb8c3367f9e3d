//! One path, two owners: `/api/v1/chat` belongs to the widget (seed 003) and to Aloo (seed 004). The
//! credential decides.

use std::sync::Arc;

use poem::{Endpoint, Request, Response, Result};

use super::{aloochat, client, widget};
use crate::app::App;

/// Both surfaces behind one path.
struct Chat<W, A> {
    widget: W,
    aloochat: A,
}

/// Everything under `/api/v1/chat`.
pub(super) fn endpoint(app: &Arc<App>) -> impl Endpoint<Output = Response> + use<> {
    Chat { widget: widget::endpoint(app), aloochat: aloochat::endpoint(app) }
}

/// Whose a request is: a token of Aloo's decides, else a site key, else the path where only the
/// widget has it. What is left gets Aloo's 401, which readers of both can read.
pub(super) fn is_widgets(request: &Request) -> bool {
    if request.headers().contains_key(aloochat::TOKEN_HEADER) {
        return false;
    }
    let path = request.original_uri().path();
    widget::site_key(request).is_some() || path.ends_with("/config") || path.contains("/files")
}

impl<W, A> Endpoint for Chat<W, A>
where
    W: Endpoint<Output = Response>,
    A: Endpoint<Output = Response>,
{
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        // What a page asks beforehand has no credential yet, and one that forgot its own is told so.
        if is_widgets(&request) || client::is_preflight(&request) {
            client::answer_pages(&self.widget, request).await
        } else if request.headers().contains_key(aloochat::TOKEN_HEADER) {
            self.aloochat.call(request).await
        } else {
            client::answer_pages(&self.aloochat, request).await
        }
    }
}
