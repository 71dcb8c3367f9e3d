//! A client on the WebSocket.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::wait::within;

/// An open WebSocket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Opens `/live/v1/ws` with headers; the refusal's status when it is refused.
    pub async fn open(address: &str, query: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let url = format!("ws://{address}/live/v1/ws{query}");
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a header name");
            request.headers_mut().insert(name, value.parse().expect("a header value"));
        }
        let tcp = TcpStream::connect(address).await.expect("a connection");
        match within("the handshake", tokio_tungstenite::client_async(request, tcp)).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    pub async fn send(&mut self, command: &Value) {
        self.stream.send(Message::text(command.to_string())).await.expect("sent");
    }

    /// Sends any message.
    pub async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.expect("sent");
    }

    /// The next JSON message; none when the server closed, whose code is then in `closed`.
    pub async fn try_next(&mut self) -> Result<Value, Option<u16>> {
        let text = self.try_next_text().await?;
        Ok(serde_json::from_str(&text).expect("JSON"))
    }

    /// The messages up to the first of this type, as they were written.
    pub async fn raw_until(&mut self, kind: &str) -> Vec<String> {
        let mut messages = Vec::new();
        loop {
            let text = self.try_next_text().await.expect("the socket stays open");
            let message: Value = serde_json::from_str(&text).expect("JSON");
            messages.push(text);
            if message["type"] == kind {
                return messages;
            }
        }
    }

    async fn try_next_text(&mut self) -> Result<String, Option<u16>> {
        loop {
            match within("a WebSocket message", self.stream.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The next JSON message, which must come.
    pub async fn next(&mut self) -> Value {
        self.try_next().await.expect("the socket stays open")
    }

    /// Sends a command and reads on until its answer; gives the frames before it too.
    pub async fn ask(&mut self, mut command: Value) -> (Value, Vec<Value>) {
        command["ref"] = "asked".into();
        self.send(&command).await;
        let mut frames = Vec::new();
        loop {
            let message = self.next().await;
            if message["ref"] == "asked" {
                return (message, frames);
            }
            frames.push(message);
        }
    }

    /// Reads up to and including the first frame of this type.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            let found = frame["type"] == kind;
            frames.push(frame);
            if found {
                return frames;
            }
        }
    }
}
