"""API keys, people and their sessions."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from breakwater.core.store.schema.columns import epoch_column, json_column, long_text, owned_by


class ApiKey(SQLModel, table=True):
    """A bearer key. Only its SHA-256 is stored."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    name: str
    sender: str
    """The service account that the key belongs to. Several keys can have one sender, as during a rotation."""
    digest: str = Field(unique=True)
    preview: str
    """Its first characters, for display: `bw_3f9a…`."""
    scopes: list[str] = json_column("[]")
    created_at: float = epoch_column()
    created_by: str
    last_used_at: float | None = epoch_column(nullable=True)
    revoked_at: float | None = epoch_column(nullable=True)


class Person(SQLModel, table=True):
    """A person who can sign in."""

    __tablename__ = "people"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    role: str
    password_digest: str | None = long_text()
    """argon2id; None until the person has set a password."""
    created_at: float = epoch_column()
    disabled_at: float | None = epoch_column(nullable=True)


class Session(SQLModel, table=True):
    """A signed-in browser. Only the SHA-256 of its cookie is stored."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_person", "person_id"),)

    digest: str = Field(primary_key=True)
    person_id: str = owned_by("people.id")
    created_at: float = epoch_column()
    last_seen_at: float = epoch_column()
    expires_at: float = epoch_column()
    user_agent: str = ""


class SignInCode(SQLModel, table=True):
    """A single-use code by which a person sets a password. Only its SHA-256 is stored."""

    __tablename__ = "sign_in_codes"

    digest: str = Field(primary_key=True)
    person_id: str = owned_by("people.id")
    expires_at: float = epoch_column()
    used_at: float | None = epoch_column(nullable=True)
