"""`breakwater circuits`: the breakers, and what an operator does about them."""

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, Json, asks
from breakwater.web.cli.group import run_by_default


@click.group("circuits", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the circuits, worst first; or reset, probe, hold and release one."""
    if ctx.invoked_subcommand is None:
        run_by_default(ctx, _list)


@command.command("list")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="JSON, whole.")
@asks
def _list(client: Client, limit: int = 100, as_json: bool = False) -> None:
    """List the circuits, worst first."""
    found = list(client.everything("/circuits", limit=limit))
    if as_json:
        show.as_json(found)
        return
    columns = ("endpoint", "name", "state", "failures", "held", "next probe")
    show.table(columns, (_row(one) for one in found), empty="There is no endpoint yet, and so no circuit.")


def _row(one: Json) -> tuple[object, ...]:
    state = "held" if one["hold"] else one["state"]
    return (
        one["endpoint_id"],
        one.get("endpoint_name"),
        state,
        one["failure_count"],
        one["held"],
        show.short_time(one["retry_at"]),
    )


def _act(client: Client, endpoint_id: str, action: str, **fields: object) -> None:
    done = client.post(f"/circuits/{endpoint_id}/{action}", fields)
    show.line(str(done.get("sentence") or f"{endpoint_id}: {done.get('state', action)}"))


_reason = click.option("--reason", help="Why; it is kept in the audit.")


@command.command("reset")
@click.argument("endpoint_id", metavar="ENDPOINT")
@_reason
@asks
def _reset(client: Client, endpoint_id: str, reason: str | None) -> None:
    """Close the circuit of ENDPOINT now; what it held goes out."""
    _act(client, endpoint_id, "reset", reason=reason)


@command.command("probe")
@click.argument("endpoint_id", metavar="ENDPOINT")
@_reason
@asks
def _probe(client: Client, endpoint_id: str, reason: str | None) -> None:
    """Let the next few attempts to ENDPOINT through now, and decide by them."""
    _act(client, endpoint_id, "probe", reason=reason)


@command.command("hold")
@click.argument("endpoint_id", metavar="ENDPOINT")
@click.option("--reason", required=True, help="Why; others will want to know.")
@click.option("--until", help="When the hold ends by itself, such as 2026-11-22T06:00:00Z.")
@asks
def _hold(client: Client, endpoint_id: str, reason: str, until: str | None) -> None:
    """Hold the circuit of ENDPOINT open until it is released."""
    _act(client, endpoint_id, "hold", reason=reason, until=until)


@command.command("release")
@click.argument("endpoint_id", metavar="ENDPOINT")
@_reason
@asks
def _release(client: Client, endpoint_id: str, reason: str | None) -> None:
    """End the hold on ENDPOINT; its circuit probes."""
    _act(client, endpoint_id, "release", reason=reason)
