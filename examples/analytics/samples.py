"""Records for tests: what a node would write, spelled shortly."""

import hashlib
import itertools
import json
import random
from datetime import UTC, datetime, timedelta

from fold import Record

BEGIN = datetime(2026, 6, 16, 10, tzinfo=UTC)
CHANNELS = ("web", "whatsapp", "telegram", "facebook", "instagram", "email", "api")


def message_id(*name: object) -> str:
    """32 hex digits that follow from a name."""
    return hashlib.sha256(repr(name).encode()).hexdigest()[:32]


class Story:
    """One conversation's events. Each is a second later than the one before."""

    def __init__(self, name: str, account: str = "ac_1", channel: str = "web") -> None:
        self.contact, self.id = f"ct_{name}", f"cv_{name}"
        self.account, self.channel = account, channel
        self._numbers, self._places = itertools.count(1), itertools.count(1)
        self.now = BEGIN

    def event(self, type: str, data: dict, id: str | None = None, after_s: float = 1) -> Record:
        self.now += timedelta(seconds=after_s)
        id = id or f"evt_{message_id(self.account, self.id, next(self._numbers))[:20]}"
        data = {"conversation_id": self.id} | data
        return Record(id, type, self.account, self.now, data, next(self._places))

    def started(self, opening: int | None = None) -> Record:
        data = {"contact_id": self.contact, "channel": self.channel}
        if opening is not None:
            data["opening"] = self.asked(opening)
        return self.event("conversation.started", data)

    def opens(self, number: int) -> Record:
        return self._message("message.inbound", self.asked(number), {"opens": True}, 1)

    def keyed(self, number: int, key: str, seen: int) -> Record:
        """Message `number`, sent with a key by who has seen the events up to a place."""
        asked = {"key": key * 64, "request": "0" * 64, "seen": seen}
        return self._message("message.inbound", self.asked(number), {"idempotency": asked}, 0)

    def deleted(self) -> Record:
        return self.event("conversation.deleted", {})

    def _message(self, type: str, id: str, more: dict, after_s: float) -> Record:
        data = {
            "message_id": id,
            "contact_id": self.contact,
            "channel": self.channel,
            "text": "Hello",
            "language": "en",
        }
        # A message's event is named after the message.
        return self.event(type, data | more, f"evt_{id[:22]}", after_s)

    def asked(self, number: int) -> str:
        return message_id(self.account, self.id, "asked", number)

    def inbound(self, number: int, after_s: float = 1) -> Record:
        return self._message("message.inbound", self.asked(number), {}, after_s)

    def reply(self, number: int, after_s: float = 1) -> Record:
        """The bot's; its id follows from the question's."""
        id = message_id("reply", self.asked(number))
        author = {"type": "bot", "name": "Acme"}
        more = {"author": author, "in_reply_to": self.asked(number)}
        return self._message("message.outbound", id, more, after_s)

    def agent_says(self, agent: str = "Sarah", after_s: float = 1) -> Record:
        id = message_id(self.account, self.id, "agent", next(self._numbers))
        more = {"author": {"type": "agent", "name": agent}, "in_reply_to": None}
        return self._message("message.outbound", id, more, after_s)

    def escalated(self, number: int | None = None) -> Record:
        data = {
            "contact_id": self.contact,
            "contact_name": "Jane",
            "in_reply_to": None if number is None else self.asked(number),
            "trigger_message": None,
            "assigned_agent": None,
        }
        return self.event("conversation.escalated", data)

    def assigned(self, agent: str) -> Record:
        return self.event("conversation.assigned", {"agent": agent})

    def resolved(self) -> Record:
        data = {"contact_id": self.contact, "contact_name": "Jane"}
        return self.event("conversation.resolved", data)

    def reopened(self) -> Record:
        return self.event("conversation.reopened", {})

    def stopped(self, number: int) -> Record:
        reply = message_id("reply", self.asked(number))
        data = {"reply_id": reply, "in_reply_to": self.asked(number)}
        return self.event("reply.stopped", data)

    def discarded(self, number: int) -> Record:
        reply = message_id("reply", self.asked(number))
        data = {"reply_id": reply, "in_reply_to": self.asked(number)}
        return self.event("reply.discarded", data)

    def failed(self, number: int) -> Record:
        data = {"in_reply_to": self.asked(number), "reason": "bot_failed"}
        return self.event("reply.failed", data)

    def word(self, word: str) -> Record:
        """An event by its word in `histories.txt`."""
        kind, rest = word[:2], word[2:]
        match kind:
            case "in":
                return self.inbound(int(rest))
            case "re":
                return self.reply(int(rest))
            case "ag":
                return self.agent_says()
            case "es":
                return self.escalated(int(rest) if rest else None)
            case "as":
                return self.assigned({"S": "Sarah", "T": "Tom"}[rest])
            case "rs":
                return self.resolved()
            case "ro":
                return self.reopened()
            case "st":
                return self.stopped(int(rest))
            case "fa":
                return self.failed(int(rest))
            case "op":
                return self.opens(int(rest))
            case "ka" | "kb":
                number, seen = rest.split("@")
                return self.keyed(int(number), kind[1], int(seen))
            case "de":
                return self.deleted()
        raise ValueError(f"{word} is no word of histories.txt")


def words(dice: random.Random, length: int) -> list[str]:
    """Any history after its start; a message is asked once."""
    kinds = ["in"] * 4 + ["re"] * 5 + ["es", "esn", "ag", "as", "as", "st", "fa", "rs", "rs", "ro"]
    asked, found = 0, []
    while len(found) < length:
        kind = dice.choice(kinds)
        some = dice.randint(max(0, asked - 2), asked)
        match kind:
            case "in":
                found.append(f"in{asked}")
                asked += 1
            case "esn":
                found.append("es")
            case "as":
                found.append(kind + dice.choice("ST"))
            case "re" | "es" | "st" | "fa":
                found.append(f"{kind}{some}")
            case _:
                found.append(kind)
    return found


def headers(record: Record, key: str) -> list[tuple[str, bytes]]:
    """As on the record in Kafka."""
    time = record.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    named = {
        "ce_specversion": "1.0",
        "ce_id": record.id,
        "ce_type": record.type,
        "ce_source": "/parlor",
        "ce_subject": key,
        "ce_time": time,
        "content-type": "application/json",
        "account": record.account,
    }
    internal = ("parlor-append", b"0b6ddc21-5f0c-4c0d-9e52-6a0b5bbdc3a1 3 99 0 0")
    return [(name, text.encode()) for name, text in named.items()] + [internal]


def value(record: Record) -> bytes:
    """As the record's value in Kafka."""
    return json.dumps(record.data).encode()
