//! The demo account: what a stranger talks to in the first minute.

use std::sync::Arc;

use super::administration::{Credentials, NewAccount, adopt_key, create_account};
use super::{Tenant, secret};
use crate::app::App;
use crate::bot::{faq, flow};
use crate::domain::account::{Agent, KeyKind, ReplyTime, Settings, Welcome};
use crate::domain::bot::Definition;
use crate::domain::ids::{Id as _, KeyId};
use crate::domain::{Error, Result};

/// The name of the demo account.
pub const NAME: &str = "Demo";

/// An account like the demo's, under another name.
///
/// # Errors
/// [`Error::Internal`] when the demo's own data is broken, which a test rules out.
pub fn account(name: &str) -> Result<NewAccount> {
    let definition = faq::demo();
    Ok(NewAccount {
        name: name.to_owned(),
        settings: Settings {
            brand: definition.name.clone(),
            greeting: "Hi! Ask me about opening hours, orders, shipping, returns or prices."
                .to_owned(),
            ..Settings::default()
        },
        agent: Some(Agent { name: "Sarah".parse().map_err(|_| Error::Internal)?, available: true }),
        bots: vec![Definition::Faq(definition), Definition::Flow(flow::demo())],
    })
}

/// Makes the demo account when there is no account at all.
///
/// # Errors
/// As [`create_account`].
pub async fn make_if_empty(app: &App) -> Result<Option<Credentials>> {
    if !app.accounts.all().is_empty() {
        return Ok(None);
    }
    let mut demo = account(NAME)?;
    // Its data are a demo's: whoever tries the widget on a page of theirs may.
    demo.settings.allowed_origins = vec!["*".to_owned()];
    greet(&mut demo.settings);
    create_account(app, demo).await.map(Some)
}

/// The demo account, where there is one.
pub fn tenant(app: &App) -> Option<Arc<Tenant>> {
    app.accounts.all().into_iter().find(|tenant| tenant.account.name == NAME)
}

/// The site key with which our own page shows the demo's widget. It follows from the account's
/// secret, because of a key only the digest is kept.
///
/// # Errors
/// [`Error::NotFound`] when there is no demo account, or its key was revoked.
pub async fn site_key(app: &App) -> Result<String> {
    let missing = Error::NotFound("demo account");
    let tenant = tenant(app).ok_or(missing)?;
    let derived = |what| secret::derived(&tenant.account.signing_secret, "widget demo", what);
    let key = format!("{}{}", KeyKind::Widget.prefix(), derived("key").simple());
    let id = KeyId::from_uuid(derived("id"));
    adopt_key(app, &tenant.account, id, (KeyKind::Widget, &key), "/widget-demo").await?;
    let known = app.accounts.by_key(KeyKind::Widget, &key).is_some();
    if known { Ok(key) } else { Err(Error::NotFound("site key of the demo")) }
}

/// How the demo's widget greets: in the languages that its bot speaks.
fn greet(settings: &mut Settings) {
    let welcomes = [
        (
            "es",
            "¡Hola! Pregúnteme por horarios, pedidos, envíos, devoluciones o precios.",
            [
                "¿Cuál es su horario de atención?",
                "¿Dónde está mi pedido?",
                "Quiero hablar con una persona",
            ],
        ),
        (
            "fr",
            "Bonjour ! Posez-moi vos questions sur les horaires, commandes, livraisons, retours ou prix.",
            ["Quels sont vos horaires ?", "Où est ma commande ?", "Je veux parler à une personne"],
        ),
        (
            "de",
            "Hallo! Fragen Sie mich nach Öffnungszeiten, Bestellungen, Versand, Rückgabe oder Preisen.",
            [
                "Wann haben Sie geöffnet?",
                "Wo ist meine Bestellung?",
                "Ich möchte mit einem Menschen sprechen",
            ],
        ),
        (
            "pt",
            "Olá! Pergunte sobre horários, pedidos, entregas, devoluções ou preços.",
            [
                "Qual é o horário de atendimento?",
                "Onde está meu pedido?",
                "Quero falar com uma pessoa",
            ],
        ),
        (
            "hi",
            "नमस्ते! समय, ऑर्डर, डिलीवरी, वापसी या कीमतों के बारे में पूछें।",
            ["आप किस समय खुलते हैं?", "मेरा ऑर्डर कहाँ है?", "मुझे किसी व्यक्ति से बात करनी है"],
        ),
    ];
    let offers = |starters: [&str; 3]| starters.map(str::to_owned).to_vec();
    settings.starters =
        offers(["What are your opening hours?", "Where is my order?", "I want to talk to a human"]);
    settings.translations = welcomes
        .into_iter()
        .filter_map(|(language, greeting, starters)| {
            let welcome = Welcome { greeting: greeting.to_owned(), starters: offers(starters) };
            Some((language.parse().ok()?, welcome))
        })
        .collect();
    settings.reply_time = Some(ReplyTime::AtOnce);
    // The green of our own pages.
    settings.look.color = Some("#1f5243".to_owned());
}
