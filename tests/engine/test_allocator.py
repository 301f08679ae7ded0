"""The memory that training keeps."""

import platform
import subprocess
import sys

import pytest

from unweave.engine.allocator import keep_freed_memory

COUNT_FAULTS = """
import resource, torch
from unweave.engine.allocator import keep_freed_memory
torch.set_num_threads(1)
{}
found = []
for _ in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(1 << 24)
    found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sorted(found)[1])  # the least but one: now and then something small settles in the freed block
"""


def test_memory_once_freed_is_not_asked_of_the_system_again():
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc is asked")

    def faults(first: str) -> int:
        code = COUNT_FAULTS.format(first)
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)

    assert faults("keep_freed_memory()") < 16 < faults("pass")  # of 16,384 pages of 4 KiB or 32 of 2 MiB


def test_without_glibc_nothing_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
