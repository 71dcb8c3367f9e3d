use data_encoding::HEXLOWER;
use futures_util::stream;

use super::*;
use crate::domain::ids::Id as _;

fn limits() -> Limits {
    Limits { file_bytes: 1 << 20, reserve_bytes: 0 }
}

fn files(dir: &tempfile::TempDir) -> Files {
    let location = format!("file://{}", dir.path().display());
    Files::open(&location, limits()).unwrap()
}

fn ids() -> (AccountId, ConversationId) {
    let uuid = uuid::Uuid::from_u128(7);
    (AccountId::from_uuid(uuid), ConversationId::from_uuid(uuid))
}

fn chunks(size: usize, count: usize) -> impl Stream<Item = Result<Bytes>> + Send {
    stream::iter(
        (0..count)
            .map(move |number| Ok(Bytes::from(vec![u8::try_from(number % 251).unwrap(); size]))),
    )
}

async fn whole(files: &Files, key: &str, range: Option<Range<u64>>) -> Vec<u8> {
    let reading = files.get(key, range).await.unwrap();
    reading.bytes.map_ok(|chunk| chunk.to_vec()).try_concat().await.unwrap()
}

/// Every file under a directory.
fn all(dir: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all(&path)) } else { found.push(path) }
    }
    found
}

async fn eventually_empty(dir: &std::path::Path) {
    let empty = async {
        while !all(dir).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), empty).await;
    waited.unwrap_or_else(|_| panic!("left behind: {:?}", all(dir)));
}

#[tokio::test]
async fn what_was_put_is_read_whole_and_in_part() {
    let dir = tempfile::tempdir().unwrap();
    let (account, conversation) = ids();
    // More than one part of an upload, in chunks that end nowhere in particular.
    let big = Limits { file_bytes: 16 << 20, reserve_bytes: 0 };
    let files = Files::in_directory(dir.path().to_owned(), big).unwrap();
    let said = stream::iter([Ok(Bytes::from_static(b"\x89PNG\r\n\x1a\n"))]);
    let bytes = said.chain(chunks(70_001, 120));
    let put = files.put(account, conversation, "../a \"cat\".png", Some("text/html"), bytes);
    let file = put.await.unwrap();
    assert_eq!((file.filename.as_str(), file.mime_type.as_str()), ("a cat.png", "image/png"));
    assert_eq!(file.size, 8 + 70_001 * 120);
    assert!(file.key.starts_with(&format!("{account}/{conversation}/")), "{}", file.key);
    let read = whole(&files, &file.key, None).await;
    let sha256 = HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&read));
    assert_eq!((read.len() as u64, sha256), (file.size, file.sha256.clone()));
    assert_eq!(whole(&files, &file.key, Some(0..8)).await, b"\x89PNG\r\n\x1a\n");
    let end = file.size - 3..u64::MAX;
    let reading = files.get(&file.key, Some(end)).await.unwrap();
    assert_eq!((reading.size, reading.range), (file.size, file.size - 3..file.size));
    // One that reads the same place again later finds it.
    assert_eq!(
        whole(&Files::in_directory(dir.path().to_owned(), big).unwrap(), &file.key, None).await,
        read
    );
    assert_eq!(all(dir.path()).len(), 1, "nothing beside it");
    files.delete(&file.key).await.unwrap();
    files.delete(&file.key).await.unwrap();
    assert!(matches!(files.get(&file.key, None).await, Err(Error::NotFound("file"))));
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let (files, (account, conversation)) = (files(&dir), ids());
    let file = files.put(account, conversation, "", None, stream::empty()).await.unwrap();
    assert_eq!((file.filename.as_str(), file.size), ("file", 0));
    assert_eq!(whole(&files, &file.key, None).await, b"");
}

#[tokio::test]
async fn the_files_of_a_conversation_are_forgotten_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let (files, (account, conversation)) = (files(&dir), ids());
    let other = ConversationId::from_uuid(uuid::Uuid::from_u128(77));
    let mut keys = Vec::new();
    for of in [conversation, other, conversation] {
        keys.push(files.put(account, of, "a", None, chunks(10, 1)).await.unwrap().key);
    }
    files.forget(account, conversation).await.unwrap();
    files.forget(account, conversation).await.unwrap();
    assert_eq!(all(dir.path()), [dir.path().join(&keys[1])]);
}

#[tokio::test]
async fn of_a_file_that_is_too_large_or_breaks_off_nothing_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (files, (account, conversation)) = (files(&dir), ids());
    let large = files.put(account, conversation, "a", None, chunks(100_000, 11)).await;
    assert_eq!(large.unwrap_err(), Error::BodyTooLarge { max: 1 << 20 });
    let broken = chunks(100_000, 3).chain(stream::iter([Err(Error::BodyTooSlow)]));
    let broken = files.put(account, conversation, "a", None, broken).await;
    assert_eq!(broken.unwrap_err(), Error::BodyTooSlow);
    eventually_empty(dir.path()).await;
}

#[tokio::test]
async fn of_a_file_whose_sender_goes_away_nothing_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (files, (account, conversation)) = (files(&dir), ids());
    let endless = chunks(100_000, 3).chain(stream::pending());
    let mut put = Box::pin(files.put(account, conversation, "a", None, endless));
    // It grows, and then nobody asks for it any more.
    let begun = async {
        while all(dir.path()).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut put => panic!("it has no end"),
        () = begun => {}
    }
    drop(put);
    eventually_empty(dir.path()).await;
}

#[test]
fn what_a_crash_left_is_swept_once_it_is_old() {
    let dir = tempfile::tempdir().unwrap();
    drop(files(&dir));
    let growing = dir.path().join(GROWING);
    for (name, age) in [("young#1", 0), ("old#1", 2 * 60 * 60)] {
        let file = std::fs::File::create(growing.join(name)).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - Duration::from_secs(age)).unwrap();
    }
    drop(files(&dir));
    assert_eq!(all(dir.path()), [growing.join("young#1")]);
}

#[tokio::test]
async fn a_key_leads_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inner");
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    let files = Files::in_directory(inner, limits()).unwrap();
    for key in ["../secret", "/../secret", "ac_1/../../secret", "ac_1/cv_1/none", "", "..", "a\0b"]
    {
        assert!(matches!(files.get(key, None).await, Err(Error::NotFound("file"))), "{key:?}");
    }
}

#[tokio::test]
async fn a_full_disk_takes_no_files() {
    let dir = tempfile::tempdir().unwrap();
    let (account, conversation) = ids();
    let full = Limits { reserve_bytes: u64::MAX, ..limits() };
    let files = Files::in_directory(dir.path().to_owned(), full).unwrap();
    let refused = files.put(account, conversation, "a", None, chunks(1, 1)).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(all(dir.path()).is_empty());
}

#[test]
fn a_location_that_is_none_is_named() {
    for (location, detail) in [
        ("file://relative", "a file URL has three slashes: file:///dir"),
        ("https://example.com/x", "https is neither file nor s3"),
        #[cfg(not(feature = "s3"))]
        ("s3://bucket/prefix", "this parlor was built without the feature s3"),
    ] {
        let error = Files::open(location, limits()).unwrap_err().to_string();
        assert_eq!(error, format!("the files at {location} cannot be opened: {detail}"));
    }
    assert!(Files::open("/dev/null/files", limits()).is_err());
}
