"""Run as a script: a process that has imported what takes seconds and forks a child for each command it is told.

It reads lines of JSON and answers each with one: {"do": words, "cwd": folder, "said": file, "terminal": its name}
with the child's number; {"wait": number, "seconds": how long} with its exit status, negative for a signal, or null.
"""

import contextlib
import json
import os
import signal
import sys
import time
import traceback


def child(words, cwd, said, terminal=None):
    """The life of a forked process: one command, in a session (and on a terminal) of its own."""
    os.setsid()
    os.chdir(cwd)
    out = os.open(terminal or said, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)  # a first terminal is the session's
    for number in (0, 1, 2):
        os.dup2(out, number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore it (nohup)
    status = 1
    try:
        from unweave.face.cli.app import main

        status = main(words)
    except BaseException:
        with open(said, "a", encoding="utf-8") as file:  # noqa: PTH123
            traceback.print_exc(file=file)
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(status)


def main():
    import torch

    torch.set_num_threads(1)
    import unweave.show.export
    from unweave.data.own import folder
    from unweave.data.published import identity
    from unweave.run import launch

    assert [unweave, folder, identity, launch]
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports much when it is first made
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "do" in asked:
            answer = os.fork()
            if answer == 0:
                child(asked["do"], asked["cwd"], asked["said"], asked["terminal"])
        else:
            answer = ended(asked["wait"], asked["seconds"])
        print(json.dumps(answer), flush=True)


def ended(pid, seconds):
    """The exit status of a child, None if it still runs after so long."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            return None
        time.sleep(0.005)


if __name__ == "__main__":
    main()
