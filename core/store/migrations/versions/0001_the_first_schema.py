"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('api_keys',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('preview', sa.String(), nullable=False),
    sa.Column('scopes', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('last_used_at', sa.Double(), nullable=True),
    sa.Column('revoked_at', sa.Double(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_keys')),
    sa.UniqueConstraint('digest', name=op.f('uq_api_keys_digest'))
    )
    op.create_table('audit_entries',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('actor', sa.String(), nullable=False),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('detail', sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('affected', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entries'))
    )
    with op.batch_alter_table('audit_entries', schema=None) as batch_op:
        batch_op.create_index('ix_audit_entries_action', ['action', 'id'], unique=False)
        batch_op.create_index('ix_audit_entries_actor', ['actor', 'id'], unique=False)
        batch_op.create_index('ix_audit_entries_subject', ['subject', 'id'], unique=False)

    op.create_table('endpoints',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('description', sa.String(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('adhoc_key', sa.String(), nullable=True),
    sa.Column('event_types', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('state_reason', sa.Text(), nullable=True),
    sa.Column('timeout_seconds', sa.Double(), nullable=False),
    sa.Column('retry_delays', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('retry_jitter', sa.Double(), nullable=False),
    sa.Column('circuit', sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('max_in_flight', sa.Integer(), nullable=False),
    sa.Column('rate_limit_per_second', sa.Double(), nullable=True),
    sa.Column('headers', sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('signature', sa.String(), nullable=False),
    sa.Column('secret', sa.LargeBinary(), nullable=True),
    sa.Column('previous_secret', sa.LargeBinary(), nullable=True),
    sa.Column('previous_secret_until', sa.Double(), nullable=True),
    sa.Column('throttled_until', sa.Double(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('updated_at', sa.Double(), nullable=False),
    sa.Column('deleted_at', sa.Double(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_endpoints'))
    )
    with op.batch_alter_table('endpoints', schema=None) as batch_op:
        batch_op.create_index('ix_endpoints_adhoc_url', ['adhoc_key'], unique=True)

    op.create_table('idempotency_keys',
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('fingerprint', sa.String(), nullable=False),
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('scope', 'key', name=op.f('pk_idempotency_keys'))
    )
    with op.batch_alter_table('idempotency_keys', schema=None) as batch_op:
        batch_op.create_index('ix_idempotency_keys_expires', ['expires_at'], unique=False)

    op.create_table('messages',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('event_type', sa.String(), nullable=False),
    sa.Column('payload', sa.LargeBinary(), nullable=False),
    sa.Column('delivery_count', sa.Integer(), nullable=False),
    sa.Column('idempotency_key', sa.String(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_messages'))
    )
    with op.batch_alter_table('messages', schema=None) as batch_op:
        batch_op.create_index('ix_messages_created', ['created_at'], unique=False)
        batch_op.create_index('ix_messages_idempotency_key', ['idempotency_key'], unique=False, sqlite_where=sa.text('idempotency_key IS NOT NULL'), postgresql_where=sa.text('idempotency_key IS NOT NULL'))

    op.create_table('minute_stats',
    sa.Column('endpoint_id', sa.String(), nullable=False),
    sa.Column('minute', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('latency_bucket', sa.Integer(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('endpoint_id', 'minute', 'outcome', 'latency_bucket', name=op.f('pk_minute_stats'))
    )
    with op.batch_alter_table('minute_stats', schema=None) as batch_op:
        batch_op.create_index('ix_minute_stats_minute', ['minute'], unique=False)

    op.create_table('people',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('password_digest', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('disabled_at', sa.Double(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_people')),
    sa.UniqueConstraint('name', name=op.f('uq_people_name'))
    )
    op.create_table('circuit_transitions',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('endpoint_id', sa.String(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('from_state', sa.String(), nullable=False),
    sa.Column('to_state', sa.String(), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.Column('failure_count', sa.Integer(), nullable=False),
    sa.Column('success_count', sa.Integer(), nullable=False),
    sa.Column('attempt_id', sa.String(), nullable=True),
    sa.Column('delivery_id', sa.String(), nullable=True),
    sa.Column('actor', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['endpoint_id'], ['endpoints.id'], name=op.f('fk_circuit_transitions_endpoint_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_circuit_transitions'))
    )
    with op.batch_alter_table('circuit_transitions', schema=None) as batch_op:
        batch_op.create_index('ix_circuit_transitions_endpoint', ['endpoint_id', 'id'], unique=False)

    op.create_table('circuits',
    sa.Column('endpoint_id', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('failure_count', sa.Integer(), nullable=False),
    sa.Column('success_count', sa.Integer(), nullable=False),
    sa.Column('last_failure_time', sa.Double(), nullable=True),
    sa.Column('opened_at', sa.Double(), nullable=True),
    sa.Column('retry_at', sa.Double(), nullable=True),
    sa.Column('reopenings', sa.Integer(), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('permits', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('window', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('hold_reason', sa.Text(), nullable=True),
    sa.Column('held_at', sa.Double(), nullable=True),
    sa.Column('hold_until', sa.Double(), nullable=True),
    sa.Column('held_by', sa.String(), nullable=True),
    sa.Column('updated_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['endpoint_id'], ['endpoints.id'], name=op.f('fk_circuits_endpoint_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('endpoint_id', name=op.f('pk_circuits'))
    )
    op.create_table('deliveries',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('message_id', sa.String(), nullable=False),
    sa.Column('endpoint_id', sa.String(), nullable=False),
    sa.Column('event_type', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('next_attempt_at', sa.Double(), nullable=True),
    sa.Column('trigger', sa.String(), nullable=False),
    sa.Column('attempt_count', sa.Integer(), nullable=False),
    sa.Column('budget_spent', sa.Integer(), nullable=False),
    sa.Column('lost_count', sa.Integer(), nullable=False),
    sa.Column('failure_class', sa.String(), nullable=True),
    sa.Column('status_code', sa.Integer(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('claim_token', sa.String(), nullable=True),
    sa.Column('claimed_by', sa.String(), nullable=True),
    sa.Column('lease_until', sa.Double(), nullable=True),
    sa.Column('retry_delays', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('finished_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['endpoint_id'], ['endpoints.id'], name=op.f('fk_deliveries_endpoint_id')),
    sa.ForeignKeyConstraint(['message_id'], ['messages.id'], name=op.f('fk_deliveries_message_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries'))
    )
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.create_index('ix_deliveries_due', ['endpoint_id', 'next_attempt_at', 'id'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.create_index('ix_deliveries_endpoint', ['endpoint_id', 'id'], unique=False)
        batch_op.create_index('ix_deliveries_endpoint_failure', ['endpoint_id', 'failure_class', 'id'], unique=False, sqlite_where=sa.text('failure_class IS NOT NULL'), postgresql_where=sa.text('failure_class IS NOT NULL'))
        batch_op.create_index('ix_deliveries_endpoint_state', ['endpoint_id', 'state', 'id'], unique=False)
        batch_op.create_index('ix_deliveries_event_type', ['event_type', 'id'], unique=False)
        batch_op.create_index('ix_deliveries_failure', ['failure_class', 'id'], unique=False, sqlite_where=sa.text('failure_class IS NOT NULL'), postgresql_where=sa.text('failure_class IS NOT NULL'))
        batch_op.create_index('ix_deliveries_finished', ['finished_at'], unique=False, sqlite_where=sa.text('finished_at IS NOT NULL'), postgresql_where=sa.text('finished_at IS NOT NULL'))
        batch_op.create_index('ix_deliveries_lease', ['lease_until'], unique=False, sqlite_where=sa.text("state = 'in_flight'"), postgresql_where=sa.text("state = 'in_flight'"))
        batch_op.create_index('ix_deliveries_message', ['message_id'], unique=False)
        batch_op.create_index('ix_deliveries_state', ['state', 'id'], unique=False)

    op.create_table('sessions',
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('last_seen_at', sa.Double(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    sa.Column('user_agent', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_sessions_person_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_sessions'))
    )
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.create_index('ix_sessions_person', ['person_id'], unique=False)

    op.create_table('sign_in_codes',
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    sa.Column('used_at', sa.Double(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_sign_in_codes_person_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_sign_in_codes'))
    )
    op.create_table('attempts',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('delivery_id', sa.String(), nullable=False),
    sa.Column('endpoint_id', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('trigger', sa.String(), nullable=False),
    sa.Column('started_at', sa.Double(), nullable=False),
    sa.Column('duration_ms', sa.Integer(), nullable=True),
    sa.Column('failure_class', sa.String(), nullable=True),
    sa.Column('status_code', sa.Integer(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('request_headers', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('response_headers', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
    sa.Column('response_body', sa.LargeBinary(), nullable=True),
    sa.Column('response_truncated', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['delivery_id'], ['deliveries.id'], name=op.f('fk_attempts_delivery_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attempts'))
    )
    with op.batch_alter_table('attempts', schema=None) as batch_op:
        batch_op.create_index('ix_attempts_delivery', ['delivery_id', 'number'], unique=False)
        batch_op.create_index('ix_attempts_endpoint', ['endpoint_id', 'id'], unique=False)
        batch_op.create_index('ix_attempts_failure', ['endpoint_id', 'id'], unique=False, sqlite_where=sa.text('failure_class IS NOT NULL'), postgresql_where=sa.text('failure_class IS NOT NULL'))

