"""Secrets at rest: a key file, sealed texts, a store of them. The one place that knows the cryptography library.

Commands (`commands`, `rotating`) are imported by name, for they know the settings, and the settings know this.
"""

from services.secrets.sealing import is_sealed, key_id
from services.secrets.vault import STORE, Kept, Vault

__all__ = ["STORE", "Kept", "Vault", "is_sealed", "key_id"]
