"""Flask: the adapter of the engine."""
