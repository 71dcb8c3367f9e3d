//! An event as a Kafka record: CloudEvents 1.0 in binary mode, and back.
//!
//! The value is the event's `data` as JSON; all else is in headers, so that a reader can choose by
//! header without parsing. `openapi/asyncapi.yaml` tells readers the same.

use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};

use super::super::append::applied::Tag;
use crate::domain::event::{Body, Event, Received};
use crate::domain::ids::StreamKey;
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;

const SPEC_VERSION: &str = "ce_specversion";
const ID: &str = "ce_id";
const TYPE: &str = "ce_type";
const SOURCE: &str = "ce_source";
const SUBJECT: &str = "ce_subject";
const TIME: &str = "ce_time";
const CONTENT_TYPE: &str = "content-type";
const ACCOUNT: &str = "account";
/// Who waits for the event; ours alone.
const APPEND: &str = "parlor-append";

/// Bits of a [`Seq`] that are the offset; the topic's generation stands above them.
const OFFSET_BITS: u32 = 40;

/// The partition of a key: Java's murmur2, as every Kafka client can compute it.
pub fn partition_of(key: StreamKey, partitions: u32) -> u32 {
    const KAFKA_SEED: u32 = 0x9747_b28c;
    const POSITIVE: u32 = 0x7fff_ffff;
    (murmur2::murmur2(key.to_string().as_bytes(), KAFKA_SEED) & POSITIVE) % partitions.max(1)
}

/// The position of an offset in a generation of the topic (from 1).
pub fn seq_of(generation: u32, offset: i64) -> Seq {
    Seq::new((u64::from(generation) << OFFSET_BITS) | u64::try_from(offset).unwrap_or(0))
}

/// The generation and the offset of a position.
pub fn place_of(seq: Seq) -> (u32, i64) {
    let generation = u32::try_from(seq.get() >> OFFSET_BITS).unwrap_or(u32::MAX);
    let offset = seq.get() & ((1 << OFFSET_BITS) - 1);
    (generation, i64::try_from(offset).unwrap_or(0))
}

/// The headers of an event's record.
pub(in super::super) fn headers(event: &Event, tag: &Tag) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new_with_capacity(9);
    let texts = [
        (SPEC_VERSION, "1.0".to_owned()),
        (ID, event.id.to_string()),
        (TYPE, event.body.name().to_owned()),
        (SOURCE, "/parlor".to_owned()),
        (SUBJECT, event.key.to_string()),
        (TIME, event.at.to_string()),
        (CONTENT_TYPE, "application/json".to_owned()),
        (ACCOUNT, event.account.to_string()),
    ];
    for (key, value) in &texts {
        headers = headers.insert(Header { key, value: Some(value.as_str()) });
    }
    headers.insert(Header { key: APPEND, value: Some(tag.to_text().as_str()) })
}

/// Why a record is not an event of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum Unreadable {
    #[error("no valid header {0}")]
    Header(&'static str),
    #[error("unknown event type {0}")]
    Type(String),
    #[error("data: {0}")]
    Data(String),
}

/// The event of a record, and who waits for it.
pub(in super::super) fn event_of(
    message: &BorrowedMessage<'_>,
) -> Result<(Event, Option<Tag>), Unreadable> {
    let headers = message.headers().ok_or(Unreadable::Header(TYPE))?;
    let pairs = headers.iter().map(|header| (header.key, header.value.unwrap_or_default()));
    read(pairs, message.key().unwrap_or_default(), message.payload().unwrap_or_default())
}

fn read<'a>(
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    key: &[u8],
    value: &[u8],
) -> Result<(Event, Option<Tag>), Unreadable> {
    let (mut id, mut name, mut at, mut account, mut tag) = (None, None, None, None, None);
    for (header, value) in headers {
        if header == APPEND {
            tag = Tag::from_header(value);
            continue;
        }
        let text = std::str::from_utf8(value).unwrap_or_default();
        match header {
            ID => id = text.parse().ok(),
            TYPE => name = Some(text),
            TIME => at = Timestamp::parse(text),
            ACCOUNT => account = text.parse().ok(),
            _ => {}
        }
    }
    let name = name.ok_or(Unreadable::Header(TYPE))?;
    let data = std::str::from_utf8(value).map_err(|error| Unreadable::Data(error.to_string()))?;
    let body = Body::read(name, data)
        .ok_or_else(|| Unreadable::Type(name.to_owned()))?
        .map_err(|error| Unreadable::Data(error.to_string()))?;
    let key = std::str::from_utf8(key).ok().and_then(|key| key.parse().ok());
    let event = Event {
        id: id.ok_or(Unreadable::Header(ID))?,
        at: at.ok_or(Unreadable::Header(TIME))?,
        account: account.ok_or(Unreadable::Header(ACCOUNT))?,
        key: key.ok_or(Unreadable::Header(SUBJECT))?,
        body,
        received: Received::from_json(data).map_err(|error| Unreadable::Data(error.to_string()))?,
    };
    Ok((event, tag))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::event::FailureReason;
    use crate::domain::ids::{ContactId, Id as _};

    fn examples() -> Vec<Event> {
        let lines = include_str!("../../../../tests/it/events.v1.jsonl").lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_type_of_event_is_read_back_as_written() {
        for event in examples() {
            let tag = Tag { node: Uuid::from_u128(7), inbox: 3, append: 99, index: 2, more: true };
            let headers = headers(&event, &tag);
            let pairs: Vec<_> = (headers.iter())
                .map(|header| (header.key, header.value.unwrap_or_default()))
                .collect();
            assert!(
                pairs.iter().all(|(_, value)| std::str::from_utf8(value).is_ok()),
                "every header is text"
            );
            let key = event.key.to_string();
            let data = event.body.data_json().unwrap();
            let found = read(pairs.into_iter(), key.as_bytes(), &data);
            assert_eq!(found, Ok((event, Some(tag))));
        }
    }

    #[test]
    fn what_this_release_does_not_know_is_written_down_as_it_came() {
        let event = examples().remove(0);
        let tag = Tag { node: Uuid::nil(), inbox: 0, append: 1, index: 0, more: false };
        let headers = headers(&event, &tag);
        let pairs = headers.iter().map(|header| (header.key, header.value.unwrap_or_default()));
        let mut data: serde_json::Value =
            serde_json::from_slice(&event.body.data_json().unwrap()).unwrap();
        data["of_a_later_release"] = serde_json::json!({ "kept": [1, 2] });
        let text = data.to_string();
        let key = event.key.to_string();
        let (found, _) = read(pairs, key.as_bytes(), text.as_bytes()).unwrap();
        assert_eq!(found, event);
        let written = serde_json::to_value(&found).unwrap();
        assert_eq!(written["data"], data);
    }

    #[test]
    fn a_turn_that_failed_for_a_reason_of_a_later_release_has_failed() {
        let fails = |event: &Event| matches!(event.body, Body::ReplyFailed(_));
        let event = examples().into_iter().find(fails).unwrap();
        let tag = Tag { node: Uuid::nil(), inbox: 0, append: 1, index: 0, more: false };
        let headers = headers(&event, &tag);
        let pairs = headers.iter().map(|header| (header.key, header.value.unwrap_or_default()));
        let mut data: serde_json::Value =
            serde_json::from_slice(&event.body.data_json().unwrap()).unwrap();
        data["reason"] = "of_a_later_release".into();
        let key = event.key.to_string();
        let (found, _) = read(pairs, key.as_bytes(), data.to_string().as_bytes()).unwrap();
        let Body::ReplyFailed(failed) = &found.body else { panic!("{found:?}") };
        assert_eq!(failed.reason, FailureReason::BotFailed);
        // What is written down is what came.
        assert_eq!(serde_json::to_value(&found).unwrap()["data"], data);
    }

    /// From Kafka's own tests of its partitioner (`UtilsTest.testMurmur2`).
    #[test]
    fn the_hash_is_kafkas() {
        let hash = |text: &str| murmur2::murmur2(text.as_bytes(), 0x9747_b28c).cast_signed();
        assert_eq!(hash("21"), -973_932_308);
        assert_eq!(hash("foobar"), -790_332_482);
        assert_eq!(hash("a-little-bit-long-string"), -985_981_536);
    }

    proptest! {
        #[test]
        fn a_position_is_a_generation_and_an_offset(generation in 1u32..8_000, offset in 0i64..1 << 39) {
            prop_assert_eq!(place_of(seq_of(generation, offset)), (generation, offset));
            prop_assert!(seq_of(generation, offset) > Seq::START);
        }

        #[test]
        fn a_key_has_one_partition_that_exists(bits in any::<u128>(), partitions in 1u32..64) {
            let key = StreamKey::Contact(ContactId::from_uuid(Uuid::from_u128(bits)));
            prop_assert!(partition_of(key, partitions) < partitions);
            prop_assert_eq!(partition_of(key, partitions), partition_of(key, partitions));
        }

        #[test]
        fn no_record_is_too_strange_to_be_refused(
            headers in proptest::collection::vec(("(ce_id|ce_type|ce_time|account|x)", any::<Vec<u8>>()), 0..8),
            key in any::<Vec<u8>>(),
            value in any::<Vec<u8>>(),
        ) {
            let pairs = headers.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
            let _ = read(pairs, &key, &value);
        }
    }
}
