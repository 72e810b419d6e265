"""owners of ad-hoc endpoints."""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Ad-hoc endpoints of before have no owner and do not count.
    op.add_column('endpoints', sa.Column('adhoc_owner', sa.String(), nullable=True))
    op.create_index(
        'ix_endpoints_adhoc_owner',
        'endpoints',
        ['adhoc_owner'],
        sqlite_where=sa.text('adhoc_key IS NOT NULL'),
        postgresql_where=sa.text('adhoc_key IS NOT NULL'),
    )
