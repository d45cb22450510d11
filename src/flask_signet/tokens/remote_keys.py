"""What a ``fetch`` of :meth:`.JWTManager.add_issuer` returns and raises, by its public path."""

from ..keys.fetch import Fetched as Fetched
from ..keys.fetch import FetchError as FetchError
