"""Where sessions are kept. Each store satisfies :mod:`flask_signet.tokens.store`."""
