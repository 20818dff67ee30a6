"""Alembic's entry: runs migrations on the connection that `store.schema` opened, inside its transaction."""

from alembic import context

from postroom.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
