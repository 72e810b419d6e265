"""header values in attempts."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('endpoints', sa.Column('mask_attempts_after', sa.String(), nullable=True))
    # Any endpoint can have attempts with header values in clear, also one whose headers were removed since.
    op.execute("UPDATE endpoints SET mask_attempts_after = ''")
