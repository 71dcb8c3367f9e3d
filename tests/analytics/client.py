"""A client that knows what it did: records for the topics, and what they must come to.

The numbers come from the stories themselves, not from the fold: each story says which of its
events count and how long the customer waited.
"""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from fold import Record
from samples import CHANNELS, Story

WAITS = 20


@dataclass
class Told:
    """What the client did."""

    # By topic: (key, record), in the order of each key.
    records: dict[str, list[tuple[str, Record]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    messages: Counter = field(default_factory=Counter)
    escalations: Counter = field(default_factory=Counter)
    discarded: Counter = field(default_factory=Counter)
    duplicates: int = 0
    waits: dict = field(default_factory=lambda: defaultdict(list))

    def counts(self, story: Story, *records: Record, topic: str = "events") -> None:
        """These are written, and count."""
        for record in records:
            self.records[topic].append((story.contact, record))
            day = record.time.date().isoformat()
            direction = {"message.inbound": "inbound", "message.outbound": "outbound"}
            if record.type in direction:
                what = (day, story.account, story.channel, direction[record.type])
                self.messages[what] += 1
            elif record.type == "conversation.escalated":
                self.escalations[day, story.account] += 1

    def discards(self, story: Story, record: Record) -> None:
        """This is written, and a rule discards it."""
        self.records["events"].append((story.contact, record))
        self.discarded[record.type] += 1

    def repeats(self, story: Story, *records: Record, topic: str = "events") -> None:
        """These have counted and are written once more."""
        self.records[topic] += [(story.contact, record) for record in records]
        self.duplicates += len(records)

    def waited(self, story: Story, **seconds: float) -> None:
        """How long until `bot`, `agent` and `either` first replied."""
        for by, wait in seconds.items():
            self.waits[story.account, by].append(wait)


def answered(told: Told, story: Story, wait: float) -> None:
    told.counts(story, story.started(), story.inbound(1), story.reply(1, after_s=wait))
    told.counts(story, story.inbound(2), story.reply(2, after_s=500))
    told.waited(story, bot=wait, either=wait)


def taken_over(told: Told, story: Story) -> None:
    told.counts(story, story.started(), story.inbound(1), story.assigned("Sarah"))
    told.discards(story, story.reply(1))
    told.counts(story, story.discarded(1), story.agent_says(after_s=27), story.resolved())
    told.waited(story, agent=30, either=30)


def overtaken(told: Told, story: Story) -> None:
    told.counts(story, story.started(), story.inbound(1), story.inbound(2))
    told.discards(story, story.reply(2))
    told.counts(story, story.reply(1, after_s=4), story.reply(2))
    told.waited(story, bot=6, either=6)


def answered_by_two_nodes(told: Told, story: Story) -> None:
    told.counts(story, story.started(), story.inbound(1), story.reply(1))
    # It has the same name, so it is one that was written twice.
    told.repeats(story, story.reply(1))
    told.waited(story, bot=1, either=1)


def handed_over(told: Told, story: Story) -> None:
    told.counts(story, story.started(), story.inbound(1), story.reply(1), story.escalated(1))
    told.discards(story, story.escalated(1))
    told.counts(story, story.agent_says(after_s=100))
    told.waited(story, bot=1, agent=103, either=1)


def retried(told: Told, story: Story) -> None:
    batch = [story.started(), story.inbound(1), story.reply(1)]
    told.counts(story, *batch)
    told.repeats(story, *batch)
    told.counts(story, story.inbound(2, after_s=86_400), story.reply(2))
    told.waited(story, bot=1, either=1)


def stopped(told: Told, story: Story) -> None:
    told.counts(story, story.started(), story.inbound(1), story.stopped(1))
    told.discards(story, story.reply(1))
    told.counts(story, story.discarded(1))


def in_two_generations(told: Told, story: Story) -> None:
    started, asked = story.started(), story.inbound(1)
    told.counts(story, started, asked)
    told.repeats(story, asked, topic="events.g2")
    told.counts(story, story.reply(1, after_s=60), topic="events.g2")
    told.waited(story, bot=60, either=60)


def everything(dice: random.Random) -> Told:
    """Every story in two accounts, their events mixed as those of many customers are."""
    told = Told()
    for account in ("ac_one", "ac_two"):
        for number in range(WAITS):
            answered(told, Story(f"answered{number}", account, "web"), wait=number + 1)
        others = [taken_over, overtaken, answered_by_two_nodes, handed_over, retried, stopped]
        for tell in [*others, in_two_generations]:
            for number in range(5):
                name = f"{tell.__name__.replace('_', '')}{number}"
                tell(told, Story(name, account, dice.choice(CHANNELS)))
    for topic, records in told.records.items():
        told.records[topic] = mixed(dice, records)
    return told


def mixed(dice: random.Random, records: list[tuple[str, Record]]) -> list[tuple[str, Record]]:
    """In any order that keeps the order of each key."""
    keys = [key for key, _ in records]
    dice.shuffle(keys)
    queues = defaultdict(list)
    for key, record in records:
        queues[key].append(record)
    return [(key, queues[key].pop(0)) for key in keys]
