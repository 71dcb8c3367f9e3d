//! Tokens for browsers, and the demo's way in.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Answer;
use super::caller::Credential;
use super::wire::{DemoOut, TokenIn, TokenOut};
use crate::app::App;
use crate::app::accounts::demo;
use crate::app::accounts::limits::Caller as Limited;
use crate::app::conversations::live_feed;
use crate::app::conversations::manage::{self, NewConversation};
use crate::domain::Error;
use crate::domain::message::Channel;
use crate::surface::client::Address;
use crate::surface::fields::{Field, Number, parsed};

pub(super) struct Tokens;

/// How long the demo's token opens its conversation.
const DEMO_VALID: Duration = Duration::from_secs(24 * 60 * 60);
/// Conversations one address may start in the demo.
const DEMO_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");

#[derive(ApiResponse)]
enum Minted {
    /// The token.
    #[oai(status = 201)]
    Token(Json<TokenOut>),
}

#[derive(ApiResponse)]
enum DemoStarted {
    /// The conversation and what opens it.
    #[oai(status = 201)]
    Demo(Json<DemoOut>),
}

#[OpenApi(tag = "super::Tag::Tokens")]
impl Tokens {
    /// Mint a token
    ///
    /// For a browser: opens one conversation for a while. Takes an account's own key, and ends with it
    /// when that is revoked.
    #[oai(path = "/tokens", method = "post", operation_id = "mint_token")]
    async fn mint_token(
        &self,
        credential: Credential,
        app: Data<&Arc<App>>,
        body: Json<TokenIn>,
    ) -> Answer<Minted> {
        let caller = credential.caller();
        if caller.only.is_some() {
            return Err(Error::Forbidden("a live token cannot mint tokens; use your key").into());
        }
        let mut faults = Vec::new();
        let id = body
            .0
            .conversation_id
            .required("conversation_id", "a string", &mut faults)
            .map(|id| id.0);
        let expires_in = match body.0.expires_in {
            Field::Given(given) => Number::read(given, "expires_in", 3_600, &mut faults),
            other => {
                other.optional("expires_in", "a whole number", &mut faults);
                3_600
            }
        };
        if !faults.is_empty() {
            return Err(Error::Invalid(faults).into());
        }
        let id = parsed(id, "conversation_id", &mut faults);
        let id = id.ok_or(Error::NotFound("conversation"))?;
        let valid_for = Duration::from_secs(expires_in);
        let (token, expires_at) =
            live_feed::mint_token(&app, &caller.tenant, id, caller.credential.key(), valid_for)
                .await?;
        Ok(Minted::Token(Json(TokenOut {
            token,
            conversation_id: id.to_string(),
            expires_at: expires_at.to_string(),
        })))
    }

    /// Start a demo conversation
    ///
    /// For the chat page of a server that has the demo account; elsewhere there is no such thing.
    #[oai(path = "/demo", method = "post", operation_id = "start_demo")]
    async fn start_demo(
        &self,
        app: Data<&Arc<App>>,
        address: Data<&Address>,
    ) -> Answer<DemoStarted> {
        let tenant = demo::tenant(&app).ok_or(Error::NotFound("demo account"))?;
        let from = address.0.0.map(|ip| ip.to_string()).unwrap_or_default();
        let caller = Limited(format!("demo {from}"));
        let allowance = app.limits.check(&*app.engine, &caller, DEMO_PER_MINUTE).await;
        if let Some(retry_after_s) = allowance.retry_after_s {
            return Err(Error::RateLimited { retry_after_s }.into());
        }
        let begun = manage::start(&app, &tenant, Channel::Web, NewConversation::default()).await?;
        let (token, expires_at) =
            live_feed::sign_token(&tenant, begun.conversation, None, DEMO_VALID);
        Ok(DemoStarted::Demo(Json(DemoOut {
            conversation_id: begun.conversation.to_string(),
            contact_id: begun.contact.to_string(),
            token,
            expires_at: expires_at.to_string(),
            brand: tenant.account.brand().to_owned(),
            greeting: tenant.account.settings.greeting.clone(),
        })))
    }
}
