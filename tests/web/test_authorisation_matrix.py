"""Every route with every kind of credential: which responses each gets.

A new route fails until its row is here. Requests have no body and name things that do not exist, so that a request
that is allowed ends as its row says and changes nothing.
"""

from tests.web.credentials import CREDENTIALS, all_credentials, status
from tests.web.running_app import RunningApp
from tests.web.test_every_route import filled, routes

ACCESS = """
                key                                    session                           forged
         none unknown revoked read send operate admin | viewer operator administrator | disabled expired signed-out | no-token other-token cross-site
public    ok    ok      ok     ok   ok    ok      ok  |   ok      ok         ok       |    ok      ok        ok     |    ok       ok         ok
entry     ok    ok      ok     ok   ok    ok      ok  |   ok      ok         ok       |    ok      ok        ok     |    ok       ok         403
exit      ok    ok      ok     ok   ok    ok      ok  |   ok      ok         ok       |    ok      ok        ok     |    403      403        403
page      303   303     303    ok   403   ok      ok  |   ok      ok         ok       |    303     303       303    |    ok       ok         ok
admins    303   303     303    403  403   403     ok  |   403     403        ok       |    303     303       303    |    ok       ok         ok
read      401   401     401    ok   403   ok      ok  |   ok      ok         ok       |    401     401       401    |    ok       ok         ok
keys      401   401     401    403  403   403     ok  |   403     403        ok       |    401     401       401    |    ok       ok         ok
own       401   401     401    ok   403   ok      ok  |   ok      ok         ok       |    401     401       401    |    403      403        403
send      401   401     401    403  ok    403     ok  |   403     403        ok       |    401     401       401    |    403      403        403
operate   401   401     401    403  403   ok      ok  |   403     ok         ok       |    401     401       401    |    403      403        403
admin     401   401     401    403  403   403     ok  |   403     403        ok       |    401     401       401    |    403      403        403
"""  # noqa: E501 -- a table that is read by column
"""The status for each credential; `ok` is the one that the row of the route says. 303 leads to the sign-in page."""

ROUTES = """
public  200  GET    /health/live
public  200  GET    /health/ready
public  200  GET    /sign-in
public  200  GET    /welcome
public  404  GET    /static/{file_path}
public  404  HEAD   /static/{file_path}
entry   401  POST   /sign-in
entry   422  POST   /welcome
exit    303  POST   /sign-out

page    200  GET    /
page    200  GET    /audit
page    200  GET    /audit.csv
page    200  GET    /circuits
page    200  GET    /deliveries
page    200  GET    /deliveries/causes
page    404  GET    /deliveries/{delivery_id}
page    200  GET    /endpoints
page    404  GET    /endpoints/{endpoint_id}
page    200  GET    /events
page    404  GET    /messages/{message_id}
page    200  GET    /replays
page    200  GET    /replays/new
page    404  GET    /replays/{replay_id}
page    200  GET    /settings
admins  200  GET    /created/{created_id}
admins  200  GET    /endpoints/new
admins  404  GET    /endpoints/{endpoint_id}/edit

own     303  POST   /deliveries/views
own     303  POST   /deliveries/views/{view_id}/delete
own     303  POST   /settings/theme
own     303  POST   /settings/zone
operate 303  POST   /circuits/{endpoint_id}/hold
operate 303  POST   /circuits/{endpoint_id}/probe
operate 303  POST   /circuits/{endpoint_id}/release
operate 303  POST   /circuits/{endpoint_id}/reset
operate 303  POST   /deliveries/resend
operate 303  POST   /deliveries/{delivery_id}/cancel
operate 303  POST   /deliveries/{delivery_id}/resend
operate 303  POST   /endpoints/{endpoint_id}/pause
operate 303  POST   /endpoints/{endpoint_id}/ping
operate 303  POST   /endpoints/{endpoint_id}/resume
operate 422  POST   /replays
operate 303  POST   /replays/{replay_id}/cancel
operate 303  POST   /replays/{replay_id}/pause
operate 303  POST   /replays/{replay_id}/resume
admin   422  POST   /endpoints
admin   303  POST   /endpoints/{endpoint_id}/delete
admin   404  POST   /endpoints/{endpoint_id}/edit
admin   303  POST   /endpoints/{endpoint_id}/rotate-secret
admin   422  POST   /settings/keys
admin   303  POST   /settings/keys/{key_id}/revoke
admin   404  POST   /settings/keys/{key_id}/rotate
admin   422  POST   /settings/people
admin   303  POST   /settings/people/{person_id}/disable
admin   303  POST   /settings/people/{person_id}/sign-out

read    200  GET    /metrics
read    200  GET    /schema
read    200  GET    /schema/openapi.json
read    200  GET    /api/v1/audit
read    200  GET    /api/v1/circuits
read    404  GET    /api/v1/circuits/{endpoint_id}
read    200  GET    /api/v1/deliveries
read    404  GET    /api/v1/deliveries/{delivery_id}
read    200  GET    /api/v1/endpoints
read    404  GET    /api/v1/endpoints/{endpoint_id}
read    404  GET    /api/v1/messages/{message_id}
read    200  GET    /api/v1/replays
read    404  GET    /api/v1/replays/{replay_id}
read    404  GET    /api/v1/replays/{replay_id}/results
read    200  GET    /api/v1/stats
keys    200  GET    /api/v1/keys

send    400  POST   /api/v1/messages
send    400  POST   /api/v1/messages/batch
operate 400  POST   /api/v1/circuits/{endpoint_id}/hold
operate 404  POST   /api/v1/circuits/{endpoint_id}/probe
operate 404  POST   /api/v1/circuits/{endpoint_id}/release
operate 404  POST   /api/v1/circuits/{endpoint_id}/reset
operate 400  POST   /api/v1/deliveries/resend
operate 404  POST   /api/v1/deliveries/{delivery_id}/cancel
operate 404  POST   /api/v1/deliveries/{delivery_id}/resend
operate 404  POST   /api/v1/endpoints/{endpoint_id}/pause
operate 404  POST   /api/v1/endpoints/{endpoint_id}/resume
operate 404  POST   /api/v1/endpoints/{endpoint_id}/test
operate 400  POST   /api/v1/replays
operate 404  POST   /api/v1/replays/{replay_id}/cancel
operate 404  POST   /api/v1/replays/{replay_id}/pause
operate 404  POST   /api/v1/replays/{replay_id}/resume
admin   400  POST   /api/v1/endpoints
admin   400  PATCH  /api/v1/endpoints/{endpoint_id}
admin   404  DELETE /api/v1/endpoints/{endpoint_id}
admin   404  POST   /api/v1/endpoints/{endpoint_id}/rotate-secret
admin   400  POST   /api/v1/keys
admin   404  DELETE /api/v1/keys/{key_id}
admin   404  POST   /api/v1/keys/{key_id}/rotate
"""

SIGN_IN_PAUSE = 400.0
"""Seconds after which a source may try to sign in again."""
SAMPLE = ("none", "key: send", "viewer", "administrator")


def declared_access() -> dict[str, dict[str, str]]:
    """Return the cells of `ACCESS`, by group and credential."""
    lines = ACCESS.strip("\n").splitlines()[2:]
    rows = (line.replace("|", " ").split() for line in lines)
    return {group: dict(zip(CREDENTIALS, cells, strict=True)) for group, *cells in rows}


def declared_routes() -> dict[tuple[str, str], tuple[str, str]]:
    """Return group and status of each route."""
    rows = (line.split() for line in ROUTES.splitlines() if line)
    return {(method, path): (group, status) for group, status, method, path in rows}


def test_every_route_is_declared_and_every_declared_route_exists(service: RunningApp) -> None:
    assert set(declared_routes()) == set(routes(service.app))


async def test_every_credential_gets_what_the_table_says_on_every_route(service: RunningApp) -> None:
    access, credentials = declared_access(), await all_credentials(service)
    differences = []
    # The session of the administrator ends with the last row; the forged requests must not end it before.
    for (method, path), (group, own) in sorted(
        declared_routes().items(), key=lambda row: row[1][0] == "exit"
    ):
        for name in reversed(CREDENTIALS):
            declared = access[group][name].replace("ok", own)
            actual = str(await status(service, credentials[name], method, filled(path)))
            if actual != declared:
                differences.append(f"{method} {path} with {name}: {actual}, declared {declared}")
            if group == "entry":
                service.later(SIGN_IN_PAUSE)
    assert not differences, "\n".join(differences)


async def test_head_is_as_get_and_options_needs_a_credential(service: RunningApp) -> None:
    credentials = await all_credentials(service)
    for method, path in declared_routes():
        for name in SAMPLE:
            credential = credentials[name]
            if method == "GET":
                get, head = [
                    await status(service, credential, verb, filled(path)) for verb in ("GET", "HEAD")
                ]
                assert get == head, (path, name)
            options = await status(service, credential, "OPTIONS", filled(path))
            assert options in ({401, 303, 404} if name == "none" else {204, 404}), (path, name)


def test_a_viewer_has_the_rights_of_the_key_that_reads_and_so_on() -> None:
    for group, cells in declared_access().items():
        for key, role in (("read", "viewer"), ("operate", "operator"), ("admin", "administrator")):
            assert cells[f"key: {key}"] == cells[role], (group, role)
