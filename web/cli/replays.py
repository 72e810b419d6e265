"""`breakwater replays`: bulk resends, tried first, started, and followed."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, Failed, Json, asks
from breakwater.web.cli.group import run_by_default

Function = TypeVar("Function", bound=Callable[..., Any])

_TYPED_ABOVE: Final = 50
"""Deliveries: more are confirmed by typing their number, as on the page."""
_ASKED_EVERY: Final = 1.0
_FILTERS: Final = {
    "status": "failed, delivered, cancelled; several separated by commas.",
    "endpoint": "Endpoint id.",
    "event_type": "Event type.",
    "class": "Class of failure: server_error, timeout, connect, ...",
    "error": "The latest error; … stands for any text.",
    "since": "Not before this time, or this long ago: 2026-11-22T03:00:00Z, 2h.",
    "until": "Before this time.",
    "q": "An id, an idempotency key, or a text in event type, error or payload.",
}


def _filter_options(function: Function) -> Function:
    for name, told in reversed(_FILTERS.items()):
        function = click.option(f"--{name.replace('_', '-')}", f"by_{name}", help=told)(function)
    return function


@click.group("replays", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the bulk resends; or start, show, pause, resume and cancel one."""
    if ctx.invoked_subcommand is None:
        run_by_default(ctx, _list)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="JSON, whole.")
@asks
def _list(client: Client, as_json: bool = False) -> None:
    """List the latest replays, newest first."""
    found = client.get("/replays")["items"]
    if as_json:
        show.as_json(found)
        return
    rows = (
        (
            one["id"],
            one["state"],
            f"{one['resent']:,} of {_total(one)}",
            f"{one['pace']:g}/s",
            one["words"],
            one["created_by"],
            show.short_time(one["created_at"]),
        )
        for one in found
    )
    columns = ("replay", "state", "resent", "pace", "what", "by", "started")
    show.table(columns, rows, empty="Nothing was resent in bulk yet.")


@command.command("start")
@_filter_options
@click.option("--all", "everything", is_flag=True, help="Everything that has ended, whatever came of it.")
@click.option("--pace", type=float, default=50.0, show_default=True, help="Deliveries a second.")
@click.option("--reason", help="Why; it is kept in the audit.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be resent.")
@click.option("--yes", is_flag=True, help="Do not ask before it starts.")
@click.option("--follow", is_flag=True, help="Stay, and show the progress.")
@asks
def _start(
    client: Client,
    *,
    everything: bool,
    pace: float,
    reason: str | None,
    dry_run: bool,
    yes: bool,
    follow: bool,
    **filters: str | None,
) -> None:
    """Resend every delivery that matches, oldest first. What arrives later is not touched."""
    wanted = {name.removeprefix("by_"): value for name, value in filters.items() if value}
    if not wanted and not everything:
        raise click.UsageError("say which deliveries are meant, such as --status failed, or --all")
    asked = {"filter": wanted, "pace": pace, "reason": reason}
    plan = client.post("/replays", {**asked, "dry_run": True})
    _tell_plan(plan)
    if dry_run:
        return
    if not yes:
        _confirm(plan)
    snapshot = {"up_to": plan["up_to"], "frozen_at": plan["frozen_at"]}
    started = client.post("/replays", {**asked, **snapshot})
    show.line(
        f"{started['id']} is running: `breakwater replays show {started['id']} --follow` shows how far it is."
    )
    if follow:
        _follow(client, started["id"])


@command.command("show")
@click.argument("replay_id", metavar="REPLAY")
@click.option("--follow", is_flag=True, help="Stay until it ends or is paused.")
@click.option("--json", "as_json", is_flag=True, help="JSON, whole.")
@asks
def _show(client: Client, replay_id: str, *, follow: bool, as_json: bool) -> None:
    """Show how far REPLAY has come, and what became of what it resent."""
    if follow:
        _follow(client, replay_id)
        return
    found = client.get(f"/replays/{replay_id}")
    if as_json:
        show.as_json(found)
    else:
        _tell(found)


def _turn(name: str, told: str) -> None:
    @command.command(name, help=told)
    @click.argument("replay_id", metavar="REPLAY")
    @asks
    def _turn_it(client: Client, replay_id: str) -> None:
        show.line(str(client.post(f"/replays/{replay_id}/{name}")["sentence"]))


_turn("pause", "Stop REPLAY for a while.")
_turn("resume", "Go on where REPLAY was paused.")
_turn("cancel", "End REPLAY: what it resent stays resent, the rest is not touched.")


def _tell_plan(plan: Json) -> None:
    show.line(f"{_total(plan)} would be resent: {plan['words']}.")
    rows = ((each["endpoint_name"], f"{each['count']:,}") for each in plan["endpoints"])
    show.table(("endpoint", "deliveries"), rows, empty="None of them has ended.")
    if again := plan["states"].get("delivered"):
        show.line(f"{again:,} of them were delivered before: their receivers may see them twice.")


def _confirm(plan: Json) -> None:
    """Ask as much as the number of deliveries deserves. Raises Failed when the answer is no."""
    number = plan["total"]
    if number <= 1:
        return
    if number <= _TYPED_ABOVE:
        click.confirm(f"Resend {number} deliveries?", abort=True)
    elif click.prompt(f"Type {number} to resend them", default="", show_default=False) != str(number):
        raise Failed("Nothing was started: the number was not typed. `--yes` starts without asking.")


def _follow(client: Client, replay_id: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=show.console()) as progress:
        bar = progress.add_task("running", total=None)
        while (found := client.get(f"/replays/{replay_id}"))["state"] == "running":
            progress.update(bar, total=found["total"], completed=found["resent"] + found["skipped"])
            time.sleep(_ASKED_EVERY)
        done = found["resent"] + found["skipped"]
        progress.update(bar, description=found["state"], total=found["total"], completed=done)
    _tell(found)


def _tell(found: Json) -> None:
    stand = ", ".join(f"{number:,} {state.replace('_', ' ')}" for state, number in found["outcomes"].items())
    left = f"; {found['skipped']:,} had changed and were left alone" if found["skipped"] else ""
    show.line(
        f"{found['id']} is {found['state']}: {found['resent']:,} of {_total(found)} resent{left}."
        + (f" They stand so now: {stand}." if stand else "")
    )


def _total(found: Json) -> str:
    return f"{found['total']:,}{'+' if found['total_more'] else ''}"
