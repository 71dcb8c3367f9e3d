"""The binary under test, for the tests that are in Python."""

import os
import subprocess

# From run.sh.
BINARY = os.environ["PARLOR_BIN"]


def environment() -> dict[str, str]:
    """Ours, without the settings of whoever runs the tests."""
    kept = os.environ.items()
    return {name: value for name, value in kept if not name.startswith("PARLOR_")}


def run(*arguments: str, patience_s: float) -> str:
    """Runs a command, which must go well; what it printed."""
    ran = subprocess.run(
        [BINARY, *arguments], env=environment(), capture_output=True, text=True, timeout=patience_s
    )
    if ran.returncode != 0:
        raise RuntimeError(f"parlor {' '.join(arguments)}: {ran.stderr}")
    return ran.stdout


def serve(*arguments: str) -> subprocess.Popen:
    """Starts a server on a free port; its first line ends with its origin."""
    return subprocess.Popen(
        [BINARY, "serve", "--listen", "127.0.0.1:0", *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
