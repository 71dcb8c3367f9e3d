"""The contract of a topic, from `asyncapi.yaml`: what a Kafka record must look like to be read.

Pure: it is given the document's text and records' headers and values. The document is JSON, which
is YAML too, so the standard library reads it.
"""

import json
from datetime import datetime
from pathlib import Path

from jsonschema import Draft202012Validator

from fold import Record

DOCUMENT = Path(__file__).resolve().parents[2] / "openapi" / "asyncapi.yaml"


class Unknown(Exception):
    """An event type that came after this document; its name is the argument."""


class Invalid(Exception):
    """A record that is not what the document says; the argument says where."""


class Contract:
    """The event types of a channel and their schemas."""

    def __init__(self, document: str, channel: str = "events") -> None:
        whole = json.loads(document)
        components = whole["components"]
        self._validators = {}
        for reference in whole["channels"][channel]["messages"].values():
            message = components["messages"][reference["$ref"].rsplit("/", 1)[1]]
            # `$ref` counts from the root of the document, so the components come along.
            self._validators[message["name"]] = tuple(
                Draft202012Validator(schema | {"components": components})
                for schema in (message["headers"], message["payload"])
            )

    def read(
        self, headers: list[tuple[str, bytes]] | None, value: bytes | None, place: int = 0
    ) -> Record:
        """The event in a record that stands at `place`; `Unknown` or `Invalid` where there is none to be read."""
        try:
            # What is internal need not be text; what is promised and is not would break its schema.
            named = {name: (text or b"").decode(errors="replace") for name, text in headers or []}
            type = named.get("ce_type")
            if type is None:
                raise Invalid("no ce_type: not an event")
            if type not in self._validators:
                raise Unknown(type)
            data = json.loads(value or b"")
            for validator, part in zip(self._validators[type], (named, data)):
                for problem in validator.iter_errors(part):
                    raise Invalid(f"{type}: {problem.json_path}: {problem.message}")
            time = datetime.fromisoformat(named["ce_time"])
        except ValueError as error:
            raise Invalid(str(error)) from error
        return Record(named["ce_id"], type, named["account"], time, data, place)
