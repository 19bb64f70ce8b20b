"""Recovery codes beside the second factor, and tokens that may only read."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import Name, Utc, Words

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("recovery_codes", Words(), nullable=False, server_default="[]"))
    op.create_table(
        "read_tokens",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("username", Name(), nullable=False),
        sa.Column("name", Name(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False, unique=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("used_at", Utc(), nullable=True),
    )
    op.create_index("ix_read_tokens_username", "read_tokens", ["username"])


def downgrade() -> None:
    op.drop_index("ix_read_tokens_username", "read_tokens")
    op.drop_table("read_tokens")
    op.drop_column("users", "recovery_codes")
