"""one active replay per filter."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

_REPLAYS = sa.table(
    'replays',
    sa.column('id', sa.String()),
    sa.column('filter', sa.Text()),
    sa.column('filter_digest', sa.String()),
    sa.column('state', sa.String()),
)
_ACTIVE = "state IN ('running', 'paused')"


def upgrade() -> None:
    op.add_column('replays', sa.Column('filter_digest', sa.String(), nullable=True))
    connection = op.get_bind()
    rows = connection.execute(sa.select(_REPLAYS).where(sa.text(_ACTIVE)).order_by(_REPLAYS.c.id)).mappings().all()
    # Two nodes may have started the same replay. Both go on, and only the first one keeps others from starting.
    first = {row['filter']: row['id'] for row in reversed(rows)}
    for text, replay_id in first.items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        connection.execute(sa.update(_REPLAYS).where(_REPLAYS.c.id == replay_id).values(filter_digest=digest))
    op.create_index(
        'ix_replays_active_filter',
        'replays',
        ['filter_digest'],
        unique=True,
        sqlite_where=sa.text(_ACTIVE),
        postgresql_where=sa.text(_ACTIVE),
    )
