"""A way back for administrators who cannot sign in: a link made while the service is stopped."""

from breakwater.core.accounts import Access
from breakwater.core.accounts.model import Role
from breakwater.core.clock import SystemClock
from breakwater.core.crypto.vault import Vault
from breakwater.core.ids import Ids
from breakwater.core.settings import Settings
from breakwater.core.store.engine import Database, require_database


async def invite_administrator(settings: Settings, name: str, *, actor: str) -> str:
    """Return a link that sets the password of the administrator `name`, who is created if missing.

    It works once and expires in ten minutes. A person who can write the database file could do the same by hand.

    Raises StartRefused when there is no database, or a running service uses it, and InvalidInput for the name.
    """
    require_database(settings.database_url)
    clock = SystemClock()
    database = Database(settings.database_url, Vault.from_settings(settings.secret_key, settings.key_file))
    await database.open()
    try:
        access = Access(database, Ids(clock), clock, settings)
        code = await access.people.invite(name, Role.ADMIN.value, actor=actor)
    finally:
        await database.close()
    return f"{settings.public_url}/welcome#{code}"
