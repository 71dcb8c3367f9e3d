"""What the events of `parlor.events` come to: which of them count, and what they add up to.

Pure: no Kafka, no clock. `Fold.take` is given records in the order of each partition; how the
partitions are interleaved makes no difference. The rules are those of the channel `events` in
`openapi/asyncapi.yaml`, and `histories.txt` holds them against the nodes' own.
"""

import math
import statistics
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# Who answers a conversation. An agent's name stands for people, too.
BOT = object()
WAITING = object()


@dataclass(frozen=True)
class Record:
    """One event: the headers that matter and the payload."""

    id: str
    type: str
    account: str
    time: datetime
    data: dict
    # Where it stands: `generation << 40 | offset`.
    place: int = 0


# How many keys of messages are known at most, and for how long.
KEYS = 256
KEPT = timedelta(seconds=5)


@dataclass
class Conversation:
    """What has to be known of a conversation to say whether its next event counts."""

    channel: str
    # The one message that may say `opens`.
    opening: str | None = None
    handling: object = BOT
    resolved: bool = False
    deleted: bool = False
    # Messages that the bot owes an answer, oldest first.
    owed: list[str] = field(default_factory=list)
    last_answered: str | None = None
    last_stopped: str | None = None
    # The keys of its newest messages, with their places and times; and where the last one stands that is forgotten.
    keys: deque[tuple[int, datetime, str]] = field(default_factory=deque)
    forgotten: int = 0
    # When the customer first wrote, and when a bot and an agent first answered.
    first_asked: datetime | None = None
    first_replies: dict[str, datetime] = field(default_factory=dict)

    def apply(self, record: Record) -> bool:
        """Folds one event in; says whether it counts."""
        if self.deleted or record.type == "message.inbound" and not self._may_stand(record):
            return False
        rule = self.RULES.get(record.type)
        return rule is None or rule(self, record.data)

    def _may_stand(self, record: Record) -> bool:
        """Whether it opens what it may, and no message has its key that its sender had not seen."""
        if record.data.get("opens") and record.data["message_id"] != self.opening:
            return False
        asked = record.data.get("idempotency") or {}
        if asked.get("seen") is None:
            return True
        seen, key = asked["seen"], asked["key"]
        if seen < self.forgotten or any(place > seen and key == one for place, _, one in self.keys):
            return False
        while self.keys and (len(self.keys) >= KEYS or record.time - self.keys[0][1] > KEPT):
            self.forgotten = self.keys.popleft()[0]
        self.keys.append((record.place, record.time, key))
        return True

    def _inbound(self, data: dict) -> bool:
        self._reopened(data)
        if self.handling is BOT:
            self.owed.append(data["message_id"])
        return True

    def _outbound(self, data: dict) -> bool:
        author = data["author"]
        if author["type"] == "agent":
            self._people(author["name"])
            self.resolved = False
            return True
        question = data.get("in_reply_to")
        if author["type"] != "bot" or self.handling is not BOT:
            return False
        if not self.owed or self.owed[0] != question:
            return False
        self.owed.pop(0)
        self.last_answered = question
        return True

    def _escalated(self, data: dict) -> bool:
        question = data.get("in_reply_to")
        may = question is None or question in self.owed or question == self.last_answered
        if self.handling is not BOT or not may:
            return False
        self._people(WAITING)
        return True

    def _assigned(self, data: dict) -> bool:
        if self.handling == data["agent"] and not self.resolved:
            return False
        self._people(data["agent"])
        self.resolved = False
        return True

    def _resolved(self, _data: dict) -> bool:
        if self.resolved:
            return False
        self.resolved = True
        self.owed.clear()
        return True

    def _reopened(self, _data: dict) -> bool:
        if not self.resolved:
            return False
        self.resolved = False
        self.handling = BOT
        return True

    def _deleted(self, _data: dict) -> bool:
        self.deleted = True
        self.owed.clear()
        return True

    def _stopped(self, data: dict) -> bool:
        question = data["in_reply_to"]
        after_a_part = question == self.last_answered and question != self.last_stopped
        if not self._close(question) and not after_a_part:
            return False
        self.last_stopped = question
        return True

    def _failed(self, data: dict) -> bool:
        return self._close(data["in_reply_to"])

    def _people(self, who: object) -> None:
        self.handling = who
        self.owed.clear()

    def _close(self, question: str) -> bool:
        if question not in self.owed:
            return False
        self.owed.remove(question)
        return True

    # What is not listed changes nothing here.
    RULES = {
        "message.inbound": _inbound,
        "message.outbound": _outbound,
        "conversation.escalated": _escalated,
        "conversation.assigned": _assigned,
        "conversation.resolved": _resolved,
        "conversation.reopened": _reopened,
        "conversation.deleted": _deleted,
        "reply.stopped": _stopped,
        "reply.failed": _failed,
    }


class Fold:
    """The figures, as of the records taken so far."""

    def __init__(self) -> None:
        self.taken = 0
        self.duplicates = 0
        self.discarded: Counter[str] = Counter()
        self._counted: set[str] = set()
        self._conversations: dict[tuple[str, str], Conversation] = {}
        self._messages: Counter[tuple[str, str, str, str]] = Counter()
        self._escalations: Counter[tuple[str, str]] = Counter()

    def take(self, record: Record) -> bool:
        """Takes the next record of a partition; says whether it counts."""
        self.taken += 1
        if record.id in self._counted:
            self.duplicates += 1
            return False
        id = record.data.get("conversation_id")
        if id is not None and not self._apply((record.account, id), record):
            self.discarded[record.type] += 1
            return False
        self._counted.add(record.id)
        return True

    def _apply(self, key: tuple[str, str], record: Record) -> bool:
        conversation = self._conversations.get(key)
        if record.type == "conversation.started":
            if conversation is None:
                opening = record.data.get("opening")
                self._conversations[key] = Conversation(record.data["channel"], opening)
            return conversation is None
        if conversation is None or not conversation.apply(record):
            return False
        self._add(conversation, record)
        return True

    def _add(self, conversation: Conversation, record: Record) -> None:
        day, account = record.time.date().isoformat(), record.account
        match record.type:
            case "message.inbound":
                self._messages[day, account, record.data["channel"], "inbound"] += 1
                if conversation.first_asked is None:
                    conversation.first_asked = record.time
            case "message.outbound":
                self._messages[day, account, record.data["channel"], "outbound"] += 1
                author = record.data["author"]["type"]
                if conversation.first_asked is not None:
                    conversation.first_replies.setdefault(author, record.time)
            case "conversation.escalated":
                self._escalations[day, account] += 1

    def report(self) -> dict:
        """The figures, sorted: the same for every interleaving of the partitions."""
        return {
            "messages": [
                dict(zip(("day", "account", "channel", "direction"), key)) | {"messages": n}
                for key, n in sorted(self._messages.items())
            ],
            "escalations": [
                {"day": day, "account": account, "escalations": n}
                for (day, account), n in sorted(self._escalations.items())
            ],
            "first_replies": self._first_replies(),
            "records": {
                "taken": self.taken,
                "duplicates": self.duplicates,
                "discarded": dict(sorted(self.discarded.items())),
            },
        }

    def _first_replies(self) -> list[dict]:
        waits: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for (account, _), conversation in self._conversations.items():
            asked, replies = conversation.first_asked, conversation.first_replies
            for author, replied in replies.items():
                waits[account, author].append(wait(asked, replied))
            if replies:
                waits[account, "either"].append(wait(asked, min(replies.values())))
        return [
            {
                "account": account,
                "by": author,
                "conversations": len(seconds),
                "median_s": round(statistics.median(seconds), 3),
                "p95_s": round(percentile(seconds, 95), 3),
            }
            for (account, author), seconds in sorted(waits.items())
        ]


def wait(asked: datetime, replied: datetime) -> float:
    """Seconds; never negative, though two nodes' clocks may disagree."""
    return max(0.0, (replied - asked).total_seconds())


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed (nearest rank)."""
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]
