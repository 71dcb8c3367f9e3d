use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use poem::{Body, Request};

use super::*;

const FORM: Form = Form {
    texts: &["query", "conversation_id"],
    text_bytes: 100,
    files: &["file", "audio"],
    file_bytes: 200_000,
    deadline: Duration::from_secs(120),
};

fn part(headers: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--b\r\nContent-Disposition: form-data; {headers}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn request(parts: &[Vec<u8>]) -> Request {
    let body = [parts.concat(), b"--b--\r\n".to_vec()].concat();
    streamed(Body::from_vec(body))
}

fn streamed(body: Body) -> Request {
    Request::builder().content_type("multipart/form-data; boundary=b").body(body)
}

async fn read(mut request: Request) -> Result<Filled> {
    let kind = request.content_type().map(str::to_owned);
    let uploads = Arc::default();
    let sender = Sender { uploads, account: crate::app::clock::mint(), address: None };
    FORM.read(&sender, kind.as_deref(), request.take_body()).await
}

async fn refused(request: Request) -> Error {
    read(request).await.expect_err("refused")
}

#[tokio::test]
async fn texts_and_a_file_are_read_in_any_order() {
    let content: Vec<u8> = (0..150_000_u32).map(|n| (n % 251) as u8).collect();
    let file = part("name=\"audio\"; filename=\"a.wav\"\r\nContent-Type: audio/wav; x=y", &content);
    let texts = [part("name=\"query\"", "здравствуйте".as_bytes()), part("name=\"other\"", b"x")];
    let [query, other] = texts;
    let empty = part("name=\"conversation_id\"", b"");
    for parts in [
        vec![file.clone(), query.clone(), other.clone(), empty.clone()],
        vec![empty, other, query, file],
    ] {
        // Whole, and a few bytes at a time.
        for size in [usize::MAX, 7] {
            let body = [parts.concat(), b"--b--\r\n".to_vec()].concat();
            let chunks: Vec<_> = body.chunks(size.min(body.len())).map(<[u8]>::to_vec).collect();
            let chunks = chunks.into_iter().map(Ok::<_, io::Error>);
            let request = streamed(Body::from_bytes_stream(stream::iter(chunks)));
            let filled = read(request).await.expect("a form");
            assert_eq!(filled.text("query"), Some("здравствуйте"));
            assert_eq!((filled.text("conversation_id"), filled.text("other")), (None, None));
            let file = filled.file.expect("a file");
            assert_eq!(
                (file.field, file.filename.as_str(), file.size),
                ("audio", "a.wav", 150_000)
            );
            assert_eq!(file.declared.as_deref(), Some("audio/wav"));
            let bytes = file.bytes().map_ok(|chunk| chunk.to_vec()).try_concat().await;
            assert!(bytes.expect("readable") == content, "the bytes are others");
        }
    }
}

#[tokio::test]
async fn what_is_too_much_is_refused_by_name() {
    let long = part("name=\"query\"", "é".repeat(51).as_bytes());
    let too_long = Error::TooLong { field: "query", max: 100, actual: 51 };
    assert_eq!(refused(request(&[long])).await, too_long, "bytes are limited, characters told");
    let file = |size: usize| part("name=\"file\"; filename=\"a\"", &vec![b'x'; size]);
    let too_large = Error::BodyTooLarge { max: 200_000 };
    assert_eq!(refused(request(&[file(200_001)])).await, too_large);
    let other = part("name=\"unknown\"; filename=\"a\"", &vec![b'x'; 1_000_000]);
    assert_eq!(refused(request(&[other])).await, too_large);
    assert_eq!(refused(request(&[file(1), file(1)])).await.to_string(), "file must be one file");
    let query = part("name=\"query\"", b"x");
    let twice = [query.clone(), query];
    assert_eq!(refused(request(&twice)).await.to_string(), "query must stand there once");
    let many = vec![part("name=\"x\"", b"x"); 33];
    assert_eq!(refused(request(&many)).await.to_string(), "body has more than 32 fields");
    let wrong = part("name=\"query\"", b"\xff\xfe");
    assert_eq!(refused(request(&[wrong])).await.to_string(), "query must be UTF-8");
}

#[tokio::test]
async fn headers_without_an_end_are_not_kept_in_memory() {
    let endless = stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from(vec![b'x'; 8_192])));
    let begin = stream::iter([Ok(Bytes::from_static(b"--b\r\nContent-Disposition: "))]);
    let error = refused(streamed(Body::from_bytes_stream(begin.chain(endless)))).await;
    assert_eq!(error.to_string(), "body has a part whose headers are too long");
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let other = Request::builder().content_type("application/json").body("{}");
    let error = read(other).await.expect_err("refused");
    assert_eq!(error.to_string(), "Content-Type must be multipart/form-data");
    for body in [
        "",
        "hello",
        "--b\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\ncut",
    ] {
        let error = refused(streamed(Body::from_string(body.to_owned()))).await;
        assert!(matches!(&error, Error::Invalid(faults) if faults[0].field == "body"), "{error:?}");
    }
    let cut = stream::iter([
        Ok(Bytes::from(part("name=\"query\"", b"x"))),
        Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    ]);
    let error = refused(streamed(Body::from_bytes_stream(cut))).await;
    assert!(matches!(&error, Error::Invalid(faults) if faults[0].field == "body"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_form_that_stops_or_crawls_is_too_slow() {
    let begun = || stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"--b\r\n"))]);
    let stopped = Body::from_bytes_stream(begun().chain(stream::pending()));
    assert_eq!(refused(streamed(stopped)).await, Error::BodyTooSlow);
    let head = Bytes::from_static(b"--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n");
    let crawling = stream::unfold(head, |next| async {
        tokio::time::sleep(Duration::from_secs(15)).await;
        Some((Ok::<_, io::Error>(next), Bytes::from_static(b"x")))
    });
    assert_eq!(refused(streamed(Body::from_bytes_stream(crawling))).await, Error::BodyTooSlow);
}

/// A form whose file comes a piece of this size every so often, and how that ended and when.
async fn dripped(bytes: usize, every: Duration, pieces: usize) -> (Result<Filled>, Duration) {
    let head = part("name=\"file\"; filename=\"a.txt\"", b"");
    let piece = move |number| async move {
        if number > 0 {
            sleep(every).await;
        }
        Ok::<_, io::Error>(vec![b'x'; bytes])
    };
    let head = stream::iter([Ok::<_, io::Error>(head[..head.len() - 2].to_vec())]);
    let end = stream::iter([Ok::<_, io::Error>(b"\r\n--b--\r\n".to_vec())]);
    let body = head.chain(stream::iter(0..pieces).then(piece)).chain(end);
    let began = tokio::time::Instant::now();
    let read = read(streamed(Body::from_bytes_stream(body))).await;
    (read, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_file_that_drips_is_ended_and_a_slow_one_is_not() {
    let seconds = Duration::from_secs;
    let (ended, took) = dripped(1, seconds(8), 100).await;
    assert_eq!(ended.expect_err("it drips"), Error::BodyTooSlow);
    assert!(took <= seconds(21), "{took:?}");
    let (ended, _) = dripped(10_000, seconds(5), 12).await;
    assert_eq!(ended.expect("two kilobytes a second").file.expect("a file").size, 120_000);
}
