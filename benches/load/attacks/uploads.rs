//! Uploads of a byte now and then, with the public key of a widget.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::spawn_local,
    time::sleep,
};

use crate::{
    client::{Connection, request},
    figures::{Latency, goal, millis},
    server::Setting,
};

use super::{
    Options,
    attacker::{Attacker, address},
    stage::Stage,
};

const UPLOADS: usize = 72;
const PAUSE: Duration = Duration::from_secs(8);
const BOUNDARY: &str = "content-type: multipart/form-data; boundary=x\r\n";

pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let stage = Stage::start(setting, &[]).await?;
    let (to, site) = (stage.server.address, stage.server.site_key.clone());
    let mut visitor = Connection::open(to).await?;
    let begin = r#"{"name":"J","email":"j@example.com","message":"Hi","visitor_token":"v-1"}"#;
    let headers = format!("x-site-key: {site}\r\n");
    let begun = request("POST", "/api/v1/chat/conversations", &headers, begin);
    let (status, answer) = visitor.call(&begun).await?;
    if status != 201 {
        return Err(crate::drive::refused(status, answer));
    }
    let attacker = Attacker::launch(options.nice, move |tally| async move {
        for number in 0..UPLOADS {
            let (site, tally) = (site.clone(), tally.clone());
            spawn_local(async move {
                loop {
                    let _ = upload(number, to, &site).await;
                    tally.note(429);
                }
            });
        }
        std::future::pending().await
    })?;
    sleep(Duration::from_secs(2)).await;
    let (latency, mut failed) = (Latency::new(), 0);
    let key = stage.other.of("aloochat_agent_key");
    let form = format!(
        "--x\r\ncontent-disposition: form-data; name=\"agent_key\"\r\n\r\n{key}\r\n--x\r\n\
         content-disposition: form-data; name=\"query\"\r\n\r\nhello\r\n--x--\r\n"
    );
    let token = stage.other.of("aloochat_api_token");
    let ask = format!(
        "POST /api/v1/chat/agent/chat HTTP/1.1\r\nhost: x\r\nx-api-token: {token}\r\n{BOUNDARY}\
         content-length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut connection = Connection::open(to).await?;
    let until = Instant::now() + Duration::from_secs_f64(options.seconds * options.rounds as f64);
    while Instant::now() < until {
        let asked = Instant::now();
        match connection.call(ask.as_bytes()).await {
            Ok((200, _)) => latency.record(asked.elapsed()),
            Ok((status, _)) => {
                println!("answered {status}");
                failed += 1;
            }
            Err(_) => {
                failed += 1;
                connection = Connection::open(to).await?;
            }
        }
        // An account may ask sixty times a minute.
        sleep(Duration::from_secs(1)).await;
    }
    drop(attacker);
    let count = latency.count();
    println!("{count} answers of another's agent chat: p99 {} ms", millis(latency.at(0.99)));
    goal("another's agent chat works", &format!("{failed} failed"), failed == 0 && count > 0);
    Ok(())
}

/// An upload that goes on until the server ends it.
async fn upload(number: usize, to: SocketAddr, site: &str) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((address(number, UPLOADS / 8), 0)))?;
    let mut tcp: TcpStream = socket.connect(to).await?;
    let head = format!(
        "POST /api/v1/chat/conversations/v-1/files HTTP/1.1\r\nhost: x\r\nx-site-key: {site}\r\n\
         {BOUNDARY}content-length: 1000000\r\n\r\n--x\r\ncontent-disposition: form-data; \
         name=\"file\"; filename=\"a.txt\"\r\n\r\n"
    );
    tcp.write_all(head.as_bytes()).await?;
    let mut said = [0; 1_024];
    loop {
        tokio::select! {
            read = tcp.read(&mut said) => if read? == 0 { return Ok(()) },
            () = sleep(PAUSE) => tcp.write_all(b"a").await?,
        }
    }
}
