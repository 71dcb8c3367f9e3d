"""The compose files are what the Compose Specification allows, and what they tell a node is what a node takes.

Docker is not needed: the files are held against the specification's own model, and every environment that they
give to Parlor is given to the binary under test, which says what it understood (`parlor config`).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml
from compose_spec import ComposeSpecification
from pydantic import ValidationError

import parlor

ROOT = Path(__file__).parent.parent.parent
FILES = ["docker-compose.yml", "docker-compose.cluster.yml"]
IMAGE = "parlor"


def faults(whole: dict) -> list[str]:
    """What the specification has against a file; extensions (`x-…`) may hold anything."""
    known = {name: value for name, value in whole.items() if not name.startswith("x-")}
    try:
        ComposeSpecification.model_validate(known, extra="forbid")
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return []


def understood(environment: dict) -> dict:
    """The settings that a node has which is given this environment."""
    settings = {name: str(value) for name, value in environment.items()}
    ran = subprocess.run(
        [parlor.BINARY, "config", "--json"],
        env={**parlor.environment(), **settings},
        capture_output=True,
        text=True,
        timeout=30,
    )
    if ran.returncode != 0 or ran.stderr:
        raise RuntimeError(ran.stderr)
    return json.loads(ran.stdout)


def check(name: str) -> None:
    whole = yaml.safe_load((ROOT / name).read_text())
    found = faults(whole)
    assert not found, f"{name}: {found}"
    nodes = {key: one for key, one in whole["services"].items() if one.get("image") == IMAGE}
    assert nodes, f"{name} starts no node"
    for key, node in nodes.items():
        settings = understood(node["environment"])
        assert settings["engine"] == "cluster", f"{name}: {key} runs on {settings['engine']}"
    services = set(whole["services"])
    for key, service in whole["services"].items():
        waits = set(service.get("depends_on", {}))
        assert waits <= services, f"{name}: {key} waits for {waits - services}"
    print(f"{name}: {len(services)} services, {len(nodes)} of them nodes")


def must_be_refused() -> None:
    """A check that takes everything would show nothing."""
    whole = yaml.safe_load((ROOT / FILES[0]).read_text())
    for path, value in [(("servces",), {}), (("services", "kafka", "imag"), "x"), (("services", "kafka", "ports"), 5)]:
        broken = json.loads(json.dumps(whole))
        inner = broken
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value
        assert faults(broken), f"{path} was taken"
    try:
        understood({"PARLOR_PARTITIONS": "many"})
    except RuntimeError as refusal:
        assert "PARLOR_PARTITIONS" in str(refusal), refusal
    else:
        raise AssertionError("a wrong setting was taken")


os.chdir(ROOT / "tests/deploy")
must_be_refused()
for each in FILES:
    check(each)
sys.stdout.flush()
