"""Files.

    from      by                to
    (new)     create            kept
    kept      270 days pass     (gone)

Times of a file are in seconds, unlike those of other objects: the reference says so in its text and its example.
"""

from __future__ import annotations

import base64
from mimetypes import guess_extension
from pathlib import PurePath
from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.params import Params, as_object
from wooshpay.sandbox.engine.registry import behaviour, duty, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record

PURPOSES: Final = (
    *("dispute_evidence", "account_requirement", "additional_verification", "business_icon", "business_logo"),
    *("customer_signature", "identity_document", "pci_document", "tax_document_user_upload"),
)
LIFETIME_DAYS: Final = 270


@behaviour("files.create")
def create(state: State, params: Params) -> JsonObject:
    """Keep a file that came in a form."""
    name, content_type, content = _read_file(params)
    purpose = params.choice("purpose", PURPOSES)
    if not purpose:
        raise missing("purpose")
    due = state.clock.second + LIFETIME_DAYS * MILLISECONDS_PER_DAY
    size = len(base64.b64decode(content))
    if not size:
        raise invalid("file", "a file that is not empty", code="file_empty")
    file = state.add(
        "file",
        "file",
        {
            "created": state.clock.second // 1000,
            "expires_at": due // 1000,
            "filename": name,
            "purpose": purpose,
            "size": size,
            "title": None,
            "type": _extension(name, content_type),
        },
        content=content,
    )
    # The reference's File has no livemode.
    del file["livemode"]
    state.remind(due, "files.expire", file)
    return state.view(file)


@behaviour("files.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get what is known of a file."""
    return state.view(state.need("file", params.id))


@duty("files.expire")
def expire(state: State, id: str) -> None:
    """Throw a file away; evidence that names it still does."""
    state.store["file"].remove(id)


@view("file")
def view_file(state: State, file: Record) -> JsonObject:
    """A file with the address of its content."""
    return {**plain_view(file), "url": f"{state.base_url}/v1/files/{file.id}/contents"}


def _read_file(params: Params) -> tuple[str, str, str]:
    """The name, the type and the content of the file, the latter in Base64."""
    if not params.given("file"):
        raise missing("file")
    part = as_object(params.values["file"]) or {}
    name, content_type, content = (part.get(key) for key in ("filename", "content_type", "content"))
    if not (isinstance(name, str) and isinstance(content_type, str) and isinstance(content, str)):
        raise _no_file()
    try:
        base64.b64decode(content, validate=True)
    except ValueError:
        raise _no_file() from None
    return name or "file", content_type, content


def _no_file() -> SandboxError:
    return SandboxError(
        "The parameter file must be a file: send the call as multipart/form-data.",
        code="parameter_invalid",
        param="file",
    )


def _extension(name: str, content_type: str) -> str | None:
    suffix = PurePath(name).suffix or guess_extension(content_type) or ""
    return suffix.removeprefix(".").lower() or None
