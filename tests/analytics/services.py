"""Real services for the tests, as `tests/services/services.sh hold` gives them."""

import json
import select
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "services" / "services.sh"
START_S = 180.0


class Services:
    """Services of our own on free ports; they end with `close`, and with this process."""

    def __init__(self, *names: str) -> None:
        self._process = subprocess.Popen(
            [SCRIPT, "hold", *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = answer(self._process, START_S)
        if not line.startswith("{"):
            self.close()
            raise RuntimeError(f"{SCRIPT.name} hold {' '.join(names)}: {line or 'no answer'}")
        self.addresses = json.loads(line)

    def close(self) -> None:
        """The end of its stdin ends it."""
        end(self._process)


def answer(process: subprocess.Popen, patience_s: float) -> str:
    """The next line of a process, empty where none came in time or none will come.

    For a process that says one line at a time: what was buffered here would not be seen.
    """
    ready, _, _ = select.select([process.stdout], [], [], patience_s)
    return process.stdout.readline().strip() if ready else ""


def end(process: subprocess.Popen) -> None:
    """Waits for a process to end after its stdin; ends it where that is not enough."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=30)
    process.stdout.close()
