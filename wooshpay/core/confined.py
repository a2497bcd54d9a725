"""Objects that stay in the process in which they were made."""

from __future__ import annotations

from typing import ClassVar, NoReturn


class Confined:
    """The base of objects that lead to a secret or to connections: they refuse to be pickled and copied.

    A pickle holds the secret as plain text, and ends up in queues, caches and logs. A copy would use connections
    that it does not own.
    """

    __slots__ = ()

    # Why, and what to do instead.
    _confined: ClassVar[str] = (
        "it leads to the API key and to open connections. Create a client in each process, from the key in its"
        " environment; client.with_options(...) makes a client with other settings."
    )

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        # Pickling and copying both come here, unless a class has methods of its own for them.
        raise TypeError(f"{type(self).__name__} cannot be pickled or copied, because {self._confined}")
