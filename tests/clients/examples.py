"""Runs the programs of `examples/`, whole and with their connection cut, and those of the README."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
README = ROOT / "README.md"
SHIPPED = "http://127.0.0.1:8080"
ENDINGS = {"python": "py", "javascript": "mjs", "go": "go"}
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
            with contextlib.suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
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


def of_readme(place: Path, origin: str) -> dict[str, list[str]]:
    """The same of the README's programs, written into a folder."""
    runners = {name.lower(): program[:-1] for name, program in programs().items()}
    found = {}
    for language, source in re.findall(r"```(\w+)\n(.*?)```", README.read_text(), re.DOTALL):
        if language in ENDINGS:
            file = place / f"first.{ENDINGS[language]}"
            file.write_text(source.replace(SHIPPED, origin))
            if language in runners:
                found[language] = [*runners[language], str(file)]
    assert ENDINGS.keys() - found.keys() <= {"go"}, f"the README has only {found.keys()}"
    return found


def cut_and_resumed(place: Path, origin: str, keys: dict) -> str:
    """What the README's script of a stream that is cut and resumed prints."""
    scripts = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    script = next(script for script in scripts if "Last-Event-ID" in script)
    ran = subprocess.run(
        ["bash", "-euc", script.replace(SHIPPED, origin)],
        cwd=place,
        env={**os.environ, "AEROCHAT_API_KEY": keys["aerochat_api_key"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


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
    with tempfile.TemporaryDirectory(prefix="parlor-readme-") as directory:
        for language, program in of_readme(Path(directory), origin).items():
            said = ask(program, origin, keys)
            assert said == reply, f"the README's {language} prints {said!r} and not {reply!r}"
        before, after = cut_and_resumed(Path(directory), origin, keys).split("--- cut;")
        assert "event: chunk" in before and "event: end" not in before, f"not cut: {before}"
        assert "event: message.outbound" in after, f"not resumed: {after}"
    print(f"{len(found)} of 3 examples run, whole and cut: {', '.join(found)}")
    if "Go" not in found:
        print("SKIPPED: the example in Go, as there is no Go here (Debian: golang-go)")
