"""Starts a server and lets the generated clients, the samples and the examples call it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import check
import examples
import samples

HERE = Path(__file__).parent
DOCUMENTS = [check.DOCUMENTS / f"{name}.json" for name in check.NAMES]


def call(*command: str | Path, keys: dict, **more: str) -> None:
    secrets = {name.upper(): value for name, value in keys.items()}
    environment = {**os.environ, **secrets, **more}
    subprocess.run(command, env=environment, check=True, timeout=120)


def main() -> None:
    packages = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="parlor-clients-") as directory:
        server = check.Server(str(Path(directory) / "data"))
        try:
            keys, origin = server.keys, server.origin
            call("node", HERE / "generated/out/call.js", origin, keys=keys)
            call(sys.executable, HERE / "call.py", origin, keys=keys, PYTHONPATH=packages)
            things = check.real_things(server)
            count = samples.run_all(DOCUMENTS, origin, things, keys)
            print(f"{count} samples of code run")
            key = {"X-AeroChat-API-Key": keys["aerochat_api_key"]}
            body = {"message": examples.QUESTION}
            sent = server.post("/bot/v1/conversations/messages", key, body)
            examples.run_all(origin, keys, sent["reply"]["text"])
        finally:
            server.close()


if __name__ == "__main__":
    main()
