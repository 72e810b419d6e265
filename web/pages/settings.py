"""Settings: people, API keys, the theme and the time zone of this browser, and what the service was started with."""

from typing import Any, Final

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from breakwater.core.accounts.model import Role, Scope
from breakwater.core.domain.errors import InvalidInput
from breakwater.core.operations.result import OperationResult
from breakwater.web.pages.forms import Form, read_form
from breakwater.web.pages.reply import (
    THEMES,
    Flash,
    PageRequest,
    actor_of,
    redirect_with_flash,
    render_page,
    respond_with_flash,
    run_action,
    runtime_of,
)
from breakwater.web.pages.zones import COOKIE, UTC_NAME, names, offered
from breakwater.web.security.guards import requires

SETTINGS: Final = "/settings"
_TEN_YEARS: Final = 10 * 365 * 86_400
_SHOWN: Final = 60
"""Characters of a name that is none, as it is told."""


async def _settings_page(
    request: PageRequest, *, form: Form | None = None, invalid: InvalidInput | None = None, which: str = ""
) -> Template:
    runtime = runtime_of(request)
    problems = {problem.field: problem.message for problem in invalid.problems} if invalid else {}
    return render_page(
        request,
        "settings/settings.html",
        status_code=422 if invalid else 200,
        form=form or Form(),
        keys=await runtime.access.keys.all(),
        people=await runtime.access.people.all(),
        problems=problems,
        roles=tuple(Role),
        scopes=tuple(Scope),
        service=runtime.settings,
        which=which,
        zones=offered(),
    )


@get(SETTINGS, guards=[requires("read")], include_in_schema=False)
async def settings(request: PageRequest) -> Template:
    """Show the settings."""
    return await _settings_page(request)


@post(f"{SETTINGS}/theme", guards=[requires("read")], include_in_schema=False)
async def theme(request: PageRequest) -> Response[Any]:
    """Remember light, dark, or as the system, in this browser."""
    form = await read_form(request, {"theme"})
    chosen = form.get("theme", "")
    cookie = _remembered(request, "theme", chosen if chosen in THEMES else "")
    return Redirect(SETTINGS, status_code=303, cookies=[cookie])


def _remembered(request: PageRequest, key: str, value: str) -> Cookie:
    """Return the cookie that keeps a choice in this browser; that of no choice ends it."""
    return Cookie(
        key=key,
        value=value,
        max_age=_TEN_YEARS if value else 0,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


@post(f"{SETTINGS}/zone", guards=[requires("read")], include_in_schema=False)
async def zone(request: PageRequest) -> Response[Any]:
    """Remember in this browser in which zone times are shown."""
    form = await read_form(request, {"zone"})
    chosen = form.get("zone", "")
    if chosen not in names():
        unknown = Flash(
            "error", f"“{chosen[:_SHOWN]}” is no time zone that is known here; times stay as they are."
        )
        return respond_with_flash(request, unknown, back=SETTINGS, status_code=422)
    done = redirect_with_flash(request, Flash("success", f"Times are in {chosen} from now on."), SETTINGS)
    done.set_cookie(_remembered(request, COOKIE, "" if chosen == UTC_NAME else chosen))
    return done


@post(f"{SETTINGS}/keys", guards=[requires("admin")], status_code=200, include_in_schema=False)
async def create_key(request: PageRequest) -> Template:
    """Make an API key and show it this once."""
    form = await read_form(request, {"name"}, many={"scopes"})
    try:
        key, token = await runtime_of(request).access.keys.create(
            form.get("name", ""), form.lists["scopes"], actor=actor_of(request)
        )
    except InvalidInput as invalid:
        return await _settings_page(request, form=form, invalid=invalid, which="key")
    return render_page(request, "settings/key.html", key=key, token=token)


@post(f"{SETTINGS}/keys/{{key_id:str}}/revoke", guards=[requires("admin")], include_in_schema=False)
async def revoke_key(request: PageRequest, key_id: FromPath[str]) -> Response[Any]:
    """End a key."""
    await read_form(request)

    async def revoke() -> OperationResult:
        await runtime_of(request).access.keys.revoke(key_id, actor=actor_of(request))
        return OperationResult("Revoked: requests with this key are refused from now on.")

    return await run_action(request, revoke(), back=SETTINGS)


@post(f"{SETTINGS}/people", guards=[requires("admin")], status_code=200, include_in_schema=False)
async def invite(request: PageRequest) -> Template:
    """Invite a person and show the link that lets them in, this once."""
    form = await read_form(request, {"name", "role"})
    runtime = runtime_of(request)
    name = form.get("name", "")
    try:
        code = await runtime.access.people.invite(name, form.get("role", ""), actor=actor_of(request))
    except InvalidInput as invalid:
        return await _settings_page(request, form=form, invalid=invalid, which="person")
    origin = runtime.settings.base_url or f"{request.url.scheme}://{request.url.netloc}"
    return render_page(request, "settings/invitation.html", person=name, link=f"{origin}/welcome#{code}")


@post(f"{SETTINGS}/people/{{person_id:str}}/disable", guards=[requires("admin")], include_in_schema=False)
async def disable_person(request: PageRequest, person_id: FromPath[str]) -> Response[Any]:
    """Let a person in no more."""
    await read_form(request)

    async def disable() -> OperationResult:
        await runtime_of(request).access.people.disable(person_id, actor=actor_of(request))
        return OperationResult("Disabled: every session of that person has ended.")

    return await run_action(request, disable(), back=SETTINGS)


@post(f"{SETTINGS}/people/{{person_id:str}}/sign-out", guards=[requires("admin")], include_in_schema=False)
async def end_sessions(request: PageRequest, person_id: FromPath[str]) -> Response[Any]:
    """End every session of a person."""
    await read_form(request)
    ended = await runtime_of(request).access.sessions.end_all(person_id)
    return respond_with_flash(request, Flash("success", f"Signed out of {ended} browsers."), back=SETTINGS)


HANDLERS: Final = [settings, theme, zone, create_key, revoke_key, invite, disable_person, end_sessions]
