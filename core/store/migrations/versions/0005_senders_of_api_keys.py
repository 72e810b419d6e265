"""senders of API keys."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('api_keys', schema=None) as batch_op:
        batch_op.add_column(sa.Column('sender', sa.String(), nullable=True))
    # Until now each key had idempotency keys of its own, stored under its id. They stay valid.
    op.execute('UPDATE api_keys SET sender = id')
    with op.batch_alter_table('api_keys', schema=None) as batch_op:
        batch_op.alter_column('sender', existing_type=sa.String(), nullable=False)
