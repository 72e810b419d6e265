"""statistics by the half hour."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('half_hour_stats',
    sa.Column('endpoint_id', sa.String(), nullable=False),
    sa.Column('minute', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('latency_bucket', sa.Integer(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint(
        'endpoint_id', 'minute', 'outcome', 'latency_bucket', name=op.f('pk_half_hour_stats')
    ),
    sqlite_with_rowid=False,
    )
