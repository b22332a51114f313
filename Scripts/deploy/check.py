#!/usr/bin/env python3
"""Examples/deploy as far as a machine without a container engine or a running systemd can check it. As root.

usage: Scripts/deploy/check.py [--rahf FILE]     FILE has the Swift runtime inside; the default is that of `make commands`

systemd-analyze reads the unit. What the Containerfile's last stage says (packages, user, copies, health check, entry
point) is done in a Debian made by debootstrap, and the service runs there with a network of its own, as its user, without
Swift: it must become healthy, score a photograph, and end with 0 when it is told to.
"""
from __future__ import annotations

import argparse
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "Examples/deploy"


def require(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"FAILED: {what}")


def unit(rahf: pathlib.Path) -> None:
    text = (DEPLOY / "rahf.service").read_text()
    with tempfile.TemporaryDirectory() as folder:
        # The program is not installed here.
        copy = pathlib.Path(folder) / "rahf.service"
        copy.write_text(text.replace("/usr/local/bin/rahf", str(rahf)))
        done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if "rahf.service" in line]
        require(done.returncode == 0 and not complaints, f"systemd-analyze verify: {complaints or done.stderr}")
        security = subprocess.run(["systemd-analyze", "security", "--offline=true", str(copy)], capture_output=True, text=True)
        exposure = re.search(r"exposure level.*?: ([0-9.]+)", security.stdout)
        require(exposure is not None, f"systemd-analyze security: {security.stdout}{security.stderr}")
        print(f"unit: accepted; exposure {exposure[1] if exposure else '?'} of 10")


def last_stage() -> list[tuple[str, str]]:
    """Instructions of the Containerfile's last stage, continued lines joined."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    start = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines[start:]]


def make_root(root: pathlib.Path, stage: list[tuple[str, str]], rahf: pathlib.Path) -> None:
    run = next(words for name, words in stage if name == "RUN")
    packages = re.search(r"--no-install-recommends ([^&]+)", run)
    require(packages is not None, "the last stage installs nothing")
    names = ",".join(packages[1].split()) if packages else ""
    mirror = subprocess.run(
        ["sh", "-c", "apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' | "
         "awk '$2 == \"bookworm\" && $3 == \"main\" { print $1; exit }'"], capture_output=True, text=True).stdout.strip()
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={names}", "bookworm", str(root), mirror], capture_output=True, text=True)
    require(done.returncode == 0, f"debootstrap: {done.stdout[-2000:]}")
    user = re.search(r"&& (useradd [^&]+)", run)
    require(user is not None, "the last stage makes no user")
    subprocess.run(["chroot", str(root), "sh", "-ec", user[1] if user else ""], check=True)
    for name, words in stage:
        if name != "COPY":
            continue
        source, target = words.split()[-2:]
        place = root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if "--from=build" in words:
            shutil.copy2(rahf, place)
        elif (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place)
        else:
            shutil.copy2(ROOT / source, place)
    shutil.copy2(ROOT / "Examples/photographs/chelsea.jpg", root / "photograph.jpg")


class Container:
    """The last stage's entry point, as its user, with a network of its own."""

    def __init__(self, root: pathlib.Path, stage: list[tuple[str, str]]) -> None:
        words = dict(stage)
        self.user = words["USER"]
        self.command = json.loads(words["ENTRYPOINT"]) + json.loads(words["CMD"])
        self.health = json.loads(words["HEALTHCHECK"].split("CMD", 1)[1])
        self.root = root
        self.log = tempfile.TemporaryFile("w+")
        # The shell stays, to hold the namespaces; the service tells its number and end.
        script = 'ip link set lo up; mount -t proc proc "$0/proc"; chroot --userspec="$1" "$0" "${@:2}" & echo $!; wait $!; echo $?'
        self.outside = subprocess.Popen(
            ["unshare", "--net", "--mount", "bash", "-c", script, str(root), self.user, *self.command], stdout=subprocess.PIPE,
            stderr=self.log, text=True)
        assert self.outside.stdout
        self.pid = int(self.outside.stdout.readline())

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nsenter", f"--net=/proc/{self.outside.pid}/ns/net", f"--mount=/proc/{self.outside.pid}/ns/mnt", "chroot",
             f"--userspec={self.user}", str(self.root), *command], capture_output=True, text=True)

    def text(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def end(self) -> int:
        subprocess.run(["kill", f"-{signal.SIGTERM.value}", str(self.pid)], check=True)
        assert self.outside.stdout
        code = int(self.outside.stdout.readline())
        self.outside.wait()
        return code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rahf", type=pathlib.Path, default=ROOT / ".build/commands/rahf")
    options = parser.parse_args()
    require(options.rahf.exists(), f"{options.rahf} is missing: make commands")
    unit(options.rahf.resolve())
    stage = last_stage()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "root"
        make_root(root, stage, options.rahf)
        container = Container(root, stage)
        try:
            for _ in range(600):
                health = container.inside(*container.health)
                if health.returncode == 0 or container.outside.poll() is not None:
                    break
                time.sleep(0.1)
            require(health.returncode == 0, f"not healthy: {health.stderr}{container.text()}")
            status = pathlib.Path(f"/proc/{container.pid}/status").read_text()
            owner = re.search(r"^Uid:\s+(\d+)", status, re.M)
            require(owner is not None and owner[1] not in ("0", None), "it runs as root")
            scored = container.inside(
                "rahf", "score", "--server", "tcp://127.0.0.1:5555", "--outputs", "scores", "--prompt", "a cat",
                "/photograph.jpg")
            require(scored.returncode == 0 and "overall" in scored.stdout, f"score: {scored.stdout}{scored.stderr}")
            require(container.end() == 0, f"the end: {container.text()}")
        finally:
            if container.outside.poll() is None:
                container.outside.kill()
        swift = [line for line in container.text().splitlines() if "libswift" in line]
        require(not swift, f"{swift}")
        size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file() and not file.is_symlink())
        print(f"container: healthy as user {owner[1] if owner else '?'}, scores a photograph, ends with 0; "
              f"{size / 1e6:.0f} MB of files")


if __name__ == "__main__":
    main()
