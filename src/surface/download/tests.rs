use super::*;

fn file(mime_type: &str, filename: &str) -> Attachment {
    Attachment {
        filename: filename.to_owned(),
        size: 10,
        mime_type: mime_type.to_owned(),
        charset: None,
        sha256: "ab".repeat(32),
        key: "ac_1/cv_1/1".to_owned(),
    }
}

fn headers(all: &[(HeaderName, &str)]) -> HeaderMap {
    all.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
}

#[test]
fn one_range_is_served_and_everything_else_is_the_whole() {
    for (range, expected) in [
        ("bytes=0-3", Asked::Part(0..4)),
        ("bytes=4-", Asked::Part(4..10)),
        ("bytes=9-9", Asked::Part(9..10)),
        ("bytes=0-99", Asked::Part(0..10)),
        ("bytes=0-99999999999999999999999", Asked::Part(0..10)),
        ("bytes=-3", Asked::Part(7..10)),
        ("bytes=-99", Asked::Part(0..10)),
        ("bytes=10-", Asked::Nothing),
        ("bytes=10-12", Asked::Nothing),
        ("bytes=-0", Asked::Nothing),
        ("bytes=99999999999999999999999-", Asked::Nothing),
        ("bytes=3-1", Asked::Whole),
        ("bytes=0-1,3-4", Asked::Whole),
        ("bytes=", Asked::Whole),
        ("bytes=-", Asked::Whole),
        ("bytes=a-b", Asked::Whole),
        ("bytes=+1-2", Asked::Whole),
        ("lines=0-3", Asked::Whole),
        ("0-3", Asked::Whole),
    ] {
        assert_eq!(asked(&headers(&[(header::RANGE, range)]), "\"t\"", 10), expected, "{range}");
    }
    assert_eq!(asked(&headers(&[(header::RANGE, "bytes=0-3")]), "\"t\"", 0), Asked::Nothing);
    let range = (header::RANGE, "bytes=0-3");
    let same = headers(&[range.clone(), (header::IF_RANGE, "\"t\"")]);
    let other = headers(&[range, (header::IF_RANGE, "\"u\"")]);
    assert_eq!(asked(&same, "\"t\"", 10), Asked::Part(0..4));
    assert_eq!(asked(&other, "\"t\"", 10), Asked::Whole);
}

#[test]
fn a_known_tag_is_known_however_it_is_spelled() {
    for (value, known) in [
        ("\"t\"", true),
        ("W/\"t\"", true),
        ("\"a\", \"t\"", true),
        ("*", true),
        ("\"a\"", false),
        ("t", false),
    ] {
        assert_eq!(
            is_known(&headers(&[(header::IF_NONE_MATCH, value)]), "\"t\""),
            known,
            "{value}"
        );
    }
    assert!(!is_known(&headers(&[]), "\"t\""));
}

#[test]
fn only_what_runs_nothing_is_shown_in_place() {
    for (mime_type, how) in [
        ("image/png", "inline"),
        ("application/pdf", "inline"),
        ("text/plain", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("text/xml", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("application/octet-stream", "attachment"),
        ("application/zip", "attachment"),
        ("", "attachment"),
    ] {
        let dressed =
            |wanted| dressed(&file(mime_type, "a"), wanted, "\"t\"", StatusCode::OK, Body::empty());
        let saved = dressed(Disposition::Attachment);
        assert!(
            saved.header(header::CONTENT_DISPOSITION).is_some_and(|how| how.starts_with("att"))
        );
        let response = dressed(Disposition::Inline);
        let text = |name| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(
            text(header::CONTENT_DISPOSITION),
            format!("{how}; filename=\"a\""),
            "{mime_type}"
        );
        assert_eq!(text(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(text(header::CONTENT_SECURITY_POLICY), "sandbox; default-src 'none'");
        assert_eq!(text(header::CACHE_CONTROL), "private");
    }
}

#[test]
fn a_name_is_read_by_old_and_new_browsers() {
    for (name, expected) in [
        ("a b.txt", "attachment; filename=\"a b.txt\""),
        (
            "отчёт.pdf",
            "attachment; filename=\"_____.pdf\"; \
             filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.pdf",
        ),
        (
            "a\"; filename=b.html",
            "attachment; filename=\"a_; filename=b.html\"; \
             filename*=UTF-8''a%22%3B%20filename%3Db.html",
        ),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
    ] {
        assert_eq!(disposition("attachment", name), expected);
    }
}
