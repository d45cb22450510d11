"""For a log-in form of one's own: refuse what another site's page sends."""

from .flask.csrf import refuse_cross_site as refuse_cross_site
