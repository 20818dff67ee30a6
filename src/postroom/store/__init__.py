"""The store: tables, group commit, one module per noun. Everything durable goes through here, and nothing else does."""
