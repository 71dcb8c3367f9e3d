//! The first minute.

use crate::harness::Server;

#[tokio::test]
async fn a_stranger_asks_for_the_hours_and_is_told() {
    let server = Server::start().await;
    let answer = server.client().say(None, "what are your opening hours?").await;
    assert_eq!(answer["status"], "bot");
    assert_eq!(answer["intent"], "business_hours");
}
