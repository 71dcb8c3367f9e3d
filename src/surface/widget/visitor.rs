//! Who calls the widget's surface: a site key, and an address.

use std::sync::Arc;

use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::ApiKey;

use crate::app::App;
use crate::app::accounts::Tenant;
use crate::domain::account::KeyKind;
use crate::domain::ids::KeyId;
use crate::surface::client;

const KEY_HEADER: &str = "X-Site-Key";

/// The account whose site key was shown.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) tenant: Arc<Tenant>,
    pub(super) key: KeyId,
}

/// Your account's site key; pages may show it. Also taken as `?site_key=` and as a bearer.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "X-Site-Key", key_in = "header", checker = "by_header")]
pub(super) struct SiteKey(Site);

/// The site key where headers cannot be set, as in a link to a file.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "site_key", key_in = "query", checker = "by_header")]
pub(super) struct SiteKeyInQuery(Site);

/// Any of them.
#[derive(SecurityScheme)]
pub(super) enum Key {
    SiteKey(SiteKey),
    SiteKeyInQuery(SiteKeyInQuery),
    Bearer(SiteKeyAsBearer),
}

/// The site key as a bearer.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", checker = "by_bearer")]
pub(super) struct SiteKeyAsBearer(Site);

async fn by_header(request: &Request, _: ApiKey) -> Option<Site> {
    request.data::<Site>().cloned()
}

async fn by_bearer(request: &Request, _: poem_openapi::auth::Bearer) -> Option<Site> {
    request.data::<Site>().cloned()
}

impl Key {
    pub(super) fn tenant(&self) -> &Arc<Tenant> {
        &self.site().tenant
    }

    /// The site key's id.
    pub(super) fn id(&self) -> KeyId {
        self.site().key
    }

    fn site(&self) -> &Site {
        match self {
            Self::SiteKey(SiteKey(site))
            | Self::SiteKeyInQuery(SiteKeyInQuery(site))
            | Self::Bearer(SiteKeyAsBearer(site)) => site,
        }
    }
}

/// The site key a request shows, whatever it is worth.
pub(in crate::surface) fn shown(request: &Request) -> Option<String> {
    let bearer = || {
        let value = client::bearer(request)?;
        value.starts_with(KeyKind::Widget.prefix()).then(|| value.to_owned())
    };
    let header = request.header(KEY_HEADER).filter(|key| !key.is_empty()).map(str::to_owned);
    header.or_else(|| client::query(request, "site_key")).or_else(bearer)
}

/// The account that a request's site key opens.
pub(super) fn find(app: &App, request: &Request) -> Option<Site> {
    let (tenant, key) = app.accounts.by_key(KeyKind::Widget, &shown(request)?)?;
    Some(Site { tenant, key })
}
