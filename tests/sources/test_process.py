"""The child process: it ends in time, leaves nobody behind, and its output does not mix with ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spendgate.errors import InputError
from spendgate.sources.pulumi_program import run_program

WriteProgram = Callable[..., Path]

# Declares a component, starts a process that would outlive it, and hangs.
HANGS = """
import os, pathlib, subprocess, sys, time
import pulumi

class Thing(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("pkg:index:Thing", name, {})

def hang(urn):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path("pids.tmp").write_text(f"{os.getpid()} {os.getppid()} {child.pid}")
    os.rename("pids.tmp", "pids")
    time.sleep(600)

Thing("declared").urn.apply(hang)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def pids(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "pids").read_text().split()]


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")


@needs_proc
def test_a_program_that_hangs_is_ended_with_what_it_had_declared(program: WriteProgram) -> None:
    folder = program(HANGS)
    declaration = run_program(folder, timeout=3.0)
    assert declaration.incomplete == "the program did not end within 3 s"
    assert [resource.name for resource in declaration.resources] == ["demo-dev", "declared"]
    assert not any(alive(pid) for pid in pids(folder))


def test_a_program_that_never_yields_says_why_nothing_of_it_is_known(program: WriteProgram) -> None:
    folder = program("import time, pulumi\npulumi.ComponentResource('a:b:C', 'c')\ntime.sleep(600)\n")
    declaration = run_program(folder, timeout=3.0)
    assert declaration.resources == ()
    assert "did not end within 3 s; nothing of it is known" in str(declaration.incomplete)
    assert "resources are registered only" in str(declaration.incomplete)


# As HANGS, with a process in a session of its own, and one that has no parent any more.
HIDES = HANGS.replace(
    'child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])',
    """child = subprocess.Popen(["sleep", "781"], start_new_session=True)
    orphan = int(subprocess.check_output(["sh", "-c", "setsid sleep 782 >/dev/null 2>&1 & echo $!"]))""",
).replace("{child.pid}", "{child.pid} {orphan}")


@needs_proc
def test_processes_in_sessions_of_their_own_end_with_a_program_that_hangs(program: WriteProgram) -> None:
    folder = program(HIDES)
    assert run_program(folder, timeout=3.0).incomplete
    assert len(pids(folder)) == 4
    assert not any(alive(pid) for pid in pids(folder))


@needs_proc
def test_processes_in_sessions_of_their_own_end_with_the_program_and_do_not_delay_it(program: WriteProgram) -> None:
    folder = program(
        """
        import pathlib, subprocess
        child = subprocess.Popen(["sleep", "781"], start_new_session=True)
        pathlib.Path("pids").write_text(str(child.pid))
        print("done")
        """
    )
    declaration = run_program(folder)
    assert "done" in declaration.messages
    assert not any(alive(pid) for pid in pids(folder))


# Whoever runs the tests may ignore signals (nohup, a shell in the background), and what it starts inherits that.
HEARS = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
HEARS += "signal.signal(signal.SIGINT, signal.default_int_handler); "
START = HEARS + "import sys; from pathlib import Path; from spendgate.sources.pulumi_program import run_program; "
START += "run_program(Path(sys.argv[1]))"


CODES = {signal.SIGINT: -signal.SIGINT, signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGHUP: 129}


@needs_proc
@pytest.mark.parametrize("number", CODES)
def test_nobody_is_left_behind_when_the_parent_ends(
    program: WriteProgram, number: signal.Signals, tmp_path: Path
) -> None:
    folder = program(HIDES)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    parent = subprocess.Popen([sys.executable, "-c", START, str(folder)], stderr=subprocess.PIPE, env=environment)
    assert wait_until((folder / "pids").exists)
    left = pids(folder)
    assert len(left) == 4
    assert all(alive(pid) for pid in left)
    parent.send_signal(number)
    _, printed = parent.communicate(timeout=20)
    assert wait_until(lambda: not any(alive(pid) for pid in left), 5)
    assert parent.returncode == CODES[number]
    if number is signal.SIGINT:
        assert b"KeyboardInterrupt" in printed
    if number is not signal.SIGKILL:
        assert os.listdir(temporary) == []


# A CLI whose preview starts what the real one starts: plugins in groups and sessions of their own. It ignores INT.
CLI = """\
#!/bin/sh
trap '' INT
setsid sleep 783 &
setsid sleep 784 >/dev/null 2>&1 &
echo "$$ $!" > pids.tmp
mv pids.tmp pids
sleep 600
"""

PREVIEW = HEARS + "import sys; from pathlib import Path; from spendgate.sources import pulumi_cli as c; "
PREVIEW += "from spendgate.sources.project import read_project; c.INTERRUPT_SECONDS = 0.2; "
PREVIEW += "c.preview(read_project(Path(sys.argv[1])), 'dev', {}, 60)"


@needs_proc
@pytest.mark.parametrize("number", CODES)
def test_nothing_of_the_cli_is_left_behind_when_the_parent_ends(
    program: WriteProgram, number: signal.Signals, tmp_path: Path
) -> None:
    folder = program("")
    cli = tmp_path / "bin" / "pulumi"
    cli.parent.mkdir()
    cli.write_text(CLI)
    cli.chmod(0o755)
    environment = {**os.environ, "PATH": f"{cli.parent}{os.pathsep}{os.environ['PATH']}"}
    parent = subprocess.Popen([sys.executable, "-c", PREVIEW, str(folder)], stderr=subprocess.DEVNULL, env=environment)
    assert wait_until((folder / "pids").exists)
    left = pids(folder)
    assert all(alive(pid) for pid in left)
    parent.send_signal(number)
    parent.communicate(timeout=20)
    assert wait_until(lambda: not any(alive(pid) for pid in left), 5)
    assert parent.returncode == CODES[number]


def test_signals_that_the_caller_handles_stay_the_callers(program: WriteProgram) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        folder = program("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
        with pytest.raises(InputError, match="signal 9"):
            run_program(folder)
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


TRANSFORMED = """
import pulumi
pulumi.runtime.register_stack_transform(lambda args: None)
for number in range(20):
    pulumi.ComponentResource("a:b:C", str(number))
"""


def test_the_connections_to_a_program_end_without_a_word(program: WriteProgram) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    run = subprocess.run(
        [sys.executable, "-c", START, str(program(TRANSFORMED))], capture_output=True, env=environment, check=True
    )
    assert run.stderr == b""


@needs_proc
def test_processes_that_a_program_leaves_running_are_ended(program: WriteProgram) -> None:
    folder = program(
        """
        import pathlib, subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pathlib.Path("pids").write_text(str(child.pid))
        """
    )
    run_program(folder)
    assert not any(alive(pid) for pid in pids(folder))


def test_what_a_program_prints_is_kept_apart(program: WriteProgram, capfd: pytest.CaptureFixture[str]) -> None:
    folder = program("import os, sys\nprint('out')\nprint('err', file=sys.stderr)\nos.system('echo from a shell')\n")
    declaration = run_program(folder)
    assert set(declaration.messages) == {"out", "err", "from a shell"}
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_program_that_prints_a_lot_does_not_block(program: WriteProgram) -> None:
    declaration = run_program(program("for i in range(100000):\n    print('x' * 100)\n"), timeout=60)
    assert declaration.incomplete is None


def test_a_program_cannot_wait_for_input(program: WriteProgram) -> None:
    declaration = run_program(program("import sys\nprint('read', repr(sys.stdin.read()))\n"), timeout=30)
    assert "read ''" in declaration.messages


def test_progress_counts_what_is_declared(program: WriteProgram) -> None:
    shown: list[str] = []
    run_program(program(""), progress=shown.append)
    assert shown == ["starting the program", "1 resource declared"]


# --- where the program runs


def test_main_may_be_a_folder(program: WriteProgram) -> None:
    folder = program(
        None,
        project="name: demo\nruntime: python\nmain: src\n",
        **{
            "src__slash____main__.py": "import os, pulumi, beside\npulumi.export('cwd', os.getcwd())\n"
            "pulumi.export('beside', beside.VALUE)\npulumi.export('root', pulumi.get_root_directory())\n"
            "pulumi.ComponentResource('a:b:C', 'c')\n",
            "src__slash__beside.py": "VALUE = 1\n",
        },
    )
    declaration = run_program(folder)
    assert declaration.outputs == {"cwd": str(folder / "src"), "beside": 1, "root": str(folder)}
    assert str(declaration.resources[1].position) == "src/__main__.py:5"


def test_main_may_be_a_file(program: WriteProgram) -> None:
    folder = program(
        None,
        project="name: demo\nruntime: python\nmain: src/app.py\n",
        **{
            "src__slash__app.py": "import os, sys, pulumi, beside\npulumi.export('cwd', os.getcwd())\n"
            "pulumi.export('name', __name__)\n",
            "src__slash__beside.py": "VALUE = 1\n",
        },
    )
    assert run_program(folder).outputs == {"cwd": str(folder / "src"), "name": "__main__"}


def test_modules_of_ours_do_not_hide_the_programs_or_pythons(program: WriteProgram) -> None:
    folder = program("import project, secrets, wire\nprint(project.X, wire.X, secrets.token_hex(1) != '')\n",
                     **{"project.py": "X = 1\n", "wire.py": "X = 2\n"})  # fmt: skip
    assert "1 2 True" in run_program(folder).messages


def test_programs_can_run_at_the_same_time(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    folders = []
    for name in ("one", "two", "three"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
        (folder / "__main__.py").write_text(
            f"import pulumi\nfor i in range(20): pulumi.ComponentResource('a:b:C', f'{name}-{{i}}')\n"
        )
        folders.append(folder)
    with ThreadPoolExecutor(3) as pool:
        declarations = list(pool.map(run_program, folders))
    for folder, declaration in zip(folders, declarations, strict=True):
        names = {resource.name for resource in declaration.resources[1:]}
        assert names == {f"{folder.name}-{number}" for number in range(20)}


def test_an_async_program_runs(program: WriteProgram) -> None:
    import pulumi

    if not hasattr(pulumi, "run"):
        pytest.skip("this pulumi has no asynchronous programs")
    folder = program("import pulumi\nasync def main():\n    return {'a': 1}\npulumi.run(main)\n")
    assert run_program(folder).outputs == {"a": 1}


def test_nothing_is_left_in_the_temporary_folder(
    program: WriteProgram, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    run_program(program(""))
    assert os.listdir(temporary) == []


def test_a_fault_of_ours_is_not_told_as_the_programs(program: WriteProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("spendgate.sources.registration.managed", broken)
    with pytest.raises(ZeroDivisionError, match="of ours"):
        run_program(program(""))
