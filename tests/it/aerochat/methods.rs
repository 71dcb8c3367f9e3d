//! Paths and methods that AeroChat does not have: told in its own words, with `Allow`.

use reqwest::Method;

use super::shapes::{SEND, assert_refused, contact_at, history_of};
use crate::harness::site::{Engine, Site, apply, both_engines};

#[apply(both_engines)]
async fn another_method_is_not_allowed_and_says_which_are(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let (history, contact) = (history_of("cv_7Hq2Lm8pR1vXc0"), contact_at("ct_R2dE8nQ1pXkLZ0"));
    for (path, methods, allow) in [
        (SEND, ["GET", "PUT", "PATCH", "DELETE"], "POST"),
        (&history, ["POST", "PUT", "PATCH", "DELETE"], "GET, HEAD"),
        (&contact, ["POST", "PUT", "PATCH", "DELETE"], "GET, HEAD"),
    ] {
        for method in methods {
            let answer = client.raw(method, path, "application/json", "{}").await;
            let said = assert_refused(&answer, 405, "method_not_allowed");
            assert_eq!(answer.header("allow"), allow, "{method} {path}");
            assert!(said.contains(allow), "{said}");
        }
    }
}

#[apply(both_engines)]
async fn options_tell_the_methods_of_a_path(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    for (path, allow) in [
        (SEND.to_owned(), "POST"),
        (history_of("cv_7Hq2Lm8pR1vXc0"), "GET, HEAD"),
        (contact_at("ct_R2dE8nQ1pXkLZ0"), "GET, HEAD"),
    ] {
        let request = client.request(Method::OPTIONS, &path);
        let answer = client.try_send(request).await.expect("an answer");
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
}

#[apply(both_engines)]
async fn a_path_that_is_not_there_is_not_found(engine: Engine) {
    let site = Site::start(engine).await;
    for caller in [site.client(), site.stranger()] {
        for path in [
            "/bot/v1",
            "/bot/v1/",
            "/bot/v1/nowhere",
            "/bot/v1/contacts",
            "/bot/v1/contacts/",
            "/bot/v1/conversations",
            "/bot/v1/conversations/cv_7Hq2Lm8pR1vXc0",
            "/bot/v1/conversations/messages/more/of/it",
            "/bot/v1/contacts/ct_R2dE8nQ1pXkLZ0/messages",
            "/bot/v1//contacts/ct_R2dE8nQ1pXkLZ0",
        ] {
            assert_refused(&caller.get(path).await, 404, "not_found");
        }
    }
    // A version that does not exist yet belongs to no surface.
    assert_eq!(site.client().get("/bot/v2/contacts/ct_R2dE8nQ1pXkLZ0").await.status, 404);
}
