//! The control socket: how a command reaches the server that has the data directory.
//!
//! A Unix socket, 0600, in a directory that is 0700. Both ends look who the other is: a server obeys its
//! own user and root, and a command tells its secrets to nobody else's server. Only who holds the
//! directory's lock makes or removes the socket, so one that is left from a crash is replaced and a live
//! one never is.
//!
//! A command sends one frame, the order, and reads one, what came of it: JSON behind four bytes of
//! length, up to a bound. Both name the version of this protocol. When the command leaves, what it
//! ordered is abandoned where it stands.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::codec::{Framed, LengthDelimitedCodec};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::carry_out::carry_out;
use super::{Order, OrderResult};
use crate::app::App;
use crate::role::Failure;

/// The socket's name in the data directory.
const NAME: &str = "control.sock";
/// Where it is made, before it takes that name.
const NEW: &str = "control.sock.new";
/// What is changed about frames, orders or outcomes so that an older end would misread it raises this.
const VERSION: u32 = 1;
/// The most bytes of a frame: a definition, a replay's differences.
const FRAME: usize = 16 << 20;
/// Commands at a time; more wait until one is done.
const AT_A_TIME: usize = 8;
/// How long connecting, and either end's reading or writing of a frame that is there, may take.
const STEP: Duration = Duration::from_secs(10);
/// How long an order may take: a replay asks a model many times.
const ORDER: Duration = Duration::from_secs(60 * 60);
/// What orders under way get when the server stops.
const GRACE: Duration = Duration::from_secs(3);
/// Before accepting is tried again.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Asked<'a> {
    version: u32,
    order: &'a Order,
}

/// A request as far as every version writes it alike.
#[derive(Deserialize)]
struct Spoken {
    version: u32,
    order: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct Answered {
    version: u32,
    answer: Answer,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(OrderResult),
    Failed(String),
}

/// The server's end. The socket goes when it is dropped.
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Makes the socket in a data directory whose lock we hold.
    ///
    /// # Errors
    /// As the system's.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let (new, path) = (dir.join(NEW), dir.join(NAME));
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let near = Near::of(dir)?;
        let listener = UnixListener::bind(near.path(NEW))?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&new, &path)?;
        Ok(Self { listener, path })
    }

    /// Obeys until `stop` is cancelled; then what is under way gets a moment to end.
    pub async fn serve(self, app: Arc<App>, stop: CancellationToken) {
        let (places, tracker) = (Arc::new(Semaphore::new(AT_A_TIME)), TaskTracker::new());
        let alone = Arc::new(Semaphore::new(1));
        loop {
            let accepted = async {
                let place = places.clone().acquire_owned().await;
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (app, alone, stop) = (app.clone(), alone.clone(), stop.clone());
                    tracker.spawn(async move {
                        if let Err(error) = obey(stream, &app, &alone, stop).await {
                            tracing::warn!(%error, "a command broke off");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket takes no command");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        tracker.close();
        if tokio::time::timeout(GRACE + STEP, tracker.wait()).await.is_err() {
            tracing::warn!("a command was still under way");
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the control socket stays");
        }
    }
}

/// One command, to its end. `alone` is one permit for all.
async fn obey(
    stream: UnixStream,
    app: &App,
    alone: &Semaphore,
    stop: CancellationToken,
) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != own_user() && peer != 0 {
        return Err(io::Error::other(format!("user {peer} may not give orders")));
    }
    let mut framed = framed(stream);
    let Some(frame) = in_time(framed.next()).await? else { return Ok(()) };
    let answer = match understood(&frame?) {
        Ok(order) => {
            let done = async {
                let _alone = match order.rests_on_what_is_there() {
                    true => alone.acquire().await.ok(),
                    false => None,
                };
                match carry_out(app, &order).await {
                    Ok(outcome) => Answer::Done(outcome),
                    Err(error) => Answer::Failed(error.to_string()),
                }
            };
            let stopping = async {
                stop.cancelled().await;
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                answer = done => answer,
                // It says nothing more, so that this is its end.
                _ = framed.next() => return Ok(()),
                () = stopping => Answer::Failed("the server is stopping".to_owned()),
                () = tokio::time::sleep(ORDER) => Answer::Failed("it took too long".to_owned()),
            }
        }
        Err(problem) => Answer::Failed(problem),
    };
    let mut bytes = serde_json::to_vec(&Answered { version: VERSION, answer })?;
    if bytes.len() > FRAME {
        let problem = "what came of it is too long to be told: try fewer conversations (--replay)";
        let answer = Answer::Failed(problem.to_owned());
        bytes = serde_json::to_vec(&Answered { version: VERSION, answer })?;
    }
    in_time(framed.send(Bytes::from(bytes))).await?
}

/// The order in a frame; a command of another release is told so.
fn understood(frame: &[u8]) -> Result<Order, String> {
    let other = |detail: &str| {
        format!(
            "the server is of another release ({}) and does not understand this command: use the \
             server's own binary, or restart it with this one ({detail})",
            env!("CARGO_PKG_VERSION")
        )
    };
    let spoken: Spoken =
        serde_json::from_slice(frame).map_err(|error| other(&error.to_string()))?;
    if spoken.version != VERSION {
        return Err(other(&format!("control protocol {VERSION}, not {}", spoken.version)));
    }
    serde_json::from_value(spoken.order).map_err(|error| other(&error.to_string()))
}

/// Gives an order to the server that has a data directory; none where no server is there.
///
/// # Errors
/// What the server says, and what keeps it from being asked.
pub(super) async fn call(dir: &Path, order: &Order) -> Result<Option<OrderResult>, Failure> {
    let connecting = async {
        let near = Near::of(dir)?;
        let path = near.path(NAME);
        UnixStream::connect(path).await
    };
    let stream = match in_time(connecting).await.and_then(|connected| connected) {
        Ok(stream) => stream,
        Err(error) => match error.kind() {
            // Nobody's, or what a server left that was killed.
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => return Ok(None),
            _ => return Err(unheard(dir, &error)),
        },
    };
    let server = stream.peer_cred().map_err(|error| unheard(dir, &error))?.uid();
    let own = own_user();
    if server != own && own != 0 {
        return Err(unheard(dir, &io::Error::other(format!("it is user {server}'s"))));
    }
    let bytes = serde_json::to_vec(&Asked { version: VERSION, order })?;
    let mut framed = framed(stream);
    let sent = in_time(framed.send(Bytes::from(bytes))).await.and_then(|sent| sent);
    sent.map_err(|error| unheard(dir, &error))?;
    let frame = tokio::time::timeout(ORDER + STEP, framed.next())
        .await
        .map_err(|_| "the server did not answer")?
        .ok_or("the server ended before it answered: look whether it was done")?
        .map_err(|error| unheard(dir, &error))?;
    let answered: Answered = serde_json::from_slice(&frame)
        .map_err(|error| format!("the server is of another release: {error}"))?;
    match answered.answer {
        Answer::Done(outcome) => Ok(Some(outcome)),
        Answer::Failed(problem) => Err(problem.into()),
    }
}

fn unheard(dir: &Path, error: &io::Error) -> Failure {
    format!("the server of {} cannot be reached at its {NAME}: {error}", dir.display()).into()
}

fn framed(stream: UnixStream) -> Framed<UnixStream, LengthDelimitedCodec> {
    LengthDelimitedCodec::builder().max_frame_length(FRAME).new_framed(stream)
}

async fn in_time<T>(step: impl Future<Output = T>) -> io::Result<T> {
    let timely = tokio::time::timeout(STEP, step).await;
    timely.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the other end is too slow"))
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A directory by a short name: a socket's address has room for some hundred bytes, a path has none
/// of its own bound. On Linux an open directory can be named by its number.
struct Near {
    dir: PathBuf,
    #[cfg(target_os = "linux")]
    open: std::fs::File,
}

impl Near {
    fn of(dir: &Path) -> io::Result<Self> {
        Ok(Self {
            #[cfg(target_os = "linux")]
            open: std::fs::File::open(dir)?,
            dir: dir.to_owned(),
        })
    }

    /// A path to what has this name there; it leads there as long as this lives.
    fn path(&self, name: &str) -> PathBuf {
        /// What fits into an address on every system.
        #[cfg(target_os = "linux")]
        const SHORT: usize = 100;
        let plain = self.dir.join(name);
        #[cfg(target_os = "linux")]
        if plain.as_os_str().len() > SHORT {
            use std::os::fd::AsRawFd as _;
            return format!("/proc/self/fd/{}/{name}", self.open.as_raw_fd()).into();
        }
        plain
    }
}
