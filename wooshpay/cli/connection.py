"""How commands reach WooshPay: which key, which host, and that real money is meant.

The key comes from ``WOOSHPAY_API_KEY`` or from a file, never from the command line: what stands there is shown by
``ps`` to everyone on the machine, and kept in the shell's history. A live key needs ``--live``, for every command.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

import attrs
import click

from wooshpay.cli.streams import reason_of

if TYPE_CHECKING:
    from wooshpay import AsyncWooshPay, WooshPay

P = ParamSpec("P")
T = TypeVar("T")

KEY_VARIABLE: Final = "WOOSHPAY_API_KEY"
URL_VARIABLE: Final = "WOOSHPAY_BASE_URL"

_NO_KEY: Final = (
    f"There is no API key. Set {KEY_VARIABLE}, or name a file that holds it with --api-key-file. Your keys are in the"
    " WooshPay dashboard; `wooshpay sandbox` gives you one to try things with."
)


@attrs.frozen(kw_only=True)
class Connection:
    """What the options of a command say about reaching WooshPay. What is ``None`` was not given.

    Attributes:
        live: Whether real money is meant.
        base_url: Another host.
        api_key_file: The file that holds the key.
        timeout: Seconds that a call may take in all.
        max_retries: How many attempts may follow the first.
    """

    live: bool = False
    base_url: str | None = None
    api_key_file: Path | None = None
    timeout: float | None = None
    max_retries: int | None = None

    def key(self, environ: Mapping[str, str] = os.environ) -> str:
        """Find the key.

        Raises:
            click.UsageError: There is none, or it is a live one and ``--live`` is missing, or the other way round.
        """
        key, source = self.found(environ)
        if not key:
            raise click.UsageError(_NO_KEY)
        is_live = "_live_" in key[:8]
        if is_live and not self.live:
            raise click.UsageError(f"{source} holds a live key, which moves real money: add --live to say you mean it.")
        if self.live and not is_live:
            raise click.UsageError(f"--live is for a live key, and {source} holds none: leave it out, or set that key.")
        return key

    def found(self, environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
        """Give whatever key there is, and where it comes from.

        Raises:
            click.UsageError: The file cannot be read.
        """
        if self.api_key_file is not None:
            return _read_key(self.api_key_file), str(self.api_key_file)
        return environ.get(KEY_VARIABLE, ""), KEY_VARIABLE

    def settings(self, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
        """Give the settings for a client.

        Raises:
            click.UsageError: See `key`.
        """
        return {"api_key": self.key(environ), **self._limits()}

    def may_reach_sandbox(self, environ: Mapping[str, str] = os.environ) -> bool:
        """Return whether the host may be a sandbox: it is another than WooshPay's, and no real money is meant."""
        from wooshpay.config import LIVE_URL, TEST_URL

        url = self.base_url or environ.get(URL_VARIABLE)
        if not url or self.live:
            return False
        own = {urlsplit(known).hostname for known in (LIVE_URL, TEST_URL)}
        return (urlsplit(url).hostname or "").removesuffix(".") not in own

    def _limits(self) -> dict[str, Any]:
        given = {"base_url": self.base_url, "timeout": self.timeout, "max_retries": self.max_retries}
        return {name: value for name, value in given.items() if value is not None}

    def client(self, **more: Any) -> WooshPay:
        """Make a client of plain calls. Its parameters may be given besides.

        Raises:
            click.UsageError: See `key`.
            ConfigurationError: The settings cannot work.
        """
        from wooshpay import WooshPay

        return WooshPay(**{**self.settings(), **more})

    def rehearsing_client(self, **more: Any) -> WooshPay:
        """Make a client that sends nothing, given a middleware that sees to that: any key will do, or none."""
        from wooshpay import WooshPay

        key, _ = self.found()
        return WooshPay(key or "sk_test_none", **{**self._limits(), **more})

    def async_client(self, **more: Any) -> AsyncWooshPay:
        """Make a client to await.

        Raises:
            click.UsageError: See `key`.
            ConfigurationError: The settings cannot work.
        """
        from wooshpay import AsyncWooshPay

        return AsyncWooshPay(**{**self.settings(), **more})


def connection_options() -> list[click.Parameter]:
    """The options that `taken_from` reads."""
    return [
        click.Option(["--live"], is_flag=True, help="Real money is meant: every command with a live key needs this."),
        click.Option(
            ["--base-url"],
            metavar="URL",
            help=f"Another host, such as a sandbox's; else that of {URL_VARIABLE}, or the one that the key is for.",
        ),
        click.Option(
            ["--api-key-file"],
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help=f"Read the API key from this file, not from {KEY_VARIABLE}.",
        ),
        click.Option(["--api-key"], hidden=True, expose_value=False, callback=_refuse_key),
        click.Option(
            ["--timeout"],
            type=float,
            metavar="SECONDS",
            help="Maximum duration of a call, including retries. Default: 80.",
        ),
        click.Option(
            ["--max-retries"],
            type=int,
            metavar="NUMBER",
            help="Maximum number of retries. Default: 2.",
        ),
    ]


def taken_from(options: dict[str, Any]) -> Connection:
    """Take what `connection_options` gave out of a command's options."""
    return Connection(**{field.name: options.pop(field.name) for field in attrs.fields(Connection)})


def with_connection(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command these options; it gets what they say as ``connection``.

    ``@click.command(...)`` stands above it.
    """

    def run(**options: Any) -> T:
        return command(connection=taken_from(options), **options)

    run.__doc__ = command.__doc__
    # As click's own decorators do: it reads them from the last to the first.
    params = [*getattr(command, "__click_params__", []), *reversed(connection_options())]
    run.__click_params__ = params  # type: ignore[attr-defined]  # click's own way
    return run


def _refuse_key(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(
            "A key on the command line is seen by everyone who lists the processes, and is kept in the shell's history."
            f" Set {KEY_VARIABLE}, or name a file with --api-key-file."
        )


def _read_key(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "it is not text"
        raise click.UsageError(f"The key cannot be read from {file}: {reason}.") from None
