"""`breakwater replays`: try, start, follow, pause, resume and cancel bulk resends."""

import time
from typing import Final

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, Json, with_client
from breakwater.web.cli.errors import CommandError
from breakwater.web.cli.filter_options import filter_options, filters_of
from breakwater.web.cli.group import run_by_default
from breakwater.web.cli.options import REASON_HELP

_TYPE_NUMBER_ABOVE: Final = 50
"""More deliveries than this are confirmed by typing their number, as on the page."""
_POLL_SECONDS: Final = 1.0


@click.group("replays", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List bulk resends; start, show, pause, resume or cancel one."""
    if ctx.invoked_subcommand is None:
        run_by_default(ctx, _list)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def _list(client: Client, as_json: bool = False) -> None:
    """List the latest replays, newest first."""
    replays = client.get("/replays")["items"]
    if as_json:
        show.as_json(replays)
        return
    rows = (
        (
            replay["id"],
            replay["state"],
            f"{replay['resent']:,} of {_total(replay)}",
            f"{replay['pace']:g}/s",
            replay["words"],
            replay["created_by"],
            show.short_time(replay["created_at"]),
        )
        for replay in replays
    )
    columns = ("replay", "state", "resent", "rate", "filter", "by", "started")
    show.table(columns, rows, empty="No replays yet.")


@command.command("start")
@filter_options
@click.option("--all", "everything", is_flag=True, help="All delivered, failed and cancelled deliveries.")
@click.option("--pace", type=float, default=50.0, show_default=True, help="Rate in deliveries per second.")
@click.option("--reason", help=REASON_HELP)
@click.option("--dry-run", is_flag=True, help="Show what would be resent, without resending.")
@click.option("--yes", is_flag=True, help="Start without asking for confirmation.")
@click.option("--follow", is_flag=True, help="Show the progress until the replay ends or is paused.")
@with_client
def _start(
    client: Client,
    *,
    everything: bool,
    pace: float,
    reason: str | None,
    dry_run: bool,
    yes: bool,
    follow: bool,
    **options: str | None,
) -> None:
    """Resend all matching deliveries, oldest first. Deliveries that arrive later are not included."""
    filters = filters_of(options)
    if not filters and not everything:
        raise click.UsageError("Select deliveries with a filter such as --status failed, or with --all.")
    request = {"filter": filters, "pace": pace, "reason": reason}
    plan = client.post("/replays", {**request, "dry_run": True})
    _show_plan(plan)
    if dry_run:
        return
    if not yes:
        _confirm(plan)
    snapshot = {"up_to": plan["up_to"], "frozen_at": plan["frozen_at"]}
    replay = client.post("/replays", {**request, **snapshot})
    show.line(f"{replay['id']} started. Follow it with: breakwater replays show {replay['id']} --follow")
    if follow:
        _follow(client, replay["id"])


@command.command("show")
@click.argument("replay_id", metavar="REPLAY")
@click.option("--follow", is_flag=True, help="Show the progress until the replay ends or is paused.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def _show(client: Client, replay_id: str, *, follow: bool, as_json: bool) -> None:
    """Show the progress and the results of REPLAY."""
    if follow:
        _follow(client, replay_id)
        return
    replay = client.get(f"/replays/{replay_id}")
    if as_json:
        show.as_json(replay)
    else:
        _show_progress(replay)


def _add_operation(name: str, help_text: str) -> None:
    @command.command(name, help=help_text)
    @click.argument("replay_id", metavar="REPLAY")
    @with_client
    def _run_operation(client: Client, replay_id: str) -> None:
        show.line(str(client.post(f"/replays/{replay_id}/{name}")["sentence"]))


_add_operation("pause", "Pause REPLAY.")
_add_operation("resume", "Resume a paused REPLAY.")
_add_operation("cancel", "Cancel REPLAY. Deliveries that it has not resent are skipped.")


def _show_plan(plan: Json) -> None:
    show.line(f"{_total(plan)} would be resent: {plan['words']}.")
    rows = ((share["endpoint_name"], f"{share['count']:,}") for share in plan["endpoints"])
    show.table(("endpoint", "deliveries"), rows, empty="Nothing to resend: none of them has finished.")
    if delivered := plan["states"].get("delivered"):
        show.line(f"{delivered:,} were already delivered; receivers may get them twice.")


def _confirm(plan: Json) -> None:
    """Ask for confirmation; for many deliveries by typing their number. Raises CommandError when it fails."""
    number = plan["total"]
    if number <= 1:
        return
    if number <= _TYPE_NUMBER_ABOVE:
        click.confirm(f"Resend {number} deliveries?", abort=True)
    elif click.prompt(f"Type {number} to confirm", default="", show_default=False) != str(number):
        raise CommandError("Not started: the number does not match. Use --yes to start without confirmation.")


def _follow(client: Client, replay_id: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=show.console()) as progress:
        bar = progress.add_task("running", total=None)
        while (replay := client.get(f"/replays/{replay_id}"))["state"] == "running":
            progress.update(bar, total=replay["total"], completed=replay["resent"] + replay["skipped"])
            time.sleep(_POLL_SECONDS)
        completed = replay["resent"] + replay["skipped"]
        progress.update(bar, description=replay["state"], total=replay["total"], completed=completed)
    _show_progress(replay)


def _show_progress(replay: Json) -> None:
    results = ", ".join(
        f"{number:,} {state.replace('_', ' ')}" for state, number in replay["outcomes"].items()
    )
    skipped = f", {replay['skipped']:,} skipped (changed since then)" if replay["skipped"] else ""
    show.line(
        f"{replay['id']} is {replay['state']}: {replay['resent']:,} of {_total(replay)} resent{skipped}."
        + (f" Results: {results}." if results else "")
    )


def _total(replay: Json) -> str:
    return f"{replay['total']:,}{'+' if replay['total_more'] else ''}"
