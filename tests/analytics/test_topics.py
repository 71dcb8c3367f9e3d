"""count.py against a real Kafka: its numbers are what the client did.

The records are produced as a node produces them: keyed, partitioned by murmur2, idempotent.
"""

import json
import random
import signal
import statistics
import subprocess
import sys
import unittest

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from client import Told, everything
from fold import Record
from samples import Story, headers, value
from services import ROOT, Services, answer

COUNT = ROOT / "examples" / "analytics" / "count.py"
PARTITIONS = {"events": 12, "events.g2": 18, "events.busy": 3, "events.empty": 3}
PATIENCE_S = 60


class Topics(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.services = Services("kafka")
        cls.addClassCleanup(cls.services.close)
        cls.brokers = cls.services.addresses["kafka"]
        # The broker is new: what librdkafka says of it while it waits is no news.
        options = {"bootstrap.servers": cls.brokers, "log_level": 3}
        wanted = [NewTopic(f"parlor.{name}", count, 1) for name, count in PARTITIONS.items()]
        admin = AdminClient(options)
        for made in admin.create_topics(wanted).values():
            made.result(timeout=PATIENCE_S)
        durable = {"enable.idempotence": True, "acks": "all", "partitioner": "murmur2_random"}
        cls.producer = Producer(options | durable | {"linger.ms": 5})
        cls.told = everything(random.Random(7))
        for topic, records in cls.told.records.items():
            cls.produce(topic, records)

    @classmethod
    def produce(cls, topic: str, records: list[tuple[str, Record]]) -> None:
        for key, record in records:
            cls.send(topic, key, headers(record, key), value(record))
        cls.flush()

    @classmethod
    def send(cls, topic: str, key: str, headers: list, value: bytes) -> None:
        def kept(error, _message) -> None:
            if error is not None:
                raise RuntimeError(f"a record was not kept: {error}")

        cls.producer.produce(f"parlor.{topic}", value, key, headers=headers, on_delivery=kept)

    @classmethod
    def flush(cls) -> None:
        if left := cls.producer.flush(PATIENCE_S):
            raise RuntimeError(f"{left} records were not kept in time")

    def command(self, *topics: str, more: tuple[str, ...] = ("--json",)) -> list[str]:
        named = [part for name in topics for part in ("--topic", f"parlor.{name}")]
        return [sys.executable, COUNT, "--brokers", self.brokers, *named, *more]

    def run_count(self, *topics: str, more: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        command = self.command(*topics, more=("--until-end", *more))
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)

    def count(self, *topics: str) -> dict:
        ran = self.run_count(*topics, more=("--json",))
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        return json.loads(ran.stdout)

    def test_its_numbers_are_what_the_client_did(self) -> None:
        report, told = self.count("events", "events.g2"), self.told
        self.assertEqual(report["messages"], messages(told))
        self.assertEqual(report["escalations"], escalations(told))
        self.assertEqual(report["first_replies"], first_replies(told))
        expected = {
            "taken": sum(map(len, told.records.values())),
            "duplicates": told.duplicates,
            "discarded": dict(sorted(told.discarded.items())),
            "unknown": {},
            "invalid": 0,
        }
        self.assertEqual(report["records"], expected)

    def test_a_person_can_read_it(self) -> None:
        ran = self.run_count("events", "events.g2")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        lines = [line.split() for line in ran.stdout.splitlines()]
        waits = self.told.waits["ac_one", "bot"]
        figures = first_replies(self.told)[1]
        row = ["ac_one", "bot", len(waits), figures["median_s"], figures["p95_s"]]
        self.assertIn(list(map(str, row)), lines)

    def test_it_follows_the_topic_and_skips_what_it_cannot_read(self) -> None:
        story = Story("followed")
        started, asked = story.started(), story.inbound(1)
        self.produce("events.busy", [(story.contact, started), (story.contact, asked)])
        with subprocess.Popen(
            self.command("events.busy", more=("--json", "--every", "0")),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                first = json.loads(answer(process, PATIENCE_S))
                self.assertEqual(first["records"]["taken"], 2)
                self.send_what_cannot_be_read(story)
                reply = story.reply(1)
                self.produce("events.busy", [(story.contact, reply)])
                second = json.loads(answer(process, PATIENCE_S))
                waited = (reply.time - asked.time).total_seconds()
                self.assertEqual(second["first_replies"][0]["median_s"], waited)
                process.send_signal(signal.SIGTERM)
                last, complaints = process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()
        self.assertEqual(process.returncode, 0)
        records = json.loads(last)["records"]
        self.assertEqual((records["taken"], records["invalid"]), (3, 1))
        self.assertEqual(records["unknown"], {"conversation.summarised": 1})
        self.assertIn("message.inbound: $: 'text' is a required property", complaints)

    def send_what_cannot_be_read(self, story: Story) -> None:
        later = story.event("conversation.summarised", {"summary": "A greeting."})
        broken = story.inbound(2)
        del broken.data["text"]
        for record in (later, broken):
            head = headers(record, story.contact)
            self.send("events.busy", story.contact, head, value(record))

    def test_an_empty_topic_is_read_to_its_end(self) -> None:
        report = self.count("events.empty")
        self.assertEqual((report["messages"], report["records"]["taken"]), ([], 0))

    def test_a_topic_that_is_not_there_is_an_error(self) -> None:
        ran = self.run_count("evnets")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertIn("Unknown topic", ran.stderr)


def messages(told: Told) -> list[dict]:
    fields = ("day", "account", "channel", "direction")
    rows = sorted(told.messages.items())
    return [dict(zip(fields, what)) | {"messages": number} for what, number in rows]


def escalations(told: Told) -> list[dict]:
    rows = sorted(told.escalations.items())
    return [dict(day=day, account=account, escalations=n) for (day, account), n in rows]


def first_replies(told: Told) -> list[dict]:
    return [
        {
            "account": account,
            "by": by,
            "conversations": len(waits),
            "median_s": float(statistics.median(waits)),
            # The smallest wait that 95 of 100 did not exceed.
            "p95_s": float(min(w for w in waits if sum(v <= w for v in waits) >= 0.95 * len(waits))),
        }
        for (account, by), waits in sorted(told.waits.items())
    ]


if __name__ == "__main__":
    unittest.main()
