//! Two releases side by side, as in every rolling upgrade: what the newer one says is kept whole where the
//! older one folds it, and what the older one would pass over is not written while it runs.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::draining::owned_by;
use super::stage::{LOG, QUESTION};
use crate::harness::cluster::{Cluster, PARTITIONS};
use crate::harness::services::Services;
use crate::harness::wait::eventually_in;

/// Half of the partitions are folded by either node: that none of these falls to the older one is a matter
/// of 1 in 16 millions.
const CONVERSATIONS: usize = 24;

/// Builds the release that is a type of event and a field older; gives its path. Cargo has it from the
/// second time on.
fn older_release() -> String {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--example", "parlor-older", "--features", "older-release"])
        .args(["--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "the older release does not build");
    let lines = String::from_utf8(built.stdout).expect("UTF-8");
    let messages = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executable =
        messages.filter_map(|message| message["executable"].as_str().map(str::to_owned));
    executable.next_back().expect("an executable")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_side_by_side_keep_everything_whole() {
    let older = tokio::task::spawn_blocking(older_release).await.expect("it ends");
    // As an upgrade goes: the older one is there first.
    let mut cluster = Cluster::start(Services::shared().await, 0, &LOG).await;
    let old = cluster.add_node_of(&older).await;
    let new = cluster.add_node().await;
    eventually_in(Duration::from_secs(60), "the nodes share the partitions", async || {
        let owned = (owned_by(cluster.node(new)).await, owned_by(cluster.node(old)).await);
        (owned == (PARTITIONS / 2, PARTITIONS / 2)).then_some(())
    })
    .await;

    // A field: the older node writes it down, though it cannot read it.
    let client = cluster.node(new).client();
    let mut said = Vec::new();
    for _ in 0..CONVERSATIONS {
        said.push(client.say(None, QUESTION).await);
    }
    assert_eq!(owned_by(cluster.node(old)).await, PARTITIONS / 2, "nothing has moved meanwhile");
    for one in &said {
        let id = one["conversation_id"].as_str().expect("an id");
        let path = format!("/live/v1/conversations/{id}/events");
        let page = client.get(&path).await.expect(200);
        let frames = page["events"].as_array().expect("frames");
        let reply = frames.iter().find(|frame| frame["type"] == "message.outbound");
        let intent = &reply.expect("a reply")["data"]["intent"];
        assert_eq!(intent, "business_hours", "{id}");
    }

    // A type: refused while the older node runs, which would pass over it for good.
    let id = said[0]["conversation_id"].as_str().expect("an id");
    let read = format!("/live/v1/conversations/{id}/read");
    let message = json!({ "message_id": said[0]["message_id"] });
    let refused = client.post(&read, &message).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(!refused.header("retry-after").is_empty(), "{}", refused.text);
    cluster.node_mut(old).terminate().await;
    eventually_in(Duration::from_secs(90), "the older node is known to be gone", async || {
        (client.post(&read, &message).await.status == 204).then_some(())
    })
    .await;
    let page = client.get(&format!("/live/v1/conversations/{id}/events")).await.expect(200);
    let frames = page["events"].as_array().expect("frames");
    let reads = frames.iter().filter(|frame| frame["type"] == "conversation.read").count();
    assert_eq!(reads, 1);
}
