"""Ctrl-C at the terminal reaches the optimisation and all its workers: it ends at once, and alone nobody stays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
from backtest.optimize_pool import executor

def main():
    try:
        with executor(2, None) as pool:
            print(*{each.result() for each in [pool.submit(at_work) for _ in range(2)]}, flush=True)
            for each in [pool.submit(time.sleep, 600) for _ in range(4)]:
                each.result()
    except KeyboardInterrupt:
        sys.exit(130)

def at_work():
    import os
    time.sleep(1)  # so that the other one takes the next
    return os.getpid()

if __name__ == "__main__":
    main()
"""


def test_ctrl_c_ends_a_pool_at_once_and_quietly_and_leaves_no_worker(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        workers = [int(each) for each in process.stdout.readline().split()]
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everybody
        try:
            _, said = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 130
    assert said == ""
    assert len(workers) == 2
    assert not any(Path(f"/proc/{each}").exists() for each in workers)
