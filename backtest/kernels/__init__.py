"""Compiled arithmetic for many runs over one history: float64, no objects, no GIL. Only `backtest/` uses it.

The exact engine is the definition; a property test holds these to the same trades. Whoever imports a module of this
package loads numba, which takes a second and 100 MB: only child processes and commands do.
"""
