"""count.py on the topic that real nodes wrote: its numbers are what their clients were told."""

import json
import subprocess
import sys
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from nodes import PATIENCE_S, Cluster, send
from services import ROOT, Services

COUNT = ROOT / "examples" / "analytics" / "count.py"
CONVERSATIONS = 24
CLIENTS = 6


class Nodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.services = Services("kafka", "cassandra")
        cls.addClassCleanup(cls.services.close)
        cls.cluster = Cluster(cls.services, nodes=2, accounts=["One", "Two"])
        cls.addClassCleanup(cls.cluster.close)

    def test_its_numbers_are_what_the_clients_were_told(self) -> None:
        accounts = self.cluster.accounts
        expected = {account["account_id"]: Counter() for account in accounts}
        with ThreadPoolExecutor(CLIENTS) as clients:
            talks = [
                (account, clients.submit(self.talk, account["aerochat_api_key"], number))
                for account in accounts
                for number in range(CONVERSATIONS)
            ]
            for account, talk in talks:
                expected[account["account_id"]] += talk.result(timeout=PATIENCE_S)
        report = self.count()
        found = {account: Counter() for account in expected}
        for row in report["messages"]:
            self.assertEqual(row["channel"], "api")
            found[row["account"]][row["direction"]] += row["messages"]
        for row in report["escalations"]:
            found[row["account"]]["escalations"] += row["escalations"]
        for row in report["first_replies"]:
            found[row["account"]][f"answered by {row['by']}"] += row["conversations"]
            self.assertLess(row["p95_s"], PATIENCE_S)
        self.assertEqual(found, expected)
        self.assertEqual((report["records"]["invalid"], report["records"]["unknown"]), (0, {}))

    def talk(self, key: str, number: int) -> Counter:
        """One conversation over both nodes; what the client was told, counted."""
        first, second = self.cluster.addresses[number % 2], self.cluster.addresses[1 - number % 2]
        told = [send(first, key, {"message": "What are your opening hours?"}, f"first-{number}")]
        body = {"conversation_id": told[0]["conversation_id"]}
        told.append(send(second, key, body | {"message": "Where is my order?"}))
        if number % 3 == 0:
            told.append(send(first, key, body | {"message": "I want to talk to a human"}))
            told.append(send(second, key, body | {"message": "Is anybody there?"}))
        # Sent again, to the other node: it is the message that was sent before.
        again = {"message": "What are your opening hours?"}
        repeated = send(second, key, again, f"first-{number}")
        self.assertEqual(repeated["message_id"], told[0]["message_id"])
        statuses = [answer["status"] for answer in told]
        replies = sum(answer["reply"] is not None for answer in told)
        self.assertEqual((statuses[:2], replies >= 2), (["bot", "bot"], True))
        return Counter(
            {
                "inbound": len(told),
                "outbound": replies,
                "escalations": int("queued_for_agent" in statuses),
                "answered by bot": 1,
                "answered by either": 1,
            }
        )

    def count(self) -> dict:
        topic = f"{self.cluster.prefix}.events"
        brokers = self.services.addresses["kafka"]
        command = [sys.executable, COUNT, "--brokers", brokers, "--topic", topic]
        ran = subprocess.run(
            [*command, "--until-end", "--json"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        return json.loads(ran.stdout)


if __name__ == "__main__":
    unittest.main()
