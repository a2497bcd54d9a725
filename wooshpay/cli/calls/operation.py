"""One operation as a command."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

import attrs
import click
from click.shell_completion import CompletionItem

from wooshpay import RequestOptions, RetryEvent, WooshPayError
from wooshpay.cli.calls import descriptions
from wooshpay.cli.calls.dry_run import rehearse, show
from wooshpay.cli.calls.ending import ending_signals
from wooshpay.cli.calls.options import (
    click_parameter,
    nested_names,
    nested_options,
    read_typed,
    sentence,
    typed_in,
)
from wooshpay.cli.calls.outcome import CallWatch, tell_outcome
from wooshpay.cli.calls.output import entries_of, json_of, print_entries, print_json, print_line, print_object
from wooshpay.cli.connection import connection_options, taken_from
from wooshpay.cli.streams import complain
from wooshpay.cli.texts import visible
from wooshpay.core.declaration import Declaration
from wooshpay.core.json import Json
from wooshpay.core.unset import UNSET
from wooshpay.describe.operations import Facts, facts_of
from wooshpay.describe.values import Arguments

_LARGEST_PAGE: Final = 100
_NESTED: Final = "wooshpay.nested"


class OperationCommand(click.Command):
    """The command of one declaration. Its options are made when they are asked for."""

    def __init__(self, name: str, declaration: Declaration) -> None:
        super().__init__(name)
        self._declaration = declaration

    @cached_property
    def facts(self) -> Facts:
        """What the declaration says."""
        return facts_of(self._declaration)

    # ---- options ----

    @cached_property
    def _own_options(self) -> list[click.Parameter]:
        return [click_parameter(parameter) for parameter in self.facts.parameters]

    @cached_property
    def _call_options(self) -> list[click.Parameter]:
        found: list[click.Parameter] = []
        if self.facts.is_list:
            found.append(
                click.Option(
                    ["--all", "everything"], is_flag=True, help="Print the entries of all pages, one on a line."
                )
            )
        found.append(
            click.Option(
                ["--format"],
                type=click.Choice(["json", "table"]),
                default="json",
                show_default=True,
                help="How to print the answer. JSON is on one line unless it goes to a terminal.",
            )
        )
        found.append(click.Option(["--dry-run"], is_flag=True, help="Print the request without secrets; send nothing."))
        if self._takes_body:
            found.append(
                click.Option(
                    ["--body"],
                    metavar="JSON",
                    help="The whole body, or @FILE, or - for standard input; the parameters given are put into it.",
                )
            )
        if self.facts.method == "POST":
            found.append(
                click.Option(
                    ["--idempotency-key"],
                    metavar="KEY",
                    help="The same for every try of one purchase: what was done before is not done again.",
                )
            )
        return [*found, *connection_options()]

    @property
    def _takes_body(self) -> bool:
        return self.facts.method == "POST" and self._declaration.params_in == "body"

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All options, with those of places within parameters that this command line names."""
        help_option = self.get_help_option(ctx)
        return [
            *self._own_options,
            *self._nested(ctx).values(),
            *self._call_options,
            *([help_option] if help_option is not None else []),
        ]

    def _nested(self, ctx: click.Context) -> dict[str, click.Option]:
        found: dict[str, click.Option] = ctx.meta.get(_NESTED, {})
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line."""
        ctx.meta[_NESTED], wrong = nested_options(self.facts, args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            problem = wrong.get(error.option_name)
            if problem is None:
                raise
            ctx.fail(sentence(self.facts, problem))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete options, those of places within parameters, too."""
        found = super().shell_complete(ctx, incomplete)
        known = {item.value for item in found}
        nested = [CompletionItem(name) for name in nested_names(self.facts, incomplete) if name not in known]
        return [*found, *nested]

    # ---- help ----

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the line of usage; click's own way breaks long ones beyond the edge."""
        words = " ".join(["Usage:", ctx.command_path, *self.collect_usage_pieces(ctx)])
        formatter.write(f"{textwrap.fill(words, formatter.width, subsequent_indent='  ')}\n")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the operation does."""
        descriptions.write_text(self.facts, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each option means."""
        descriptions.write_parameters(self.facts, formatter)
        descriptions.write_rules(self.facts, formatter)
        records = [option.get_help_record(ctx) for option in self._call_options]
        help_option = self.get_help_option(ctx)
        if help_option is not None:
            records.append(help_option.get_help_record(ctx))
        with formatter.section("Options"):
            formatter.write_dl([record for record in records if record is not None])

    # ---- running ----

    def invoke(self, ctx: click.Context) -> None:
        """Make the call, and print what comes back."""
        try:
            self._run(ctx, dict(ctx.params))
        except click.UsageError as error:
            ctx.fail(error.message)

    def _run(self, ctx: click.Context, options: dict[str, Any]) -> None:
        connection = taken_from(options)
        typed = typed_in(self.facts, self._nested(ctx), options)
        arguments = read_typed(self.facts, typed, options.get("body"))
        key = options.get("idempotency_key")
        settings = RequestOptions(idempotency_key=UNSET if key is None else key, extra_body=arguments.unknown)
        if options.get("everything"):
            arguments = self._in_large_pages(arguments)
        if options["dry_run"]:
            show(rehearse(self.facts.name, connection, arguments, settings), arguments.keywords)
            return
        watch = CallWatch()
        try:
            changes = self.facts.method != "GET"
            with (
                ending_signals(caught=changes),
                connection.client(on_retry=_tell, call_middlewares=[watch]) as client,
            ):
                operation = attrgetter(self.facts.name)(client)
                if options.get("everything"):
                    entries = _called(operation, arguments, settings, watch)
                    self._print_all(map(json_of, entries), options["format"])
                else:
                    answer = _called(operation.with_response, arguments, settings, watch)
                    self._print_one(answer.json() if answer.body else {}, options["format"])
        except (click.UsageError, WooshPayError):
            raise
        except BaseException as error:
            code = tell_outcome(self.facts.name, watch, error)
            if code is None:
                raise
            ctx.exit(code)

    def _in_large_pages(self, arguments: Arguments) -> Arguments:
        """Ask for as few pages as possible, unless the size of one was given."""
        if "limit" not in {parameter.name for parameter in self.facts.parameters} or "limit" in arguments.keywords:
            return arguments
        return attrs.evolve(arguments, keywords={**arguments.keywords, "limit": _LARGEST_PAGE})

    def _print_all(self, entries: Iterable[Json], form: str) -> None:
        if form == "table":
            print_entries(entries)
        else:
            for entry in entries:
                print_line(entry)

    def _print_one(self, answer: Json, form: str) -> None:
        if form != "table":
            print_json(answer)
        elif self.facts.is_list:
            print_entries(entries_of(answer))
        else:
            print_object(answer)


def _called(operation: Callable[..., Any], arguments: Arguments, settings: RequestOptions, watch: CallWatch) -> Any:
    try:
        return operation(*arguments.ids, **arguments.keywords, options=settings)
    except (TypeError, ValueError) as error:
        if watch.request is not None:
            raise  # a bug after the request was made, which must not look as if nothing had been sent
        # An id that cannot stand in a path, a number that JSON cannot carry: the SDK says it in a sentence.
        raise click.UsageError(f"{str(error).removesuffix('.')}.") from None


def _tell(event: RetryEvent) -> None:
    reason = f"HTTP {event.status}." if event.status is not None else visible(event.error or "")
    complain(f"Attempt {event.attempt}: {reason} Trying again in {event.wait:.1f} s.")
