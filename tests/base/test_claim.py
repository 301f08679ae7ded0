"""Claims: one living process a run, and dead ones recognised."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from unweave.base import claim


def test_a_claim_keeps_others_out_until_it_is_given_back(tmp_path):
    first = claim.take(tmp_path, "run", "a")
    assert claim.is_held(tmp_path / "run")
    assert claim.take(tmp_path, "run", "b") is None
    assert claim.take(tmp_path, "other", "b") is not None
    first.release()
    assert not claim.is_held(tmp_path / "run")
    assert claim.take(tmp_path, "run", "b") is not None


def test_one_owner_may_hand_its_claim_to_its_own_worker(tmp_path):
    first = claim.take(tmp_path, "run", "a")
    second = claim.take(tmp_path, "run", "a")
    assert second is not None
    claim.drop(tmp_path, "run", "b")
    assert claim.is_held(tmp_path / "run")
    claim.drop(tmp_path, "run", "a")
    assert not claim.is_held(tmp_path / "run")
    first.release()  # long gone: nothing happens


def test_the_claim_of_a_killed_process_is_stale_at_once(tmp_path):
    code = "import sys, time; from pathlib import Path; from unweave.base import claim\n"
    code += f"claim.take(Path({str(tmp_path)!r}), 'run', 'a'); print('taken', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "taken\n"
        assert claim.take(tmp_path, "run", "b") is None
        process.kill()
        process.wait()
    assert claim.take(tmp_path, "run", "b") is not None


def held(**changes):
    return {**claim.mine("a"), **changes}


@pytest.mark.parametrize(
    ("changes", "silent", "gone"),
    [
        ({}, 1e9, False),  # this very process
        ({"started": "1"}, 0, True),  # its number was given to another process since
        ({"pid": 2**22 + 1}, 0, True),
        ({"boot": "before"}, 0, True),  # this machine has booted since
        ({"boot": "b", "machine": "elsewhere"}, 0, False),
        ({"boot": "b", "machine": "elsewhere"}, 601, True),
        ({"space": "pid:[1]", "machine": "a container"}, 0, False),
    ],
)
def test_who_counts_as_gone(changes, silent, gone):
    assert claim.stale(held(**changes), silent) is gone


def test_a_claim_from_elsewhere_lives_as_long_as_it_beats(tmp_path):
    path = tmp_path / "run"
    record = held(boot="b", machine="elsewhere")
    path.write_text(json.dumps(record))
    assert claim.is_held(path)
    old = time.time() - 2 * claim.SILENT
    os.utime(path, (old, old))
    assert not claim.is_held(path)
    claim.Claim(path, record).beat()
    assert claim.is_held(path)


def test_a_torn_claim_holds_nothing(tmp_path):
    (tmp_path / "run").write_text('{"pid": ')
    assert not claim.is_held(tmp_path / "run")
    assert claim.take(tmp_path, "run", "a") is not None


def test_the_second_one_in_a_folder_is_told_who_is_there(tmp_path):
    with claim.alone(tmp_path / "run"):
        with (
            pytest.raises(claim.InUse, match=f"in use by process {os.getpid()}; wait"),
            claim.alone(tmp_path / "run"),
        ):
            pass
        assert claim.is_held(tmp_path / "run" / claim.OWN)
    with claim.alone(tmp_path / "run"):
        pass
    assert not list((tmp_path / "run").iterdir())


def test_a_process_of_another_machine_is_named_until_it_is_silent(tmp_path):
    path = tmp_path / claim.OWN
    path.write_text(json.dumps(held(boot="b", machine="elsewhere", pid=7)))
    with pytest.raises(claim.InUse, match="process 7 on elsewhere"), claim.alone(tmp_path):
        pass
    old = time.time() - 2 * claim.SILENT
    os.utime(path, (old, old))
    with claim.alone(tmp_path):
        assert claim.is_held(path)


def test_moments_of_many_threads_follow_each_other_and_leave_nothing(tmp_path):
    inside, most = [], []

    def enter():
        for _ in range(20):
            with claim.one_at_a_time(tmp_path):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 80
    assert not list(tmp_path.iterdir())


def test_a_folder_that_has_gone_is_not_made_again(tmp_path):
    taken = claim.take(tmp_path / "claims", "run", "a")
    shutil.rmtree(tmp_path / "claims")
    taken.beat()
    taken.release()
    assert not (tmp_path / "claims").exists()
