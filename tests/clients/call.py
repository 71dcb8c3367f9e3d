"""A call with each client that is made from the documents: `call.py ORIGIN`."""

import os
import sys

from aerochat import AuthenticatedClient
from aerochat.api.messages import send_message, stream_message
from aerochat.models import SendMessage, SentMessage
from aloochat import AuthenticatedClient as AlooClient
from aloochat.api.conversations import create_conversation
from aloochat.models import Conversation, CreateConversation
from chataibot import AuthenticatedClient as ChataibotClient
from chataibot.api.conversations import start_conversation
from chataibot.models import From, Message, MessageData, StartConversation, Started
from live import AuthenticatedClient as LiveClient
from live.api.conversations import get_conversation
from live.models import Conversation as LiveConversation
from widget import AuthenticatedClient as WidgetClient
from widget.api.conversations import get_widget_config
from widget.models import WidgetConfig

ORIGIN = sys.argv[1]


def client_of(kind, key: str, header: str, prefix: str = ""):
    token = os.environ[key]
    return kind(base_url=ORIGIN, token=token, auth_header_name=header, prefix=prefix)


def good(answer, kind):
    """The answer of a call that must go well."""
    assert isinstance(answer, kind), f"not {kind.__name__}: {answer}"
    return answer


aerochat = client_of(AuthenticatedClient, "AEROCHAT_API_KEY", "X-AeroChat-API-Key")
body = SendMessage(message="what are your opening hours?")
sent = good(send_message.sync(client=aerochat, body=body), SentMessage)
assert sent.reply and sent.reply.text, sent
streamed = good(stream_message.sync(client=aerochat, body=body), str)
assert "event: end" in streamed, streamed

live = client_of(LiveClient, "AEROCHAT_API_KEY", "X-AeroChat-API-Key")
state = good(get_conversation.sync(sent.conversation_id, client=live), LiveConversation)
assert state.message_count == 2, state

widget = client_of(WidgetClient, "WIDGET_SITE_KEY", "X-Site-Key")
assert good(get_widget_config.sync(client=widget), WidgetConfig).greeting

aloo = client_of(AlooClient, "ALOOCHAT_API_TOKEN", "x-api-token")
begun = create_conversation.sync(client=aloo, body=CreateConversation(title="Billing"))
assert good(begun, Conversation).status == "active", begun

chataibot = client_of(ChataibotClient, "CHATAIBOT_TOKEN", "Authorization", "Bearer")
start = StartConversation(
    bot_key=os.environ["CHATAIBOT_BOT_KEY"],
    from_=From(user_external_id="from-python"),
    message=Message(data=MessageData(body="Hello")),
)
assert good(start_conversation.sync(client=chataibot, body=start), Started).live_url

print("five Python clients called")
