"""Counts what is in Parlor's event topic: messages, escalations, time to the first reply.

    python count.py --brokers localhost:9092 --topic parlor.events --until-end
"""

import argparse
import json
import logging
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from contract import DOCUMENT, Contract, Invalid, Unknown
from fold import Fold

# How long a broker may be silent before the end of the topic is reached.
PATIENCE_S = 30.0
BATCH = 1_000
# A batch is as many records as come within this.
BATCH_S = 0.2
SHOWN_PROBLEMS = 5
# What does not mend itself; librdkafka goes on trying after all other errors.
FINAL = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError._AUTO_OFFSET_RESET,
    KafkaError._AUTHENTICATION,
}


class Topic:
    """A topic, read from its beginning and without a consumer group: nothing is committed."""

    def __init__(self, brokers: str, name: str, options: dict[str, str]) -> None:
        self.name = name
        # librdkafka repeats itself for as long as a broker is away; the exceptions say the same once.
        silent = logging.Logger("librdkafka")
        silent.addHandler(logging.NullHandler())
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                # librdkafka wants one; it is never joined.
                "group.id": "analytics-count",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                # Records that are gone must not be skipped in silence.
                "auto.offset.reset": "error",
            }
            | options,
            logger=silent,
        )
        about = self._consumer.list_topics(name, timeout=PATIENCE_S).topics[name]
        if about.error is not None:
            raise KafkaException(about.error)
        self._unfinished = set(about.partitions)
        self._heard_at = time.monotonic()
        self._consumer.assign(
            [TopicPartition(name, number, OFFSET_BEGINNING) for number in about.partitions]
        )

    def batch(self) -> list[Message]:
        """The next records, in the order of each partition; none where nothing came for a moment."""
        records = []
        for message in self._consumer.consume(BATCH, timeout=BATCH_S):
            error = message.error()
            if error is None:
                records.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._unfinished.discard(message.partition())
            elif error.fatal() or error.code() in FINAL:
                raise KafkaException(error)
            else:
                continue
            self._heard_at = time.monotonic()
        if self._unfinished and time.monotonic() - self._heard_at > PATIENCE_S:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return records

    def at_end(self) -> bool:
        """Whether every partition has been read to where its end was once."""
        return not self._unfinished

    def close(self) -> None:
        self._consumer.close()


def place_of(topic: str, offset: int) -> int:
    """Where a record stands among all of its partition, older generations too."""
    generation = re.search(r"\.g([0-9]+)$", topic)
    return (int(generation[1]) if generation else 1) << 40 | offset


class Count:
    """The fold, and what could not be folded."""

    def __init__(self, contract: Contract) -> None:
        self.fold = Fold()
        self.unknown: Counter[str] = Counter()
        self.invalid = 0
        self._contract = contract

    def take(self, message: Message) -> None:
        try:
            place = place_of(message.topic(), message.offset())
            self.fold.take(self._contract.read(message.headers(), message.value(), place))
        except Unknown as unknown:
            self.unknown[str(unknown)] += 1
        except Invalid as problem:
            self.invalid += 1
            if self.invalid <= SHOWN_PROBLEMS:
                place = f"{message.topic()}[{message.partition()}]@{message.offset()}"
                print(f"skipped {place}: {problem}", file=sys.stderr)

    def report(self) -> dict:
        report = self.fold.report()
        report["records"]["unknown"] = dict(sorted(self.unknown.items()))
        report["records"]["invalid"] = self.invalid
        return report


def table(rows: list[dict]) -> str:
    """Rows as aligned columns; numbers to the right."""
    if not rows:
        return "(none)"
    cells = [list(rows[0])] + [[str(value) for value in row.values()] for row in rows]
    numbers = [isinstance(value, (int, float)) for value in rows[0].values()]
    widths = [max(map(len, column)) for column in zip(*cells)]

    def line(row: list[str]) -> str:
        aligned = (
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(row, widths, numbers)
        )
        return "  ".join(aligned).rstrip()

    return "\n".join(map(line, cells))


def show(report: dict, as_json: bool) -> None:
    """Prints a report."""
    if as_json:
        print(json.dumps(report), flush=True)
        return
    titles = {
        "messages": "Messages",
        "escalations": "Escalations",
        "first_replies": "Time from a conversation's first message to its first reply",
    }
    for name, title in titles.items():
        print(f"{title}\n{table(report[name])}\n")
    print("Records")
    for name, number in report["records"].items():
        kinds = number.items() if isinstance(number, dict) else [("", number)]
        print(name, ", ".join(f"{kind} {n}".strip() for kind, n in kinds) or "0")
    print(flush=True)


def read(topic: Topic, count: Count, follow: bool, arguments: argparse.Namespace) -> None:
    """Reads a topic to its end, or for ever with a report whenever there is something new."""
    shown_at, shown_of = None, None
    while follow or not topic.at_end():
        for message in topic.batch():
            count.take(message)
        now, taken = time.monotonic(), count.fold.taken
        is_due = shown_at is None or now - shown_at >= arguments.every
        if follow and topic.at_end() and is_due and taken != shown_of:
            shown_at, shown_of = now, taken
            show(count.report(), arguments.json)


def run(arguments: argparse.Namespace) -> None:
    """Reads the topics one after another."""
    options = dict(option.split("=", 1) for option in arguments.kafka_option)
    count = Count(Contract(arguments.document.read_text(encoding="utf-8")))
    for place, name in enumerate(arguments.topic, start=1):
        follow = place == len(arguments.topic) and not arguments.until_end
        topic = Topic(arguments.brokers, name, options)
        try:
            read(topic, count, follow, arguments)
        except KeyboardInterrupt:
            break
        finally:
            topic.close()
    show(count.report(), arguments.json)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brokers", required=True, metavar="HOST:PORT,…")
    parser.add_argument(
        "--topic",
        action="append",
        required=True,
        help="once for each generation of the topic, oldest first",
    )
    parser.add_argument("--until-end", action="store_true", help="stop at the end of the topic")
    parser.add_argument(
        "--every",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="without --until-end: how often to report, where there is something new",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--document", type=Path, default=DOCUMENT, help="asyncapi.yaml")
    parser.add_argument(
        "--kafka-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="such as security.protocol=SASL_SSL",
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(arguments)
    except KafkaException as error:
        print(f"count.py: {arguments.brokers}: {error.args[0]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"count.py: stopped before {arguments.brokers} answered", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
