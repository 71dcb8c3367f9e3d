"""Starts a server with an account of its own and runs Schemathesis over each document.

`check.py [DOCUMENT…]`; all of them where none is named.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import parlor

HERE = Path(__file__).parent
DOCUMENTS = HERE.parent.parent / "openapi"
NAMES = ["aerochat", "widget", "chataibot", "aloochat", "live"]
PATIENCE_S = 30
EXAMPLES = os.environ.get("PARLOR_EXAMPLES", "20")
# Failures are of the run that found them: the same seed finds them again.
SEED = os.environ.get("PARLOR_SEED", "1")
CHAT = "/api/v1/chat/conversations"
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nhi\r\n--b--\r\n"
)
PLENTY = 1_000_000
CLASSES = [
    *("widget_config", "widget_create", "widget_read", "widget_send", "widget_files"),
    *("aloochat_manage", "aloochat_chat", "aloochat_stream", "chataibot"),
]


class Server:
    """A server over a new data directory with the demo's account; `close` ends it."""

    def __init__(self, data: str) -> None:
        self._data = data
        create = ("account", "create", "--template", "demo", "--name", "Demo")
        self.keys = json.loads(self._command(*create))
        limits = {"limits": dict.fromkeys(CLASSES, PLENTY)}
        self._command("account", "set", "--settings", json.dumps(limits))
        self._process = parlor.serve("--data-dir", data)
        line = self._process.stdout.readline()
        if "http://" not in line:
            self.close()
            raise RuntimeError(f"the server does not start: {line or 'it says nothing'}")
        self.origin = line.split()[-1]

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _command(self, *arguments: str) -> str:
        return parlor.run(*arguments, "--data-dir", self._data, patience_s=PATIENCE_S)

    def get(self, path: str, headers: dict) -> dict:
        request = urllib.request.Request(self.origin + path, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)

    def post(self, path: str, headers: dict, body: object) -> dict:
        """The answer to a JSON body, or to a form where it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.origin + path, data, headers, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)


def real_things(server: Server) -> dict[str, list[str]]:
    """The dictionaries that schemathesis.toml speaks of: what there is to be found and to be named."""
    keys = server.keys
    aerochat = {"X-AeroChat-API-Key": keys["aerochat_api_key"]}
    site = {"X-Site-Key": keys["widget_site_key"]}
    aloo = {"x-api-token": keys["aloochat_api_token"]}
    sent = server.post("/bot/v1/conversations/messages", aerochat, {"message": "opening hours?"})

    visitor = "v-schemathesis"
    about = {"name": "Jo", "email": "jo@example.com", "message": "hi", "visitor_token": visitor}
    server.post(CHAT, site, about)
    form = {**site, "Content-Type": "multipart/form-data; boundary=b"}
    kept = server.post(f"{CHAT}/{visitor}/files", form, FORM)
    file = kept["attachments"][0]
    # The one that was changed last.
    filed = server.get(f"{CHAT}?limit=1", aloo)["conversations"][0]["id"]

    agent = keys["aloochat_agent_key"].split(":")[1]
    made = [server.post(CHAT, aloo, {}) for _ in range(6)]
    talks = [conversation["id"] for conversation in made]
    return {
        "conversation": [sent["conversation_id"], *talks[:3]],
        # For the operation that deletes them.
        "spare": talks[3:],
        "contact": [sent["contact_id"]],
        "message": [sent["message_id"]],
        "visitor": [visitor],
        "activity": [str(file["activity_id"])],
        "filed": [filed],
        "file": [str(file["id"])],
        "bot": [keys["chataibot_bot_key"]],
        "agent": [agent],
        "deployment": [made[0]["deployment_id"]],
        "agent_key": [keys["aloochat_agent_key"]],
    }


def write_settings(place: Path, things: dict[str, list[str]]) -> None:
    """Everything Schemathesis reads, beside each other: it takes dictionaries from files."""
    for name, values in things.items():
        lines = (json.dumps(value) + "\n" for value in values)
        (place / f"{name}.dict").write_text("".join(lines))
    (place / "schemathesis.toml").write_text((HERE / "schemathesis.toml").read_text())


def check(name: str, server: Server, place: Path) -> bool:
    """Whether a document holds."""
    print(f"\n-- {name}", flush=True)
    program = Path(sys.executable).with_name("schemathesis")
    command = [
        *(program, "--config-file", place / "schemathesis.toml", "run", DOCUMENTS / f"{name}.json"),
        *("--url", server.origin, "--max-examples", EXAMPLES, "--seed", SEED, "--no-color"),
    ]
    secrets = {f"PARLOR_{key.upper()}": value for key, value in server.keys.items()}
    ran = subprocess.run(
        command, env={**parlor.environment(), **secrets, "SCHEMATHESIS_HOOKS": "hooks"}, cwd=place
    )
    return ran.returncode == 0


def main() -> int:
    names = sys.argv[1:] or NAMES
    with tempfile.TemporaryDirectory(prefix="parlor-schemathesis-") as directory:
        place = Path(directory)
        server = Server(str(place / "data"))
        try:
            write_settings(place, real_things(server))
            failed = [name for name in names if not check(name, server, place)]
        finally:
            server.close()
    if failed:
        print(f"\nnot as documented: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
