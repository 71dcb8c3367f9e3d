"""The fold: which events count, what they add up to, and what must not make a difference."""

import json
import random
import unittest
from datetime import datetime
from pathlib import Path

from fold import Fold, Record, percentile
from samples import BEGIN, CHANNELS, Story, words

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "tests" / "it" / "events.v1.jsonl"
HISTORIES = HERE / "histories.txt"


def folded(records: list[Record]) -> Fold:
    fold = Fold()
    for record in records:
        fold.take(record)
    return fold


def figures(fold: Fold) -> dict:
    """What is reported of the conversations, without what is said of the records."""
    report = fold.report()
    del report["records"]
    return report


def number(fold: Fold, direction: str) -> int:
    rows = fold.report()["messages"]
    return sum(row["messages"] for row in rows if row["direction"] == direction)


class Rules(unittest.TestCase):
    def test_each_history_counts_what_the_nodes_count(self) -> None:
        lines = [
            line
            for line in HISTORIES.read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")
        ]
        self.assertGreater(len(lines), 100)
        for line in lines:
            story, fold, marked = Story("1"), Fold(), []
            fold.take(story.started())
            for word in (word.lstrip("-") for word in line.split()):
                counts = fold.take(story.word(word))
                marked.append(word if counts else f"-{word}")
            self.assertEqual(" ".join(marked), line)

    def test_what_comes_before_the_start_does_not_count(self) -> None:
        story = Story("1")
        fold = folded([story.inbound(1), story.started(), story.inbound(2), story.started()])
        self.assertEqual(number(fold, "inbound"), 1)
        discarded = {"message.inbound": 1, "conversation.started": 1}
        self.assertEqual(fold.discarded, discarded)

    def test_a_reply_that_came_too_early_counts_when_it_comes_again(self) -> None:
        story = Story("1")
        early, late = story.reply(2), story.reply(2)
        self.assertEqual(early.id, late.id, "a reply is named after its question")
        begun = [story.started(), story.inbound(1), story.inbound(2)]
        fold = folded([*begun, early, story.reply(1), late])
        self.assertEqual((number(fold, "outbound"), fold.duplicates), (2, 0))

    def test_of_several_openers_the_one_that_is_named_counts(self) -> None:
        story = Story("1")
        fold = folded([story.started(opening=2), story.opens(1), story.opens(2), story.reply(2)])
        self.assertEqual(number(fold, "inbound"), 1)
        self.assertEqual(fold.report()["records"]["discarded"], {"message.inbound": 1})

    def test_one_id_means_two_conversations_in_two_accounts(self) -> None:
        one, other = Story("1", "ac_1"), Story("1", "ac_2")
        fold = folded([one.started(), one.inbound(1), other.inbound(1)])
        self.assertEqual(number(fold, "inbound"), 1, "the other's has not started")


class Figures(unittest.TestCase):
    def test_the_example_events_come_to_this(self) -> None:
        records = []
        for line in EXAMPLES.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            time = datetime.fromisoformat(event["at"])
            id, type, account = event["id"], event["type"], event["account"]
            records.append(Record(id, type, account, time, event["data"]))
        fold = folded(records)
        shared = {"day": "2026-06-16", "account": "ac_1", "channel": "whatsapp"}
        # The one that its opener names, and a reply a second later.
        later = {"day": "2026-11-21", "account": "ac_1", "channel": "web"}
        spoken = {"day": "2026-11-21", "account": "ac_1", "channel": "api"}
        wait = {"account": "ac_1", "conversations": 1}
        both = {"account": "ac_1", "conversations": 2}
        expected = {
            "messages": [
                shared | {"direction": "inbound", "messages": 2},
                # The reply, the part of a reply, and the agent's.
                shared | {"direction": "outbound", "messages": 3},
                spoken | {"direction": "inbound", "messages": 1},
                later | {"direction": "inbound", "messages": 1},
                later | {"direction": "outbound", "messages": 1},
            ],
            # Both come when an agent has written already.
            "escalations": [],
            "first_replies": [
                wait | {"by": "agent", "median_s": 7.0, "p95_s": 7.0},
                both | {"by": "bot", "median_s": 3.0, "p95_s": 5.0},
                both | {"by": "either", "median_s": 3.0, "p95_s": 5.0},
            ],
        }
        self.assertEqual(figures(fold), expected)
        discarded = {"conversation.assigned": 1, "conversation.escalated": 2, "reply.failed": 4}
        self.assertEqual(fold.discarded, discarded)
        self.assertEqual(fold.taken, len(records))

    def test_the_first_reply_is_the_first_that_counts(self) -> None:
        story = Story("1")
        begun = [story.started(), story.inbound(1), story.assigned("Sarah")]
        late = story.reply(1, after_s=10)
        fold = folded([*begun, late, story.agent_says(after_s=30), story.agent_says(after_s=600)])
        (agent, either) = figures(fold)["first_replies"]
        self.assertEqual((agent["by"], agent["median_s"]), ("agent", 41.0))
        self.assertEqual((either["by"], either["median_s"]), ("either", 41.0))

    def test_an_agent_who_writes_first_has_answered_nothing(self) -> None:
        story = Story("1")
        fold = folded([story.started(), story.agent_says(), story.inbound(1)])
        self.assertEqual(figures(fold)["first_replies"], [])

    def test_a_wait_is_never_negative(self) -> None:
        story = Story("1")
        fold = folded([story.started(), story.inbound(1), story.reply(1, after_s=-5)])
        self.assertEqual(figures(fold)["first_replies"][0]["median_s"], 0.0)

    def test_a_day_is_the_day_in_utc(self) -> None:
        story = Story("1")
        fold = folded([story.started(), story.inbound(1), story.inbound(2, after_s=14 * 3600)])
        days = [row["day"] for row in figures(fold)["messages"]]
        self.assertEqual(days, ["2026-06-16", "2026-06-17"])

    def test_a_percentile_is_one_of_the_values(self) -> None:
        values = [float(n) for n in range(100, 0, -1)]
        self.assertEqual(percentile(values, 95), 95.0)
        self.assertEqual(percentile([3.0], 95), 3.0)
        self.assertEqual(percentile([1.0, 2.0], 95), 2.0)


def partitions(dice: random.Random) -> list[list[Record]]:
    """Partitions with some conversations each; a conversation's events are in order in one."""
    found = []
    for partition in range(dice.randint(1, 4)):
        stories = []
        for place in range(dice.randint(1, 4)):
            account, channel = f"ac_{dice.randint(1, 2)}", dice.choice(CHANNELS)
            story = Story(f"{partition}x{place}", account, channel)
            any_words = words(dice, dice.randint(0, 20))
            stories.append([story.started()] + [story.word(word) for word in any_words])
        found.append(interleaved(dice, stories))
    return found


def interleaved(dice: random.Random, queues: list[list[Record]]) -> list[Record]:
    """All of them, the order of each kept."""
    left, merged = [list(queue) for queue in queues if queue], []
    while left:
        queue = dice.choice(left)
        merged.append(queue.pop(0))
        left = [queue for queue in left if queue]
    return merged


def repeated(dice: random.Random, partition: list[Record]) -> list[Record]:
    """With records that count written once more, anywhere later in the same partition."""
    fold, places = Fold(), []
    for place, record in enumerate(partition):
        if fold.take(record) and dice.random() < 0.3:
            places.append((dice.randint(place + 1, len(partition)), record))
    again = list(partition)
    for place, record in sorted(places, key=lambda one: one[0], reverse=True):
        again.insert(place, record)
    return again


class NoDifference(unittest.TestCase):
    """What Kafka may do to the records on the way must not change the figures."""

    def setUp(self) -> None:
        self.something = 0

    def each(self):
        for seed in range(300):
            with self.subTest(seed=seed):
                dice = random.Random(seed)
                logs = partitions(dice)
                plain = figures(folded([record for log in logs for record in log]))
                self.something += len(plain["messages"])
                yield dice, logs, plain
        self.assertGreater(self.something, 1_000, "the histories say something")

    def test_how_partitions_are_interleaved(self) -> None:
        for dice, logs, plain in self.each():
            self.assertEqual(figures(folded(interleaved(dice, logs))), plain)

    def test_records_that_are_written_twice(self) -> None:
        twice = 0
        for dice, logs, plain in self.each():
            logs = [repeated(dice, log) for log in logs]
            fold = folded(interleaved(dice, logs))
            self.assertEqual(figures(fold), plain)
            twice += fold.duplicates
        self.assertGreater(twice, 1_000, "records were repeated")

    def test_the_whole_log_read_twice(self) -> None:
        for _, logs, _ in self.each():
            fold = Fold()
            for log in logs:
                counted = [record for record in log if fold.take(record)]
                before = figures(fold)
                for record in counted:
                    self.assertFalse(fold.take(record))
                self.assertEqual(figures(fold), before)

    def test_events_of_contacts_and_types_without_figures(self) -> None:
        for dice, logs, plain in self.each():
            time, data = BEGIN, {"contact_id": "ct_1", "changed_fields": ["name"]}
            more = [
                Record(f"evt_c{n}", "contact.updated", "ac_1", time, data) for n in range(5)
            ]
            self.assertEqual(figures(folded(interleaved(dice, [*logs, more]))), plain)


if __name__ == "__main__":
    unittest.main()
