"""How fast dSprites comes: drawing everything, the first batch, batches of 64 in both sizes, memory.

    python benchmarks/dsprites.py [--threads 1] [--batches 2000]

Uses a cache folder of its own, which it removes. Times are in milliseconds, those of batches medians.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from statistics import median

import numpy as np
import torch

from unweave.data import load


def milliseconds(work) -> float:
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)


def batch_time(data, batches: int) -> float:
    rng = np.random.default_rng(0)
    times = []
    for _ in range(batches):
        indices = rng.integers(0, len(data), 64)
        times.append(milliseconds(lambda indices=indices: data.images(indices)))
    return median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batches", type=int, default=2000)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    indices = np.arange(64) * 10_000
    print(f"threads {given.threads} of {os.cpu_count()}, numpy {np.__version__}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["UNWEAVE_CACHE"] = folder
        print(f"peak memory before any image      {peak_megabytes():8d} MB")
        lazy = load("dsprites", hold="lazy")
        print(f"first batch, lazy                 {milliseconds(lambda: lazy.images(indices)):8.1f}")
        for size in (64, 32):
            lazy = load("dsprites", hold="lazy", size=size)
            print(f"batch of 64, lazy, size {size}        {batch_time(lazy, given.batches):8.3f}")
        print(f"peak memory, lazy                 {peak_megabytes():8d} MB")
        packed = load("dsprites")
        print(f"first batch, drawing and storing  {milliseconds(lambda: packed.images(indices)):8.1f}")
        again = load("dsprites")
        print(f"first batch, from the cache       {milliseconds(lambda: again.images(indices)):8.1f}")
        for size in (64, 32):
            packed = load("dsprites", size=size)
            print(f"batch of 64, packed, size {size}      {batch_time(packed, given.batches):8.3f}")
        print(f"bytes of the packed array         {packed.packed.nbytes / 1e6:8.1f} MB (mapped, shared)")
        print(f"peak memory, packed               {peak_megabytes():8d} MB (with the mapped pages read)")


if __name__ == "__main__":
    main()
