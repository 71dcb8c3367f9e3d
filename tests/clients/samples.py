"""Runs the samples of code that the documents have, as they are, against a real server."""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

SHIPPED = "http://127.0.0.1:8080"
# Follows for ever: what it has shown by then is looked at.
ENDLESS = {"stream_conversation": 3}
PATIENCE_S = 60


def ids(operation: str, things: dict[str, list[str]]) -> dict[str, str]:
    """The real ids, by those of the examples."""
    found = {name: values[0] for name, values in things.items() if values}
    conversation = found["conversation"]
    if operation == "delete_conversation":
        conversation = things["spare"].pop()
    elif operation == "download_file":
        conversation = found["filed"]
    visitor = found["visitor"]
    if operation == "create_widget_conversation":
        visitor = f"visitor-{uuid.uuid4()}"
    return {
        "agent:123e4567-e89b-12d3-a456-426614174000:voice:us-east-1": found["agent_key"],
        "123e4567-e89b-12d3-a456-426614174000": found["agent"],
        "456e7890-e89b-12d3-a456-426614174001": found["deployment"],
        "conv_7Hq2Lm8pR1vXc0": conversation.replace("cv_", "conv_"),
        "cv_7Hq2Lm8pR1vXc0": conversation,
        "ct_R2dE8nQ1pXkLZ0": found["contact"],
        "9b3c0e7a4d5f4c8e9a1b2c3d4e5f6a7b": found["message"],
        "bot_4YbQ2mZ8nKx1Wc": found["bot"],
        "b7a1f0c2-visitor": visitor,
        "/files/7/1": f"/files/{found['activity']}/{found['file']}",
    }


def command(label: str, source: str, place: Path) -> list[str]:
    match label:
        case "curl":
            return ["bash", "-euc", source.replace("curl", "curl -sS --fail-with-body", 1)]
        case "Python":
            (place / "sample.py").write_text(source)
            return [sys.executable, "-u", "sample.py"]
        case "JavaScript":
            (place / "sample.mjs").write_text(source)
            return ["node", "sample.mjs"]
    raise ValueError(f"nobody runs {label}")


def run(operation: str, sample: dict, origin: str, things: dict, keys: dict) -> str | None:
    """What went wrong, if anything."""
    source = sample["source"].replace(SHIPPED, origin)
    for shown, real in ids(operation, things).items():
        source = source.replace(shown, real)
    secrets = {name.upper(): value for name, value in keys.items()}
    with tempfile.TemporaryDirectory(prefix="parlor-sample-") as directory:
        place = Path(directory)
        (place / "invoice.pdf").write_bytes(b"%PDF-1.7\n")
        try:
            ran = subprocess.run(
                command(sample["label"], source, place),
                cwd=place,
                env={**os.environ, **secrets},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=ENDLESS.get(operation, PATIENCE_S),
            )
        except subprocess.TimeoutExpired as late:
            if operation in ENDLESS and b"event: " in (late.stdout or b""):
                return None
            return f"takes too long, and says {late.stdout!r}\n{source}"
    if ran.returncode == 0:
        return None
    return f"{ran.stdout}{ran.stderr}\n{source}"


def run_all(documents: list[Path], origin: str, things: dict, keys: dict) -> int:
    """Runs all samples; how many there were. Fails with all that went wrong."""
    count, wrong = 0, []
    for document in documents:
        paths = json.loads(document.read_text())["paths"]
        for operation in (operation for item in paths.values() for operation in item.values()):
            name = operation["operationId"]
            for sample in operation["x-codeSamples"]:
                count += 1
                problem = run(name, sample, origin, things, keys)
                if problem:
                    wrong.append(f"-- {name}, {sample['label']}:\n{problem}")
    if wrong:
        raise SystemExit("\n\n".join(wrong))
    return count
