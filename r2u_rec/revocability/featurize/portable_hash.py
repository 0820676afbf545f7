"""A hash in plain integer arithmetic, so that every engine draws the same sample."""

from __future__ import annotations

from ibis.expr.types import IntegerValue

MODULUS = 2_147_483_647
"""The prime 2**31 - 1: the square of a remainder fits 63 bits, so nothing overflows in any engine."""


def portable_hash(seed: int, first: IntegerValue, second: IntegerValue | None = None) -> IntegerValue:
    """Returns a hash in [0, 2**31 - 1) of one or two integers in that range.

    Two squarings after two linear steps: linear steps alone, even modulo different primes, leave neighbouring numbers with
    equal bits, and one squaring leaves products of three neighbours correlated.
    """
    x = first.cast("int64") * 1_103_515_245 + (seed * 48_271 + 11) % MODULUS
    x = (x if second is None else x + second.cast("int64") * 742_938_285) % MODULUS
    x = (x * x + 1_812_433_253) % MODULUS
    return (x * x + 950_706_376) % MODULUS
