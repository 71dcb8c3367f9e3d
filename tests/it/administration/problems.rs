//! What is said when a server cannot start: which path or setting, and what to do.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::harness::Server;
use crate::harness::server::{parlor, run};
use crate::harness::wait::within;

/// Tries to serve with these arguments and variables, which must fail; what it says.
async fn fails(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = parlor();
    command.arg("serve").args(arguments).envs(variables.iter().copied());
    command.current_dir(home.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = within("a server that cannot start", command.output()).await.expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{arguments:?} {variables:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn assert_told(said: &str, told: &[&str]) {
    for told in told {
        assert!(said.contains(told), "{told:?} is not in: {said}");
    }
}

#[tokio::test]
async fn a_wrong_variable_is_named_with_what_it_should_be() {
    for (name, value, told) in [
        ("PARLOR_CACHE_MIB", "abc", "PARLOR_CACHE_MIB is \"abc\": it must be a whole number"),
        ("PARLOR_LOG_JSON", "maybe", "PARLOR_LOG_JSON is \"maybe\": it must be true or false"),
        ("PARLOR_LISTEN", "8080", "PARLOR_LISTEN: \"8080\" is not HOST:PORT"),
        ("PARLOR_ENGINE", "fast", "PARLOR_ENGINE is \"fast\": it must be embedded or cluster"),
        ("PARLOR_ALLOW_NETWORKS", "10.0.0.1", "PARLOR_ALLOW_NETWORKS: \"10.0.0.1\""),
        ("PARLOR_LOG", "a=b=c", "--log, PARLOR_LOG"),
    ] {
        assert_told(&fails(&[], &[(name, value)]).await, &[told]);
    }
}

#[tokio::test]
async fn a_port_that_is_taken_and_a_host_that_is_unknown_are_told_with_the_remedy() {
    let server = Server::start().await;
    let said = fails(&["--listen", server.address(), "--data-dir", "data"], &[]).await;
    assert_told(&said, &[server.address(), "another process has this port", "--listen", "port 0"]);
    let said = fails(&["--listen", "no-such-host.invalid:8080"], &[]).await;
    assert_told(&said, &["no-such-host.invalid:8080", "--listen", "the name is not known"]);
}

#[tokio::test]
async fn a_host_that_has_a_name_is_listened_on() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().to_str().expect("UTF-8");
    let arguments = ["--data-dir", data].map(str::to_owned).to_vec();
    let home = crate::harness::server::Home::Directory(home.path().to_owned());
    let mut server = Server::begin("localhost:0", home, arguments).await;
    server.ready().await;
    server.stranger().get("/healthz").await.expect(200);
}

#[tokio::test]
async fn no_demo_has_three_spellings() {
    let made = async |arguments: &[&str], variables: &[(&str, &str)]| {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::write(home.path().join("on.toml"), "no_demo = true").expect("written");
        std::fs::write(home.path().join("old.toml"), "demo = false").expect("written");
        let mut command = std::process::Command::new(crate::harness::server::BINARY);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        command.envs(variables.iter().copied()).current_dir(home.path());
        let mut process = crate::harness::process::Process::start(command).await;
        process.first_line().await;
        home.path().join("data/credentials.json").exists()
    };
    assert!(made(&[], &[]).await);
    assert!(!made(&["--no-demo"], &[]).await);
    assert!(!made(&[], &[("PARLOR_NO_DEMO", "true")]).await);
    assert!(!made(&[], &[("PARLOR_NO_DEMO", "1")]).await);
    assert!(!made(&["--config", "on.toml"], &[]).await);
    assert!(!made(&["--config", "old.toml"], &[]).await);
    assert!(!made(&[], &[("PARLOR_DEMO", "false")]).await);
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_told_with_the_remedy() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("file");
    std::fs::write(&file, "").expect("written");
    for place in [file.clone(), file.join("data")] {
        let place = place.to_str().expect("UTF-8");
        let said = fails(&["--data-dir", place, "--listen", "127.0.0.1:0"], &[]).await;
        assert_told(&said, &[place, "--data-dir"]);
    }
    let dir = home.path().join("data");
    assert!(Server::command(&dir, &["account", "create", "--name", "A"]).await.0);
    let data = dir.to_str().expect("UTF-8");
    std::fs::write(dir.join("format"), "9\n").expect("written");
    let said = fails(&["--data-dir", data, "--listen", "127.0.0.1:0"], &[]).await;
    assert_told(&said, &[data, "is of format 9", "the release that wrote", "--data-dir"]);
}

#[tokio::test]
async fn another_users_directory_is_told_with_its_path() {
    // Only root can be somebody else; everybody else takes the right away from themselves.
    let is_root = rustix::process::geteuid().is_root();
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("data");
    std::fs::create_dir(&dir).expect("made");
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).expect("set");
    std::fs::set_permissions(&dir, PermissionsExt::from_mode(if is_root { 0o700 } else { 0 }))
        .expect("set");
    let data = dir.to_str().expect("UTF-8");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data];
    let said = if is_root {
        // The binary may be where nobody else gets to.
        let binary = home.path().join("parlor");
        std::fs::copy(crate::harness::server::BINARY, &binary).expect("copied");
        let mut command = tokio::process::Command::new("setpriv");
        command.args(["--reuid", "65534", "--clear-groups", "--"]).arg(&binary).args(serve);
        command.current_dir("/").kill_on_drop(true);
        let output = within("a server", command.output()).await.expect("it runs");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("UTF-8")
    } else {
        String::from_utf8(run(&serve).await.stderr).expect("UTF-8")
    };
    assert_told(&said, &[data, "cannot be read", "must belong to the user", "--data-dir"]);
}
