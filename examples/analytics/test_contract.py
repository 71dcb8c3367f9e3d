"""The contract: every event we know is read, and nothing else is."""

import json
import unittest
from pathlib import Path

from contract import DOCUMENT, Contract, Invalid, Unknown
from fold import Fold
from samples import Story, headers, value

EXAMPLES = Path(__file__).resolve().parents[2] / "tests" / "it" / "events.v1.jsonl"
ADMINISTRATION = ("account.", "key.", "bot.", "agent.", "settings.", "secret.")


def examples() -> list[dict]:
    return [json.loads(line) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()]


def as_headers(event: dict) -> list[tuple[str, bytes]]:
    named = {
        "ce_specversion": "1.0",
        "ce_id": event["id"],
        "ce_type": event["type"],
        "ce_source": "/parlor",
        "ce_subject": event["key"],
        "ce_time": event["at"],
        "content-type": "application/json",
        "account": event["account"],
    }
    return [(name, text.encode()) for name, text in named.items()]


class Reading(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        document = DOCUMENT.read_text(encoding="utf-8")
        cls.events, cls.accounts = Contract(document), Contract(document, "accounts")

    def setUp(self) -> None:
        story = Story("1")
        story.started()
        record = story.inbound(1)
        self.headers, self.data = dict(headers(record, story.contact)), record.data

    def read(self, **changed: object) -> None:
        data = self.data | changed
        self.events.read(list(self.headers.items()), json.dumps(data).encode())

    def test_every_example_is_read_as_it_was_written(self) -> None:
        for event in examples():
            of_accounts = event["type"].startswith(ADMINISTRATION)
            contract = self.accounts if of_accounts else self.events
            record = contract.read(as_headers(event), json.dumps(event["data"]).encode())
            self.assertEqual((record.id, record.type), (event["id"], event["type"]))
            self.assertEqual(record.time.isoformat()[:19], event["at"][:19])
            self.assertEqual(record.data, event["data"])

    def test_administration_is_no_event_of_conversations(self) -> None:
        event = examples()[0]
        with self.assertRaises(Unknown) as raised:
            self.events.read(as_headers(event), json.dumps(event["data"]).encode())
        self.assertEqual(str(raised.exception), "account.created")

    def test_the_samples_keep_the_contract(self) -> None:
        for word in "in1 re1 ag es es1 asS rs ro st1 fa1 ka1@1".split():
            story = Story("1")
            for record in (story.started(), story.word(word)):
                named = headers(record, story.contact)
                read = self.events.read(named, value(record), record.place)
                self.assertEqual(read, record)

    def test_a_later_field_and_a_later_header_are_ignored(self) -> None:
        self.headers["ce_traceparent"] = b"00-1"
        self.read(mood="glad")

    def test_what_is_internal_may_be_no_text(self) -> None:
        self.headers["parlor-append"] = bytes(range(240, 256))
        self.read()

    def test_a_later_type_is_told_apart_from_a_broken_record(self) -> None:
        self.headers["ce_type"] = b"conversation.summarised"
        with self.assertRaises(Unknown):
            self.read()

    def test_a_record_without_a_required_header_is_invalid(self) -> None:
        for name in list(self.headers):
            if name == "parlor-append":
                continue
            text = self.headers.pop(name)
            with self.assertRaises(Invalid, msg=name):
                self.read()
            self.headers[name] = text

    def test_a_payload_that_breaks_its_schema_is_invalid(self) -> None:
        for changed in (
            {"text": None},
            {"message_id": "A1"},
            {"channel": "carrier pigeon"},
            {"conversation_id": "ct_1"},
        ):
            with self.assertRaises(Invalid, msg=str(changed)):
                self.read(**changed)

    def test_what_is_no_event_at_all_is_invalid(self) -> None:
        named = list(self.headers.items())
        for broken in (None, b"", b"{", b"[]", b"\xff"):
            with self.assertRaises(Invalid, msg=str(broken)):
                self.events.read(named, broken)
        with self.assertRaises(Invalid):
            self.events.read(None, b"{}")
        with self.assertRaises(Invalid):
            self.events.read([("ce_id", b"evt_1")], b"{}")
        self.headers["ce_subject"] = b"ct_\xff"
        with self.assertRaises(Invalid):
            self.read()
        self.headers["ce_subject"] = None
        with self.assertRaises(Invalid):
            self.read()
        self.headers["ce_subject"] = b"ct_1"
        self.headers["ce_time"] = b"2026-02-31T10:00:00.000Z"
        with self.assertRaises(Invalid, msg="there is no such day"):
            self.read()

    def test_what_is_read_can_be_folded(self) -> None:
        fold = Fold()
        messages = 0
        for event in examples():
            if not event["type"].startswith(ADMINISTRATION):
                data = json.dumps(event["data"]).encode()
                fold.take(self.events.read(as_headers(event), data))
                messages += event["type"].startswith("message.")
        self.assertEqual(sum(row["messages"] for row in fold.report()["messages"]), messages)


if __name__ == "__main__":
    unittest.main()
