"""A program in the place of `main.py backtest`: does what the file `behaviour` in the data directory says.

It keeps to what the real one promises: progress as lines of JSON, a result in `--out`, one line of error and code 2.
"""

import json
import os
import sys
import time
from pathlib import Path


def main() -> int:
    options = dict(each.removeprefix("--").split("=", 1) for each in sys.argv[2:] if "=" in each)
    out = Path(options["out"])
    behaviour = (out.parents[2] / "behaviour").read_text()
    print("a strategy prints")
    print('{"progress": 25}', flush=True)
    match behaviour:
        case "slow":
            time.sleep(300)
        case "leaves somebody behind":
            if os.fork() == 0:
                os.setsid()
                time.sleep(30)
                os._exit(0)
            time.sleep(300)
        case "fails":
            print("Traceback …\nerror: BTC/USD: has 10 minutes, and the strategies need 1000", file=sys.stderr)
            return 2
        case "floods":
            while True:
                print("x" * 100_000)
        case "wants memory":
            wanted = bytearray(3 << 30)
            wanted[-1] = 1
        case "links":
            out.mkdir()
            (out / "trades.csv").symlink_to("/etc/passwd")
            (out / "result.json").write_text("{}")
            return 0
    out.mkdir()
    result = {"initial_cash": float(options["cash"]), "environment": dict(os.environ), "options": options}
    (out / "result.json").write_text(json.dumps(result))
    (out / "report.html").write_text("<!doctype html><script>fetch('/api/v1/status')</script>")
    (out / "trades.csv").write_text("id,side\n1,BUY\n")
    (out / "notes.txt").write_text("not for others")
    return 0


if __name__ == "__main__":
    sys.exit(main())
