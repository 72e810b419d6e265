"""secret headers."""

import json

import sqlalchemy as sa
from alembic import context, op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

_ENDPOINTS = sa.table(
    'endpoints',
    sa.column('id', sa.String()),
    sa.column('secret', sa.LargeBinary()),
    sa.column('headers', sa.JSON()),
    sa.column('secret_headers', sa.LargeBinary()),
    sa.column('deleted_at', sa.Double()),
)


def upgrade() -> None:
    op.add_column('endpoints', sa.Column('secret_headers', sa.LargeBinary(), nullable=True))
    connection = op.get_bind()
    rows = connection.execute(sa.select(_ENDPOINTS)).mappings().all()
    with_headers = [row for row in rows if _secret_values(row['headers'])]
    if not with_headers:
        return
    sealer = context.config.attributes.get('sealer')
    if sealer is None:
        raise RuntimeError('The stored headers must be sealed: pass the vault to the database.')
    for row in rows:  # a wrong key must not seal anything: the right one could not open it later
        if row['secret'] is not None and row['deleted_at'] is None:
            sealer.open(row['secret'], row['id'])
    sqlite = connection.dialect.name == 'sqlite'
    if sqlite:  # overwrite the plain values in the file, instead of only freeing their space
        connection.exec_driver_sql('PRAGMA secure_delete=ON')
    for row in with_headers:
        secret = _secret_values(row['headers'])
        values = {
            'headers': {name: None if name in secret else value for name, value in row['headers'].items()},
            'secret_headers': sealer.seal(json.dumps(secret), f'{row["id"]} (headers)'),
        }
        connection.execute(sa.update(_ENDPOINTS).where(_ENDPOINTS.c.id == row['id']).values(values))
    if sqlite:
        connection.exec_driver_sql('PRAGMA secure_delete=OFF')


def _secret_values(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != 'content-type'}
