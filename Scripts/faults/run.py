#!/usr/bin/env python3
"""Does to a server what a week brings, and checks that it holds.

usage: Scripts/faults/run.py [--short] [--soak MINUTES] [NAME ...]

Prints a table and writes out/faults.json; the exit code is 0 only if everything held. RAHF and RAHF_MODEL name another
program and model. Needs the Python client's packages, libfaketime for `clock_steps`, and root and iproute2 for
`namespaces`, which is left out, and said so, without root. `--soak` alone runs nothing else: 60 minutes is the promise.
"""
from __future__ import annotations

import argparse
import time
from typing import Any

import crashes
import floods
import namespaces
import soaking
from harness import Failed, Skipped, write_report

FAULTS = [
    crashes.killed_server, crashes.killed_client, crashes.deaf_client, crashes.terminated,
    crashes.stuck_reader_at_exit, crashes.poison_image, floods.wrong_frames, floods.half_messages,
    floods.slow_senders, floods.overload, floods.deadlines, floods.clock_steps, floods.reconnects,
    namespaces.namespaces,
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a fraction of the time for each, as CI does it")
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES", help="also run at 80%% load for so long")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(fault.__name__ for fault in FAULTS))
    options = parser.parse_args()
    known = {fault.__name__: fault for fault in FAULTS}
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"there is no {unknown[0]}")
    chosen: list[tuple[str, Any]] = [
        (name, lambda fault=known[name]: fault(options.short)) for name in options.names or known]
    if options.soak:
        chosen = [*(chosen if options.names else []), ("soak", lambda: soaking.soak(options.soak))]
    results = []
    for name, body in chosen:
        started = time.monotonic()
        try:
            held, text = True, body()
        except Failed as failure:
            held, text = False, str(failure)
        except Skipped as reason:
            print(f"not run {name:19} {reason}", flush=True)
            continue
        results.append({"fault": name, "held": held, "text": text, "seconds": round(time.monotonic() - started, 1)})
        print(f"{'held  ' if held else 'BROKE '} {name:20} {text}", flush=True)
    write_report(results)
    return 0 if all(result["held"] for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
