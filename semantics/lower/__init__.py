"""The meaning of a spec: `lower(spec)` is its transition system.

Raises `Rejected` for a form whose meaning is not built yet.
"""

from .world import lower

__all__ = ["lower"]
