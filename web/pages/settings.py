"""The settings page: people, API keys, theme and time zone of this browser, and the settings of the service."""

from secrets import token_hex
from typing import Any, Final

from litestar import get
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from breakwater.core.accounts.model import KeyView, Role, Scope
from breakwater.core.domain.errors import Conflict, InvalidInput
from breakwater.core.operations.result import OperationResult
from breakwater.core.text.format import pluralize
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
from breakwater.web.pages.shown_once import ShownOnce, redirect_to_secret
from breakwater.web.pages.submissions import form_post
from breakwater.web.pages.zones import COOKIE, UTC_NAME, names, offered
from breakwater.web.security.cookies import preference_cookie
from breakwater.web.security.guards import requires

SETTINGS: Final = "/settings"
_TEN_YEARS: Final = 10 * 365 * 86_400
_MAX_QUOTED: Final = 60
"""Characters of an unknown zone in its error message."""


async def _settings_page(
    request: PageRequest,
    *,
    form: Form | None = None,
    invalid: InvalidInput | None = None,
    invalid_form: str = "",
    status_code: int = 422,
) -> Template:
    """Return the page; when a form is `invalid`, with the form, its problems and `status_code`."""
    runtime = runtime_of(request)
    problems = {problem.field: problem for problem in invalid.problems} if invalid else {}
    return render_page(
        request,
        "settings/settings.html",
        status_code=status_code if invalid else 200,
        form=form or Form(),
        keys=await runtime.access.keys.all(),
        people=await runtime.access.people.all(),
        problems=problems,
        roles=tuple(Role),
        scopes=tuple(Scope),
        service=runtime.settings,
        max_in_flight=runtime.max_in_flight,
        invalid_form=invalid_form,
        zones=offered(),
    )


@get(SETTINGS, guards=[requires("read")], include_in_schema=False)
async def settings(request: PageRequest) -> Template:
    """Show the settings."""
    return await _settings_page(request)


@form_post(f"{SETTINGS}/theme", "read")
async def theme(request: PageRequest) -> Response[Any]:
    """Save the theme in this browser."""
    form = await read_form(request, {"theme"})
    theme_name = form.get("theme", "")
    cookie = preference_cookie(request, "theme", theme_name if theme_name in THEMES else "", _TEN_YEARS)
    return Redirect(SETTINGS, status_code=303, cookies=[cookie])


@form_post(f"{SETTINGS}/zone", "read")
async def zone(request: PageRequest) -> Response[Any]:
    """Save the time zone in this browser."""
    form = await read_form(request, {"zone"})
    zone_name = form.get("zone", "")
    if zone_name not in names():
        unknown = Flash("error", f'Unknown time zone "{zone_name[:_MAX_QUOTED]}". Times are unchanged.')
        return respond_with_flash(request, unknown, back=SETTINGS, status_code=422)
    response = redirect_with_flash(request, Flash("success", f"Times are now in {zone_name}."), SETTINGS)
    response.set_cookie(
        preference_cookie(request, COOKIE, "" if zone_name == UTC_NAME else zone_name, _TEN_YEARS)
    )
    return response


@form_post(f"{SETTINGS}/keys", "admin")
async def create_key(request: PageRequest) -> Response[Any]:
    """Create an API key and show it once."""
    form = await read_form(request, {"name", "sender"}, many={"scopes"})
    try:
        key, token = await runtime_of(request).access.keys.create(
            form.get("name", ""),
            form.lists["scopes"],
            actor=actor_of(request),
            sender=form.get("sender", "").strip() or None,
        )
    except InvalidInput as invalid:
        return await _settings_page(request, form=form, invalid=invalid, invalid_form="key")
    return _show_key(request, key, token, rotated=False)


@form_post(f"{SETTINGS}/keys/{{key_id:str}}/rotate", "admin")
async def rotate_key(request: PageRequest, key_id: FromPath[str]) -> Response[Any]:
    """Create a second key of the same sender and show it once."""
    await read_form(request)
    key, token = await runtime_of(request).access.keys.rotate(key_id, actor=actor_of(request))
    return _show_key(request, key, token, rotated=True)


def _show_key(request: PageRequest, key: KeyView, token: str, *, rotated: bool) -> Response[Any]:
    scopes = tuple(scope.value for scope in key.scopes)
    shown = ShownOnce(kind="key", id=key.id, name=key.name, text=token, scopes=scopes, rotated=rotated)
    return redirect_to_secret(request, shown)


@form_post(f"{SETTINGS}/keys/{{key_id:str}}/revoke", "admin")
async def revoke_key(request: PageRequest, key_id: FromPath[str]) -> Response[Any]:
    """Revoke an API key."""
    await read_form(request)

    async def revoke() -> OperationResult:
        await runtime_of(request).access.keys.revoke(key_id, actor=actor_of(request))
        return OperationResult("API key revoked. Requests with it are now refused.")

    return await run_action(request, revoke(), back=SETTINGS)


@form_post(f"{SETTINGS}/people", "admin")
async def invite(request: PageRequest) -> Response[Any]:
    """Create an invite link and show it once."""
    form = await read_form(request, {"name", "role"})
    runtime = runtime_of(request)
    name = form.get("name", "")
    try:
        code = await runtime.access.people.invite(name, form.get("role", ""), actor=actor_of(request))
    except InvalidInput as invalid:
        return await _settings_page(request, form=form, invalid=invalid, invalid_form="person")
    except Conflict as conflict:
        last = InvalidInput.of("role", str(conflict))
        return await _settings_page(request, form=form, invalid=last, invalid_form="person", status_code=409)
    origin = runtime.settings.base_url or f"{request.url.scheme}://{request.url.netloc}"
    page_id = f"prs_{token_hex(8)}"  # a person who exists can be invited again
    shown = ShownOnce(kind="invitation", id=page_id, name=name, text=f"{origin}/welcome#{code}")
    return redirect_to_secret(request, shown)


@form_post(f"{SETTINGS}/people/{{person_id:str}}/disable", "admin")
async def disable_person(request: PageRequest, person_id: FromPath[str]) -> Response[Any]:
    """Disable a person."""
    await read_form(request)

    async def disable() -> OperationResult:
        await runtime_of(request).access.people.disable(person_id, actor=actor_of(request))
        return OperationResult("Person disabled. All their sessions have ended.")

    return await run_action(request, disable(), back=SETTINGS)


@form_post(f"{SETTINGS}/people/{{person_id:str}}/sign-out", "admin")
async def end_sessions(request: PageRequest, person_id: FromPath[str]) -> Response[Any]:
    """End every session of a person."""
    await read_form(request)
    session_count = await runtime_of(request).access.sessions.end_all(person_id, actor=actor_of(request))
    return respond_with_flash(
        request, Flash("success", f"Signed out of {pluralize(session_count, 'session')}."), back=SETTINGS
    )


HANDLERS: Final = [
    settings,
    theme,
    zone,
    create_key,
    rotate_key,
    revoke_key,
    invite,
    disable_person,
    end_sessions,
]
