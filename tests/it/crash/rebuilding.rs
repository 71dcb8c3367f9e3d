//! `parlor rebuild` beside a server: nothing stops, and a kill in the middle costs nothing.

use std::process::Stdio;
use std::sync::Mutex;

use super::judge::history;
use super::torn::{talk, verify};
use crate::harness::Server;
use crate::harness::server::parlor;
use crate::harness::wait::{eventually, within};

#[tokio::test(flavor = "multi_thread")]
async fn views_are_made_anew_beside_the_server_and_a_kill_in_the_middle_costs_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let mut server = Server::open(home.path(), &[]).await;
    let mut talks = vec![talk(&server, 5).await];
    let more = async {
        let mut talks = Vec::new();
        for _ in 0..5 {
            talks.push(talk(&server, 5).await);
        }
        talks
    };
    let rebuild = Server::command(home.path(), &["rebuild"]);
    let (more, (done, said)) = tokio::join!(more, rebuild);
    assert!(done && said.contains("the views were made anew from"), "{said}");
    assert!(!said.contains("otherwise"), "they were what the log says: {said}");
    talks.extend(more);
    for (id, exchange) in &talks {
        assert_eq!(history(&server.client(), id).await, *exchange);
    }
    for _ in 0..3 {
        let mut command = parlor();
        command.args(["rebuild", "--data-dir"]).arg(home.path());
        let rebuild = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let rebuild = Mutex::new(rebuild.expect("it runs"));
        // As soon as there are two, or it is over already.
        eventually("the second store is there", || async {
            let folders = std::fs::read_dir(home.path()).expect("it").filter(|entry| {
                let name = entry.as_ref().expect("it").file_name();
                name.to_string_lossy().starts_with("views") && name != "views.current"
            });
            let over = matches!(rebuild.lock().expect("whole").try_wait(), Ok(Some(_)));
            (folders.count() > 1 || over).then_some(())
        })
        .await;
        server.kill().await;
        let mut rebuild = rebuild.into_inner().expect("whole");
        within("the command's end", rebuild.wait()).await.expect("it ends");
        server.restart().await;
        for (id, exchange) in &talks {
            assert_eq!(history(&server.client(), id).await, *exchange);
        }
    }
    server.terminate().await;
    verify(home.path()).await;
}
