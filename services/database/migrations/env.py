"""Runs the revisions in `versions/` on the connection that `services.database.migrating` hands over.

Its transaction is the caller's: never commit here.
"""

from alembic import context
from sqlmodel import SQLModel

import services.database.tables  # noqa: F401  # fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
