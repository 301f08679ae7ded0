"""How fast data of your own come: a folder of pictures, an npz, a table, beside dSprites; and what memory they take.

    python benchmarks/data.py [--pictures 2000] [--many 200000] [--batches 300] [--threads 1]

For each: images or rows per second until the first batch (reading, decoding, looking at every number), again with the
cache filled, and in random batches of 64, the median. The first two are in processes of their own, without the seconds
that importing takes. Then the peak memory of a folder of many small pictures, and frames of 16 bits whose values end at
4095, which must come through unclipped. Everything lies in a temporary folder (some 1 GB), which is removed.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from unweave.data import load


def pictures(folder: Path, count: int, shape: tuple[int, ...], form: str = "png", most: int = 255) -> str:
    """A folder of smooth pictures with some noise, 1,000 to a subfolder."""
    rng = np.random.default_rng(0)
    height, width = shape[:2]
    down, across = np.mgrid[:height, :width] / max(height, width)
    for number in range(count):
        place = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        wave = 0.5 + 0.45 * np.sin(6 * (down + rng.random()) + 9 * across * rng.random())
        values = np.broadcast_to(wave.reshape(height, width, *[1] * (len(shape) - 2)), shape)
        values = np.clip(most * values + rng.normal(0, most / 100, shape), 0, most)
        Image.fromarray(np.rint(values).astype(np.uint8 if most < 256 else np.uint16)).save(place / f"{number}.{form}")
    return f"folder:{folder}"


def arrays(path: Path, count: int) -> str:
    images = np.random.default_rng(0).integers(0, 256, (count, 48, 60, 3), dtype=np.uint8)
    np.savez(path, images=images)
    return str(path)


def table(path: Path, count: int) -> str:
    hidden = np.random.default_rng(0).normal(size=(count, 4))
    columns = hidden @ np.random.default_rng(1).normal(size=(4, 12))
    np.savetxt(path, columns, delimiter=",", header=",".join(f"c{k}" for k in range(12)), comments="", fmt="%.6g")
    return str(path)


def peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)


def one_process(data: str, batches: int, threads: int) -> None:
    """What a process of its own measures; printed as JSON."""
    import torch

    torch.set_num_threads(threads)
    before, begin, spent = peak_megabytes(), time.perf_counter(), time.process_time()
    found = load(data).resolved()
    found.images(np.arange(min(64, len(found))))
    seconds, spent = time.perf_counter() - begin, time.process_time() - spent
    rng, times = np.random.default_rng(0), []
    peak = peak_megabytes()
    for _ in range(batches):
        indices = rng.integers(0, len(found), 64)
        began = time.perf_counter()
        found.images(indices)
        times.append(time.perf_counter() - began)
    said = {"count": len(found), "seconds": seconds, "processor": spent, "batch": median(times)}
    print(json.dumps({**said, "before": before, "peak": peak, "account": found.account}))


def measured(data: str, given: argparse.Namespace) -> dict:
    words = [sys.executable, __file__, "--one", data, "--batches", str(given.batches), "--threads", str(given.threads)]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def row(name: str, data: str, given: argparse.Namespace) -> dict:
    first, second = measured(data, given), measured(data, given)
    count = first["count"]
    rates = f"first {count / first['seconds']:8,.0f}/s ({count / first['processor']:8,.0f} a processor second)"
    again = f"again {second['seconds']:5.2f} s ({second['processor']:5.2f} of a processor)"
    print(f"{name:40} {count:8,}  {rates}  {again}  ", end="")
    print(f"batches {64 / second['batch']:9,.0f}/s", flush=True)
    return first


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--many", type=int, default=200_000, help="small pictures for the peak memory")
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1, help="torch's, in batches; decoding uses all processors")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        return one_process(given.one, given.batches, given.threads)
    print(f"{os.cpu_count()} processors, numpy {np.__version__}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as root:
        place, count = Path(root), given.pictures
        os.environ["UNWEAVE_CACHE"] = str(place / "cache")
        row("folder, PNG 48 x 60 RGB", pictures(place / "small", count, (48, 60, 3)), given)
        row("folder, JPEG 480 x 640 RGB to 64 x 64", pictures(place / "jpeg", count // 10, (480, 640, 3), "jpg"), given)
        frames = pictures(place / "frames", count // 10, (256, 256), "tif", most=4095)
        row("folder, TIFF 256 x 256, 12 of 16 bits", frames, given)
        row("npz, uint8 48 x 60 RGB", arrays(place / "images.npz", count), given)
        row("csv, 12 columns", table(place / "table.csv", 10 * count), given)
        row("dSprites, packed", "dsprites", given)

        data = load(frames).resolved()
        files = [np.asarray(Image.open(place / "frames" / name)) for name in data.files[:50]]
        same = np.array_equal(np.rint(data.images(np.arange(50)).numpy()[:, 0] * 4095), np.stack(files))
        print(f"frames: 0 to {data.high:g} become 0 to 1; every pixel of 50 frames comes back exactly: {same}")
        if not same:
            sys.exit("16-bit frames were changed on the way")

        many = row("folder, many PNG 16 x 16 grey", pictures(place / "many", given.many, (16, 16)), given)
        size = given.many * 256 / 2**20
        print(f"peak memory {many['peak']} MB, {many['before']} MB of them imports, for an array of {size:.0f} MB")
    return None


if __name__ == "__main__":
    main()
