//! Seventeen thousand questions to an account whose endpoint drips.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::spawn_local,
    time::sleep,
};

use crate::{
    client::{Connection, request},
    conversations::{self, MESSAGES},
    drive::refused,
    figures::{Latency, goal, millis},
    server::Setting,
};

use super::{Options, attacker::Attacker, print_memory, stage::Stage};

const QUESTIONS: usize = 17_000;
/// Clients that ask; none waits for what is answered.
const CLIENTS: usize = 32;
/// How often the endpoint says a word.
const DRIP: Duration = Duration::from_secs(5);
/// A reply begins within this, in milliseconds.
const MOST_MS: f64 = 1_000.0;

pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let endpoint = endpoint()?;
    let bot = format!(
        r#"{{"kind":"remote","name":"Dripping","url":"http://{endpoint}/","idle_timeout_ms":28000,"total_timeout_ms":280000}}"#
    );
    let stage = Stage::with_bot(setting, &bot, &["--allow-network", "127.0.0.0/8"]).await?;
    let (to, credential) = (stage.server.address, stage.server.credential());
    let questions = QUESTIONS / options.smaller;
    let attacker = Attacker::launch(options.nice, move |tally| async move {
        for _ in 0..CLIENTS {
            let (credential, tally) = (credential.clone(), tally.clone());
            let headers = format!("{credential}accept: text/event-stream\r\n");
            let ask = request("POST", MESSAGES, &headers, r#"{"message":"and now?"}"#);
            spawn_local(async move {
                for _ in 0..questions / CLIENTS {
                    // Gone before the answer: the turn goes on without its asker.
                    let mut connection = Connection::open(to).await?;
                    tally.note(connection.start(&ask).await?.status);
                }
                Ok::<_, io::Error>(())
            });
        }
        std::future::pending().await
    })?;
    // Until all are asked, and for as long as the first that find no place wait.
    let began = Instant::now();
    let (first, mut failed) = (Latency::new(), 0);
    let headers = format!("{}accept: text/event-stream\r\n", stage.other.credential());
    let ask = request("POST", MESSAGES, &headers, &conversations::body(None));
    while began.elapsed() < Duration::from_secs(120) {
        let asked: u64 = attacker.tally.counts().iter().sum();
        match stage.watch(begins(to, &ask)).await {
            Ok(took) => first.record(took),
            Err(error) => {
                println!("a reply did not begin: {error}");
                failed += 1;
            }
        }
        if asked >= (questions / CLIENTS * CLIENTS) as u64 && began.elapsed() > 3 * DRIP {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let [asked, refused] = attacker.tally.counts();
    drop(attacker);
    println!("{asked} questions ({refused} refused) in {:.0} s", began.elapsed().as_secs_f64());
    let (count, longest) = (first.count(), first.longest());
    println!("{count} streamed replies of another began: p50 {} ms", millis(first.at(0.5)));
    let figure = format!("{} ms, {failed} failed", millis(longest));
    let met = longest <= MOST_MS && failed == 0 && count > 0;
    goal("another's streamed reply begins within a second", &figure, met);
    print_memory(&stage);
    Ok(())
}

/// How long the first piece of a reply takes to come.
async fn begins(to: SocketAddr, ask: &[u8]) -> io::Result<Duration> {
    let asked = Instant::now();
    let reading = async {
        let mut connection = Connection::open(to).await?;
        let head = connection.start(ask).await?;
        if head.status != 200 {
            return Err(refused(head.status, b"instead of a stream"));
        }
        let mut first = None;
        // To its end: the next is not to wait behind it.
        while let Some(event) = connection.event().await? {
            if event.kind == b"chunk" {
                first.get_or_insert_with(|| asked.elapsed());
            }
        }
        first.ok_or_else(|| io::Error::other("no reply"))
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await?
}

/// An endpoint that says a word now and then, in a thread of its own.
fn endpoint() -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || runtime.block_on(serve(listener)));
    Ok(address)
}

async fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (mut tcp, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut request = [0; 4_096];
            if tcp.read(&mut request).await? == 0 {
                return Ok(());
            }
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
            tcp.write_all(head.as_bytes()).await?;
            loop {
                tcp.write_all(b"event: chunk\ndata: {\"text\":\"and \"}\n\n").await?;
                tokio::select! {
                    read = tcp.read(&mut request) => if read? == 0 { return io::Result::Ok(()) },
                    () = sleep(DRIP) => {}
                }
            }
        });
    }
}
