"""Files: papers handed to WooshPay, such as the evidence in a dispute."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, post
from wooshpay.core.objects import Moment, Object, model
from wooshpay.core.unset import UNSET, Unset
from wooshpay.core.upload import FileSource

# Only the first was read at WooshPay; the others are Stripe's.
FilePurpose: TypeAlias = Literal[
    "dispute_evidence",
    "account_requirement",
    "additional_verification",
    "business_icon",
    "business_logo",
    "customer_signature",
    "identity_document",
    "pci_document",
    "tax_document_user_upload",
]
"""What a file is for."""


@model
class File(Object):
    """A file at WooshPay; its content is at ``url``.

    Attributes:
        created: When it came; in seconds since 1970 in the reference's example, unlike elsewhere.
        expires_at: When it is thrown away, as received; ``None`` where it stays.
        purpose: What it is for.
        size: Bytes.
        title: A name for people.
        type: The kind by file extension, such as ``png``.
        url: Where its content is; reading it takes the secret key.
    """

    TAG: ClassVar[str] = "file"

    id: str
    object: str
    created: int
    purpose: FilePurpose | str
    size: int
    expires_at: int | None = None
    filename: str | None = None
    title: str | None = None
    type: str | None = None
    url: str | None = None

    created_at = Moment("created")
    expires_time = Moment("expires_at")


class Files(Resource[W]):
    """Hand papers to WooshPay."""

    @post("/v1/files", params_in="multipart")
    def create(
        self,
        *,
        file: FileSource,
        purpose: FilePurpose,
        filename: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> File:
        """Upload a file. It is streamed: however large, only a small part is in memory at a time.

        A lost answer is asked for again with the same key, and the file read again. That cannot be done
        with an asynchronous iterator, or a file object that cannot seek: the call then fails after one try.

        Args:
            file: A path, the bytes, a file opened in binary mode (read from where it stands, and left open),
                or an asynchronous iterator over bytes.
            purpose: What the file is for.
            filename: The name that WooshPay keeps; the path's or file object's own when left out.
            options: Settings for this call only.

        Returns:
            The file as WooshPay keeps it.

        Raises:
            ConfigurationError: There is no such file, or ``file`` is no file at all.
            InvalidRequestError: WooshPay does not take this kind of file.

        Inferred: the path, the names of the form's fields, and every purpose but ``dispute_evidence``.

        Reference: Create a file
        """
        ...

    @get("/v1/files/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> File:
        """Get what is known of a file, without its content.

        Args:
            id: Id of the file.
            options: Settings for this call only.

        Returns:
            The file.

        Raises:
            NotFoundError: There is no such file.

        Reference: Retrieve a file
        """
        ...
