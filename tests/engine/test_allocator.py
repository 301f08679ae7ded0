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
for _ in range(3):
    torch.ones(1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    torch.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_memory_once_freed_is_not_asked_of_the_system_again():
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc is asked")

    def faults(first: str) -> int:
        code = COUNT_FAULTS.format(first)
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)

    assert faults("keep_freed_memory()") < 100 < faults("pass")  # of 65,536 pages of 4 KiB


def test_without_glibc_nothing_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
