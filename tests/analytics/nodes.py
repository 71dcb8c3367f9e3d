"""Real nodes of the binary under test, over real services."""

import json
import secrets
import subprocess
import urllib.request

import parlor
from services import Services, answer, end

PATIENCE_S = 60
SEND = "/bot/v1/conversations/messages"


class Cluster:
    """Nodes with a keyspace and topics of their own; they end with `close`."""

    def __init__(self, services: Services, nodes: int, accounts: list[str]) -> None:
        self.prefix = f"t{secrets.token_hex(4)}"
        addresses = services.addresses
        self._connection = [
            *("--engine", "cluster", "--kafka", addresses["kafka"], "--cql", addresses["cql"]),
            *("--keyspace", self.prefix, "--topic-prefix", self.prefix),
            *("--replication", "1", "--min-insync", "1"),
        ]
        self._nodes: list[subprocess.Popen] = []
        self.addresses: list[str] = []
        try:
            self._command("migrate")
            # Each with the demo's bot and an agent; before the nodes, which then know them.
            make = ("account", "create", "--template", "demo", "--name")
            self.accounts = [json.loads(self._command(*make, name)) for name in accounts]
            for _ in range(nodes):
                self._start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """SIGTERM: they drain."""
        for node in self._nodes:
            node.terminate()
        for node in self._nodes:
            end(node)

    def _command(self, *arguments: str) -> str:
        return parlor.run(*arguments, *self._connection, patience_s=PATIENCE_S)

    def _start(self) -> None:
        node = parlor.serve(*self._connection)
        self._nodes.append(node)
        line = answer(node, PATIENCE_S)
        if "http://" not in line:
            raise RuntimeError(f"a node does not start: {line or 'it says nothing'}")
        self.addresses.append(line.split()[-1])


def send(origin: str, key: str, body: dict, request: str | None = None) -> dict:
    """A message on AeroChat; `request` is its `Idempotency-Key`."""
    headers = {"X-AeroChat-API-Key": key, "content-type": "application/json"}
    if request is not None:
        headers["Idempotency-Key"] = request
    asked = urllib.request.Request(origin + SEND, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as told:
        return json.load(told)
