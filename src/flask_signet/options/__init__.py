"""The options: one table, its checks, and the reader of a configuration."""
