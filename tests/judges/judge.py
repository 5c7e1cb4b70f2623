"""Judge: reads mails with Python's own email package and tells what it saw, so that tests can compare it with what was meant.

Standard input is NDJSON {"id", "mail": base64}; each answer is one line with the same id: the header fields in order
(name, decoded value, mailboxes, defects), the defects of the tree and its leaves. "legacy" has the leaves as the parser without a
policy sees them, which is Python's default: it takes a line end inside a quoted string for a part of it. Standard library only.
"""

import base64
import email
import email.policy
import hashlib
import json
import sys


def field_of(message, name, raw):
    """One field, parsed alone: a parser that fails on one field still tells about the others."""
    try:
        octets = raw.encode("ascii", "surrogateescape")
        raw = octets.decode("utf-8")  # RFC 6532; the package itself takes header octets above 127 for an unknown charset
    except UnicodeError:
        pass
    try:
        value = message.policy.header_fetch_parse(name, raw)
        return {
            "name": name,
            "value": str(value),
            "boxes": [[box.display_name, box.addr_spec] for box in getattr(value, "addresses", ())],
            "defects": [repr(defect) for defect in value.defects],
        }
    except Exception as error:  # the package has bugs of its own: named by the test that meets one
        return {"name": name, "value": None, "boxes": [], "defects": ["raises " + repr(error)]}


def leaf_of(part):
    try:
        payload = part.get_payload(decode=True) or b""
        text = part.get_content() if part.get_content_maintype() == "text" else None
    except Exception as error:
        payload, text = b"", "raises " + repr(error)
    return {"type": " ".join(part.get_content_type().split()), "sha": hashlib.sha256(payload).hexdigest(), "text": text, "name": part.get_filename()}


def judge(octets):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    parts = list(message.walk())
    return {
        "fields": [field_of(message, name, raw) for name, raw in message.raw_items()],
        "defects": [repr(defect) for part in parts for defect in part.defects],
        "inner": [
            field
            for part in parts[1:]
            for field in (field_of(part, name, raw) for name, raw in part.raw_items())
            if field["defects"]
        ],
        "legacy": [[part.get_content_type(), part.get_filename()] for part in email.message_from_bytes(octets).walk() if not part.is_multipart()],
        "leaves": [leaf_of(part) for part in parts if not part.is_multipart()],
    }


for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps({"id": case["id"], **judge(base64.b64decode(case["mail"]))}))
