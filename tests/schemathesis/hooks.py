"""The failures that are decisions: what OpenAPI 3.0 has no words for, and nothing else.

What holds for a whole check stands in schemathesis.toml.
"""

import json

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import JsonSchemaError, RejectedPositiveData

# Places in a feed or a list, by the parameter that takes them: ours to make and to read. What is
# none is refused with 400 and the parameter's name.
OPAQUE = ("after ", "at ", "before ", "cursor ", "last-Event-ID ")
# What stands beside another value and depends on it: a URL where the message's type is `file`, one
# of two fields (the document says so; the cases of coverage do not read it), a key that was used.
DEPENDENT = ("message.data.body must be an http", "query and audio", "this Idempotency-Key was")
# What this server has no endpoint for, and what is no form: a part's name with control characters.
ELSEWHERE = ("audio cannot be taken: no transcription", "body is not a form: failed to read headers")
# Texts with rules of their own: JSON within a form's text, names of variables.
INNER = ("messages ", "variables.")
# A text of which nothing is seen (marks of direction, joiners, control characters): one without any
# characters breaks its schema, so nothing else that is valid is refused so.
INVISIBLE = "must not be empty"


@schemathesis.hook
def filter_failure(context, failure, case, response) -> bool:
    if isinstance(failure, RejectedPositiveData):
        return not (response.status_code == 400 and is_beyond_schemas(response.text))
    if isinstance(failure, AcceptedNegativeData):
        return not (is_text_in_form(failure, case) or is_empty_detail(case))
    if isinstance(failure, JsonSchemaError):
        # The document says that a stream is text; the frames are in asyncapi.yaml.
        return not failure.title.startswith("SSE event")
    return True


def is_beyond_schemas(answer: str) -> bool:
    """Whether a refusal names something that is ruled by more than its schema."""
    said = json.loads(answer)
    told = said.get("message") or said.get("error") or said["detail"]
    message = told["message"] if isinstance(told, dict) else told
    # The widget begins its sentences in capitals.
    message = message[:1].lower() + message[1:]
    return message.startswith((*OPAQUE, *DEPENDENT, *ELSEWHERE, *INNER)) or message.endswith(INVISIBLE)


def is_text_in_form(failure, case) -> bool:
    """A form's fields are texts whatever they were made from: `null` is four letters."""
    return case.media_type == "multipart/form-data" and "violates `type`" in failure.message


def is_empty_detail(case) -> bool:
    """What is empty of a contact counts as not given, for scripts that send every field."""
    contact = case.body.get("contact") if isinstance(case.body, dict) else None
    if not isinstance(contact, dict):
        return False
    texts = [contact.get(field) for field in ("name", "email", "phone")]
    return any(isinstance(text, str) and not text.strip() for text in texts)
