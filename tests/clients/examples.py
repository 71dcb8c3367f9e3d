"""Runs the programs of `examples/` against a server, whole and with their connection cut."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
QUESTION = "what are your opening hours?"
# Within the reply: after the head of the answer and its first events.
CUT_AFTER = 700


class Cutting:
    """A way to a server that breaks the first connection after so many bytes of its answer."""

    def __init__(self, origin: str) -> None:
        self._server = (urlsplit(origin).hostname, urlsplit(origin).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.origin = "http://127.0.0.1:{}".format(self._listener.getsockname()[1])
        self.cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=[near], daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._server) as far:
            threading.Thread(target=self._copy, args=[near, far], daemon=True).start()
            left = None if self.cut else CUT_AFTER
            self._copy(far, near, left)
            # A reader must see it break whatever is still unread.
            near.shutdown(socket.SHUT_RDWR)
            far.shutdown(socket.SHUT_RDWR)

    def _copy(self, source: socket.socket, sink: socket.socket, left: int | None = None) -> None:
        try:
            while part := source.recv(4096 if left is None else min(left, 64)):
                sink.sendall(part)
                if left is not None:
                    left -= len(part)
                    if left <= 0:
                        self.cut = True
                        return
        except OSError:
            pass

    def close(self) -> None:
        self._listener.close()


def programs() -> dict[str, list[str]]:
    """The programs that can be run here; Go need not be installed everywhere."""
    all_of_them = {
        "Python": [sys.executable, str(EXAMPLES / "python/ask.py")],
        "JavaScript": ["node", str(EXAMPLES / "javascript/ask.mjs")],
    }
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if go:
        all_of_them["Go"] = [go, "run", str(EXAMPLES / "go/ask.go")]
    return all_of_them


def ask(program: list[str], origin: str, keys: dict) -> str:
    """What a program prints on its question."""
    environment = {
        **os.environ,
        "CHAT_URL": origin,
        "AEROCHAT_API_KEY": keys["aerochat_api_key"],
        "GOFLAGS": "-mod=mod",
        "GO111MODULE": "off",
    }
    ran = subprocess.run(
        [*program, QUESTION], env=environment, capture_output=True, text=True, timeout=180
    )
    assert ran.returncode == 0, f"{program}: {ran.stderr}"
    return ran.stdout.strip()


def run_all(origin: str, keys: dict, reply: str) -> None:
    """Each program prints the whole reply, once, cut or not."""
    found = programs()
    for name, program in found.items():
        said = ask(program, origin, keys)
        assert said == reply, f"{name} prints {said!r} and not {reply!r}"
        way = Cutting(origin)
        said = ask(program, way.origin, keys)
        way.close()
        assert way.cut, f"{name}: nothing was cut"
        assert said == reply, f"{name}, cut, prints {said!r} and not {reply!r}"
    print(f"{len(found)} of 3 examples run, whole and cut: {', '.join(found)}")
    if "Go" not in found:
        print("SKIPPED: the example in Go, as there is no Go here (Debian: golang-go)")
