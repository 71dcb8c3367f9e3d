//! *Get a contact* (seed 000): found by its id, or not there.

use serde_json::json;

use super::shapes::{SEND, assert_contact, assert_refused, contact_at, text};
use crate::harness::site::{Engine, Site, apply, both_engines};
use crate::harness::wait::eventually;

#[apply(both_engines)]
async fn a_contact_is_found_by_the_id_that_messages_carry(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let sent = client.say(None, "Hello").await;
    let answer = client.get(&contact_at(text(&sent, "contact_id"))).await;
    let contact = assert_contact(answer.expect(200));
    assert_eq!(contact["contact_id"], sent["contact_id"]);
    assert_eq!(contact["last_seen"], sent["created_at"]);
}

#[apply(both_engines)]
async fn an_unknown_contact_is_not_found(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let sent = client.say(None, "Hello").await;
    let conversation = text(&sent, "conversation_id").to_owned();
    let swapped = conversation.replace("cv_", "ct_");
    for id in [
        "ct_R2dE8nQ1pXkLZ0",
        "ct_",
        "ct_0000000000000000000000000",
        "R2dE8nQ1pXkLZ0",
        "ct_%00",
        "ct_💥",
        "..",
        &conversation,
        &swapped,
    ] {
        let answer = client.get(&contact_at(id)).await;
        assert_refused(&answer, 404, "not_found");
    }
}

#[apply(both_engines)]
async fn last_seen_moves_with_the_contacts_messages(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let sent = client.say(None, "Hello").await;
    let path = contact_at(text(&sent, "contact_id"));
    let first = client.get(&path).await.expect(200);
    // The page's times have whole seconds: writes until one shows.
    eventually("last_seen has moved", || async {
        let body = json!({ "message": "Hi", "conversation_id": sent["conversation_id"] });
        client.post(SEND, &body).await.expect(200);
        let now = client.get(&path).await.expect(200);
        assert_eq!(now["created_at"], first["created_at"]);
        (text(&now, "last_seen") > text(&first, "last_seen")).then_some(())
    })
    .await;
}
