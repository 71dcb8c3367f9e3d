"""Asks a question and prints the reply while it is made. A connection that breaks is gone on with.

    AEROCHAT_API_KEY=… python3 ask.py "where is my order?"

Python 3.10, nothing to install. `CHAT_URL` names a server that is elsewhere.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

ORIGIN = os.environ.get("CHAT_URL", "http://127.0.0.1:8080")
KEY = {"X-AeroChat-API-Key": os.environ["AEROCHAT_API_KEY"]}
ENDS = {"message.outbound", "conversation.escalated", "reply.failed", "reply.discarded"}


def events(request):
    """Server-sent events: id, name and data of each."""
    with urllib.request.urlopen(request, timeout=60) as response:
        event = {}
        for line in response:
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            if name:
                event[name] = value
            elif "data" in event:
                yield event["id"], event["event"], json.loads(event["data"])
                event = {}


def show(shown, text):
    """Prints what is new of a reply."""
    print(text[len(shown) :], end="", flush=True)
    return text


def ask(question):
    # The same key sends the message once, however often this has to be tried.
    headers = {**KEY, "Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    body = json.dumps({"message": question}).encode()
    url = f"{ORIGIN}/bot/v1/conversations/messages/stream"
    shown, last, conversation = "", None, None
    try:
        for last, name, data in events(urllib.request.Request(url, body, headers)):
            if name == "start":
                conversation = data["conversation_id"]
            elif name == "chunk":
                shown = show(shown, shown + data["text"])
            elif name == "end":
                return
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as broken:
        print(f" [{broken}] ", file=sys.stderr)
    if conversation is None:
        raise SystemExit("cannot ask")

    # Cut: the live feed goes on after the last event, in the middle of the reply too.
    while True:
        url = f"{ORIGIN}/live/v1/conversations/{conversation}/stream"
        try:
            request = urllib.request.Request(url, headers={**KEY, "Last-Event-ID": last})
            for last, name, frame in events(request):
                if name in ("reply.started", "reply.restarted"):
                    shown = ""
                elif name == "reply.chunk":
                    shown = show(shown, shown + frame["data"]["text"])
                elif name in ENDS:
                    show(shown, frame["data"].get("text", "") if name == "message.outbound" else "")
                    return
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException):
            time.sleep(0.5)


ask(" ".join(sys.argv[1:]) or "where is my order?")
print()
