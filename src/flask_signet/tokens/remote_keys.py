"""What a ``fetch`` of :meth:`.JWTManager.add_issuer` returns and raises, by its public path."""

from ..keys.remote import Fetched as Fetched
from ..keys.remote import FetchError as FetchError
