//! The views are compared with the log while nodes write, and what is wrong is named.

use parlor::engine::cluster::{Settings, rebuild, verify};
use parlor::engine::{Engine, EventLog};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::response::query_result::QueryResult;
use serde_json::{Value, json};

use super::ground::{Load, clean, ground, open, second, traffic, within_keyspace};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nodes_write_is_what_the_log_says_at_any_moment() {
    let settings = ground(3).await;
    let engine = open(&settings).await;
    let (_, before) = traffic(&engine, 20, 10).await;
    assert_eq!(clean(&settings).await, before, "all events were folded");
    let load = Load::begin(&engine, 16);
    for _ in 0..4 {
        let known = before + load.so_far();
        assert!(clean(&settings).await >= known, "what was written before is there");
    }
    let all = before + load.end().await;
    engine.close().await;
    assert_eq!(clean(&settings).await, all);
}

/// Changes views behind the engine's back.
struct Hand {
    session: Session,
    settings: Settings,
}

/// A row, how to find it, and how to make it another.
struct Row {
    /// As differences name it.
    table: &'static str,
    key: &'static [&'static str],
    columns: Value,
    /// A column that is no key, and something else to stand there.
    change: (&'static str, Value),
    /// A column of the key, and another place.
    another: (&'static str, Value),
}

impl Row {
    fn with(&self, (column, value): &(&str, Value)) -> Value {
        let mut columns = self.columns.clone();
        columns[*column] = value.clone();
        columns
    }

    fn at(&self, columns: &Value) -> String {
        let literal =
            |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let equals = |column: &&str| format!("{column} = {}", literal(&columns[*column]));
        self.key.iter().map(equals).collect::<Vec<_>>().join(" AND ")
    }
}

impl Hand {
    async fn new(settings: &Settings) -> Self {
        let session = SessionBuilder::new().known_node(&settings.cql.hosts[0]).build().await;
        Self { session: session.expect("connected"), settings: settings.clone() }
    }

    async fn does(&self, statement: &str) -> QueryResult {
        let keyspace = &self.settings.cql.keyspace;
        let statement = statement.replace("ks.", &format!("{keyspace}."));
        let done = self.session.query_unpaged(statement.clone(), ()).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    /// The first row of a view that has a turn, or any.
    async fn finds(&self, table: &str) -> Value {
        let found = self.does(&format!("SELECT JSON * FROM ks.{table} LIMIT 1")).await;
        let row = found.into_rows_result().expect("rows").first_row::<(String,)>();
        serde_json::from_str(&row.expect("a row").0).expect("JSON")
    }

    async fn puts(&self, table: &str, columns: &Value) {
        let columns = columns.to_string().replace('\'', "''");
        self.does(&format!("INSERT INTO ks.{table} JSON '{columns}'")).await;
    }

    /// Verifies; the difference must be in this table.
    async fn is_found_out(&self, table: &str, what: &str) -> String {
        let (_, difference) = verify(&self.settings).await.expect("verified");
        let difference = difference.unwrap_or_else(|| panic!("{what} of {table} is not found"));
        let of_it = format!("{}.{table} ", self.settings.cql.keyspace);
        assert!(difference.starts_with(&of_it), "{what} of {table}: {difference}");
        difference
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_names_what_was_changed_by_hand() {
    let settings = ground(2).await;
    let engine = open(&settings).await;
    let (threads, _) = traffic(&engine, 4, 4).await;
    for thread in &threads {
        // Whatever happened, this turn is owed.
        let events = vec![thread.resolved(), thread.inbound("hello").1];
        engine.append(events).await.expect("appended");
    }
    engine.close().await;
    clean(&settings).await;
    let hand = Hand::new(&settings).await;
    let other = json!(uuid::Uuid::new_v4().to_string());
    let rows = [
        (
            "timeline",
            &["account", "conversation", "seq"][..],
            ("event", json!("{}")),
            ("seq", json!(5)),
        ),
        ("contacts", &["account", "contact"], ("state", json!("{}")), ("contact", other.clone())),
        ("pages", &["account", "conversation", "block"], ("seq", json!(7)), ("block", json!(7))),
        ("turns_due", &["log_partition", "seq"], ("turn", json!("{}")), ("seq", json!(5))),
        (
            "totals",
            &["account", "log_partition"],
            ("inbound", json!(77)),
            ("log_partition", json!(7)),
        ),
        (
            "conversations",
            &["account", "day", "began", "conversation"],
            ("seq", json!(7)),
            ("began", json!(5)),
        ),
    ];
    for (table, key, change, another) in rows {
        let row = Row { table, key, columns: hand.finds(table).await, change, another };
        hand.puts(table, &row.with(&row.change)).await;
        let difference = hand.is_found_out(row.table, "a changed row").await;
        let [found, expected] = [": found ", "; expected "].map(|word| difference.contains(word));
        assert!(found && expected && !difference.contains("no such row"), "{difference}");

        hand.does(&format!("DELETE FROM ks.{table} WHERE {}", row.at(&row.columns))).await;
        let difference = hand.is_found_out(row.table, "a missing row").await;
        assert!(difference.contains("found no such row"), "{difference}");

        hand.puts(table, &row.columns).await;
        let too_many = row.with(&row.another);
        hand.puts(table, &too_many).await;
        let difference = hand.is_found_out(row.table, "a row too many").await;
        assert!(difference.contains("expected no such row"), "{difference}");
        hand.does(&format!("DELETE FROM ks.{table} WHERE {}", row.at(&too_many))).await;
        clean(&settings).await;
    }
    let day = hand.finds("conversation_days").await;
    let (account, number) = (day["account"].as_str().expect("a text"), &day["day"]);
    let at = |day: &Value| format!("WHERE account = {account} AND day = {day}");
    hand.does(&format!("DELETE FROM ks.conversation_days {}", at(number))).await;
    let difference = hand.is_found_out("conversation_days", "a missing day").await;
    assert!(difference.contains("found no such row"), "{difference}");
    hand.puts("conversation_days", &day).await;
    hand.puts("conversation_days", &json!({ "account": account, "day": 7 })).await;
    let difference = hand.is_found_out("conversation_days", "a day too many").await;
    assert!(difference.contains("expected no such row"), "{difference}");
    hand.does(&format!("DELETE FROM ks.conversation_days {}", at(&json!(7)))).await;
    clean(&settings).await;
    let columns = hand.finds("timeline").await;
    let of = |column: &str| columns[column].as_str().expect("a text").to_owned();
    let at = format!("account = {} AND conversation = {}", of("account"), of("conversation"));
    hand.does(&format!("UPDATE ks.timeline SET state = 'tampered' WHERE {at}")).await;
    let difference = hand.is_found_out("timeline.state", "a changed state").await;
    assert!(difference.contains("found tampered"), "{difference}");
    hand.does(&format!("DELETE state FROM ks.timeline WHERE {at}")).await;
    hand.is_found_out("timeline.state", "a missing state").await;
    // What is written by hand wins over the log for ever: only another keyspace mends it.
    let into = second(&settings);
    rebuild(&settings, &into)
        .await
        .expect("a keyspace that is wrong does not keep from filling another");
    clean(&within_keyspace(&settings, &into)).await;
}
