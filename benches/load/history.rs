//! Pages of a conversation's messages: a short one's, a long one's first and last.

use std::{io, sync::Arc};

use crate::{
    client::{Connection, request},
    conversations,
    drive::{Plan, drive, refused},
    figures::{CELLS, Measure, Rounds, Table, goal, median, millis},
    server::{Process, Server, Setting},
};

/// What to read, and how.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Lengths of the conversations, in messages.
    #[arg(long, value_delimiter = ',', default_value = "10,10000")]
    pub(crate) messages: Vec<usize>,
    /// Messages of a page.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    /// Clients, each back to back.
    #[arg(long, default_value_t = 16)]
    pub(crate) clients: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// Rounds; each measures every page and its limit once, in turns.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
}

/// A page, its limit and the rounds of both.
struct Page {
    name: String,
    request: Vec<Arc<[u8]>>,
    bare: Vec<Arc<[u8]>>,
    ours: Rounds,
    limit: Rounds,
}

/// Measures, prints the table and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let home = setting.fresh()?;
    let server = Server::start(setting, &home.path().join("data"))?;
    let empty = Process::empty()?;
    let mut pages = Vec::new();
    // The first and the last page of the longest conversation, for the goal on depth.
    let mut ends = None;
    for &messages in &options.messages {
        let id = conversations::fill_one(&server, messages).await?;
        let last = messages.div_ceil(options.limit).max(1);
        let first = pages.len();
        pages.push(page(&server, options, &id, messages, 1).await?);
        if last > 1 {
            pages.push(page(&server, options, &id, messages, last).await?);
            ends = Some((first, pages.len() - 1));
        }
    }
    let plan = Plan { seconds: options.seconds, rate: None };
    for _ in 0..options.rounds {
        for page in &mut pages {
            page.ours.0.push(drive(&server, &page.request, plan).await?);
            page.limit.0.push(drive(&empty, &page.bare, plan).await?);
        }
    }
    print(&pages, ends);
    Ok(())
}

/// Reads a page once, to see that it holds what it should and how many bytes that is.
async fn page(
    server: &Server,
    options: &Options,
    id: &str,
    messages: usize,
    number: usize,
) -> io::Result<Page> {
    let limit = options.limit;
    let path = format!("/bot/v1/conversations/{id}/messages?page={number}&limit={limit}");
    let bytes = request("GET", &path, &server.credential(), "");
    let mut connection = Connection::open(server.address).await?;
    let (status, body) = connection.call(&bytes).await?;
    if status != 200 {
        return Err(refused(status, body));
    }
    let answer: serde_json::Value = serde_json::from_slice(body)?;
    let told = answer["messages"].as_array().map_or(0, Vec::len);
    let due = (messages - (number - 1) * limit).min(limit);
    if told != due {
        let wrong = format!("page {number} of {messages} holds {told} messages instead of {due}");
        return Err(io::Error::other(wrong));
    }
    let bare = request("GET", &format!("/empty/{}", body.len()), "", "");
    Ok(Page {
        name: format!("{messages} messages, page {number}"),
        request: vec![bytes.into(); options.clients],
        bare: vec![bare.into(); options.clients],
        ours: Rounds::default(),
        limit: Rounds::default(),
    })
}

fn print(pages: &[Page], ends: Option<(usize, usize)>) {
    let mut table = Table::new(["history"].iter().chain(&CELLS).chain(&["ours / it"]));
    for page in pages {
        let mut cells = vec![format!("parlor, {}", page.name)];
        cells.extend(page.ours.cells());
        table.row(cells);
        let mut cells = vec!["poem, empty, same bytes".to_owned()];
        cells.extend(page.limit.cells());
        cells.push(millis(page.ours.ratio(&page.limit)));
        table.row(cells);
    }
    table.print();
    for page in pages {
        let ratio = page.ours.ratio(&page.limit);
        let goals = format!("{}: at least 0.30 of the empty handler", page.name);
        goal(&goals, &millis(ratio), ratio >= 0.3);
    }
    if let Some((first, last)) = ends {
        let (first, last) = (&pages[first], &pages[last]);
        let p50 = |round: &Measure| round.latency.at(0.5);
        let pairs = last.ours.0.iter().zip(&first.ours.0);
        let times = median(pairs.map(|(last, first)| p50(last) / p50(first)).collect());
        let figure = format!("{} times", millis(times));
        goal("the last page at most 1.5 times the first", &figure, times <= 1.5);
    }
}
