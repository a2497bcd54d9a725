"""How commands reach a running sandbox: by the same variables and options as all other commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import attrs
import click
from click.core import ParameterSource

from wooshpay.cli.calls.output import print_json
from wooshpay.cli.connection import Connection, connection_options
from wooshpay.cli.controls.health import is_wooshpay, look, needed_url
from wooshpay.cli.streams import write_line
from wooshpay.cli.texts import visible
from wooshpay.config import check_base_url
from wooshpay.core.json import JsonObject, is_array, is_object

if TYPE_CHECKING:
    from wooshpay import WooshPay

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final = ("base_url", "api_key_file", "api_key", "timeout")
_HEALTH_SECONDS: Final = 5.0


@attrs.frozen
class Reach:
    """What the options of a command say about reaching a sandbox.

    Attributes:
        base_url: Its base URL; ``None`` for that of the environment.
        api_key_file: The file that holds its key; ``None`` for the key of the environment.
        timeout: Seconds that a call may take; ``None`` for the default.
        as_json: Whether the result is printed as JSON.
    """

    base_url: str | None
    api_key_file: Path | None
    timeout: float | None
    as_json: bool

    @contextmanager
    def sandbox(self) -> Generator[Running]:
        """Connect to the sandbox. The key is sent only after the host has shown that it is one.

        Raises:
            click.UsageError: The key or the URL is missing, or not that of a sandbox. Nothing was changed.
            click.ClickException: Nothing can be reached.
        """
        connection = Connection(base_url=self.base_url, api_key_file=self.api_key_file, timeout=self.timeout)
        key, source = connection.found()
        if "_live_" in key[:8]:
            raise click.UsageError(
                f"{source} holds a live key, which was not used. A sandbox has a test key of its own, which it printed"
                " when it started."
            )
        connection.key()
        base_url = check_base_url(needed_url(self.base_url), live=False)
        if is_wooshpay(base_url):
            raise click.UsageError(f"{base_url} is a host of WooshPay, not a sandbox. Nothing was sent.")
        health = look(base_url, self.timeout or _HEALTH_SECONDS)
        if health.state == "not_a_sandbox":
            raise click.UsageError(f"{health.says} The key was not sent, and nothing was changed.")
        if health.state != "ready":
            raise click.ClickException(health.says)
        # An action must not be repeated, as it has no idempotency key.
        with connection.client(base_url=base_url, max_retries=0) as client:
            yield Running(client)


@attrs.frozen
class Running:
    """A running sandbox."""

    client: WooshPay

    def get(self, path: str) -> JsonObject:
        """Read what one of the sandbox's paths has, such as ``clock``."""
        return self._call("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> JsonObject:
        """Change something."""
        return self._call("POST", path, body)

    def delete(self, path: str) -> JsonObject:
        """Remove something."""
        return self._call("DELETE", path, None)

    def _call(self, method: Literal["GET", "POST", "DELETE"], path: str, body: Mapping[str, Any] | None) -> JsonObject:
        from wooshpay import RequestOptions

        options = RequestOptions(idempotency_key=None) if method == "POST" else None
        found = self.client.request(method, f"/sandbox/{path}", body=body, options=options)
        if not is_object(found):
            raise click.ClickException("The sandbox sent a response that is not a JSON object.")
        return found


def sandbox_options(command: F) -> F:
    """Add the options for reaching a sandbox; the command gets what they say as ``reach``."""

    def run(*arguments: Any, **options: Any) -> Any:
        return command(*arguments, reach=reach_of(options), **options)

    run.__doc__ = command.__doc__
    # As click's own decorators do: it reads them from the last to the first.
    params = [*reversed(reach_options()), *getattr(command, "__click_params__", [])]
    run.__click_params__ = params  # type: ignore[attr-defined]  # click's own way
    return run  # type: ignore[return-value]  # a command for click, as the other was


def reach_options() -> list[click.Parameter]:
    """Return the options for reaching a sandbox, for a command that is put together by itself."""
    return [
        *(option for option in connection_options() if option.name in _OPTIONS),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the whole result as JSON."),
    ]


def reach_of(options: dict[str, Any]) -> Reach:
    """Take what `reach_options` gave out of a command's options."""
    return Reach(**{field.name: options.pop(field.name) for field in attrs.fields(Reach)})


def refuse_options_before(ctx: click.Context, why: str) -> None:
    """Refuse options of a group before the name of one of its commands, since they would do nothing.

    Args:
        ctx: The group's context.
        why: What to say about the option.
    """
    for param in ctx.command.params:
        if param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{param.opts[0]} {why} `{ctx.invoked_subcommand}`.")


def show(reach: Reach, result: JsonObject, lines: Callable[[JsonObject], list[str]]) -> None:
    """Print a result: as JSON, or as the lines that are made of it."""
    if reach.as_json:
        print_json(result)
        return
    for line in lines(result):
        write_line(visible(line))


def entries(result: JsonObject) -> list[JsonObject]:
    """Return the objects of a list."""
    data = result.get("data")
    return [entry for entry in data if is_object(entry)] if is_array(data) else []


def as_text(value: Any) -> str:
    """Return a value as a person reads it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
