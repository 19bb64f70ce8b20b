"""Alerts on their way: a letter for each channel, how channels stand, and what a person has seen."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import Name, Utc, Words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("acknowledged_at", Utc(), nullable=True))
    op.add_column("outbox", sa.Column("acknowledged_by", Name(), nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("over_at", Utc(), nullable=True))
    op.add_column("outbox", sa.Column("repeated", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("outbox", sa.Column("repeated_at", Utc(), nullable=True))
    op.execute("UPDATE outbox SET status = 'over', over_at = created_at")  # from before anything could be sent
    op.create_table(
        "letters",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("outbox_id", sa.Integer(), nullable=False),
        sa.Column("ledger", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("provider_id", Name(), nullable=False),
        sa.Column("error", Words(), nullable=False),
    )
    op.create_index("ix_letters_outbox_id", "letters", ["outbox_id"])
    op.create_index("ix_letters_channel_status", "letters", ["channel", "status"])
    op.create_table(
        "channels",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error", Words(), nullable=False),
        sa.Column("changed_at", Utc(), nullable=True),
        sa.Column("sent_at", Utc(), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("channels")
    op.drop_index("ix_letters_channel_status", "letters")
    op.drop_index("ix_letters_outbox_id", "letters")
    op.drop_table("letters")
    for column in ("repeated_at", "repeated", "over_at", "acknowledged_by", "acknowledged_at"):
        op.drop_column("outbox", column)
