"""The C library's memory allocator, set to keep what training frees.

A step frees and asks again for the same few hundred megabytes. glibc hands large blocks back to the system each time
and gets them back as untouched pages, which the kernel must zero one by one: on two cores that took 6 to 25 % of a
step (benchmarks/throughput.py shows both). Kept blocks raise no peak, they only stay with the process afterwards.
"""

from __future__ import annotations

import ctypes
import platform

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # numbers of mallopt(3)
KEPT = {MMAP_THRESHOLD: 1 << 30, TRIM_THRESHOLD: (1 << 31) - 1, TOP_PAD: 1 << 26}  # bytes


def keep_freed_memory() -> bool:
    """Ask glibc to keep freed blocks for the next step; for the whole process. False where there is no glibc.

    >>> keep_freed_memory() in (True, False)
    True
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    taken = [mallopt(number, size) == 1 for number, size in KEPT.items()]
    return all(taken)
