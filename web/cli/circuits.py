"""`breakwater circuits`: list circuits; reset, probe, hold and release one."""

import click

from breakwater.web.cli import show
from breakwater.web.cli.client import Client, Json, with_client
from breakwater.web.cli.group import run_by_default
from breakwater.web.cli.options import REASON_HELP


@click.group("circuits", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List circuits, open ones first; reset, probe, hold or release one."""
    if ctx.invoked_subcommand is None:
        run_by_default(ctx, _list)


@command.command("list")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="Maximum number of rows."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def _list(client: Client, limit: int = 100, as_json: bool = False) -> None:
    """List circuits, open ones first."""
    circuits = list(client.list_items("/circuits", limit=limit))
    if as_json:
        show.as_json(circuits)
        return
    columns = ("endpoint", "name", "state", "failures", "held", "next probe")
    show.table(columns, map(_row, circuits), empty="No endpoints yet, so there are no circuits.")


def _row(circuit: Json) -> tuple[object, ...]:
    return (
        circuit["endpoint_id"],
        circuit.get("endpoint_name"),
        "held" if circuit["hold"] else circuit["state"],
        circuit["failure_count"],
        circuit["held"],
        show.short_time(circuit["retry_at"]),
    )


def _run_operation(client: Client, endpoint_id: str, name: str, **fields: object) -> None:
    result = client.post(f"/circuits/{endpoint_id}/{name}", fields)
    show.line(str(result.get("sentence") or f"{endpoint_id}: {result.get('state', name)}"))


_reason = click.option("--reason", help=REASON_HELP)


@command.command("reset")
@click.argument("endpoint_id", metavar="ENDPOINT")
@_reason
@with_client
def _reset(client: Client, endpoint_id: str, reason: str | None) -> None:
    """Close the circuit of ENDPOINT and release its held deliveries."""
    _run_operation(client, endpoint_id, "reset", reason=reason)


@command.command("probe")
@click.argument("endpoint_id", metavar="ENDPOINT")
@_reason
@with_client
def _probe(client: Client, endpoint_id: str, reason: str | None) -> None:
    """Set the circuit of ENDPOINT to half-open, so that a few probes decide its state."""
    _run_operation(client, endpoint_id, "probe", reason=reason)


@command.command("hold")
@click.argument("endpoint_id", metavar="ENDPOINT")
@click.option("--reason", required=True, help="Reason, shown to others and recorded in the audit log.")
@click.option("--until", help="Time at which the hold expires, such as 2026-11-22T06:00:00Z.")
@with_client
def _hold(client: Client, endpoint_id: str, reason: str, until: str | None) -> None:
    """Hold all deliveries to ENDPOINT until the hold is released or expires."""
    _run_operation(client, endpoint_id, "hold", reason=reason, until=until)


@command.command("release")
@click.argument("endpoint_id", metavar="ENDPOINT")
@_reason
@with_client
def _release(client: Client, endpoint_id: str, reason: str | None) -> None:
    """Release the hold on ENDPOINT; its circuit probes first."""
    _run_operation(client, endpoint_id, "release", reason=reason)
