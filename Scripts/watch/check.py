#!/usr/bin/env python3
"""A running server as Prometheus and a browser see it.

usage: check.py RAHF MODEL FOLDER [PROMTOOL]     FOLDER gets the screenshots

/metrics is read by prometheus_client's parser while requests of every kind pass, and counted against what was sent. The
page is opened in Chromium: nothing is asked for elsewhere, nothing complains, and rewards that change are seen to.
"""
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

import numpy
from prometheus_client.parser import text_string_to_metric_families

root = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(root / "Scripts/select"), str(root / "Examples/python/src")]
from browser import Browser  # noqa: E402
from rahf_client import Client  # noqa: E402

rahf, model, folder = sys.argv[1:4]
out = pathlib.Path(folder)
out.mkdir(parents=True, exist_ok=True)


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")


def fetch(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as reply:
        return reply.headers, reply.read().decode()


def samples(text):
    """Every sample by name and labels; the families by name."""
    families = {family.name: family for family in text_string_to_metric_families(text)}
    found = {}
    for family in families.values():
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            check(key not in found, f"{key} is there twice")
            found[key] = sample.value
    return families, lambda name, **labels: found[(name, frozenset(labels.items()))]


def conventions(families):
    for name, family in families.items():
        check(family.documentation and family.type in ("counter", "gauge", "histogram"), f"{name}: help and type")
        check(re.fullmatch(r"(rahf|process)_[a-z_]+", name), f"{name}: prefix")
        check(not re.search(r"_(ms|millis|mb|kb)\b", name), f"{name}: base units")
        if family.type == "counter":
            check(all(sample.name.endswith("_total") for sample in family.samples), f"{name}: counters end in _total")
        if family.type == "histogram":
            groups = {}
            for sample in family.samples:
                labels = frozenset((key, value) for key, value in sample.labels.items() if key != "le")
                groups.setdefault(labels, {}).setdefault(sample.name.rsplit("_", 1)[1], []).append(sample)
            for group in groups.values():
                counts = [sample.value for sample in group["bucket"]]
                check(counts == sorted(counts), f"{name}: buckets are cumulative")
                check(group["bucket"][-1].labels["le"] == "+Inf" and counts[-1] == group["count"][0].value, f"{name}: +Inf")


server = subprocess.Popen(
    [rahf, "serve", "--model", model, "--bind", "tcp://127.0.0.1:*", "--metrics", "127.0.0.1:*", "--log-format", "json"],
    stderr=subprocess.PIPE, text=True)
lines = {}
for line in server.stderr:
    entry = json.loads(line)
    lines[entry["message"]] = entry
    if entry["message"] == "ready":
        break
address = re.search(r"//([\d.:]+)/", lines["metrics"]["address"])[1]
try:
    random = numpy.random.default_rng(1)
    photographs = sorted((root / "Examples/photographs").glob("*.jpg"))
    prompts = [json.loads(line)["prompt"] for line in open(root / "Examples/photographs/prompts.jsonl")]
    with Client(lines["listening"]["endpoint"]) as client, Browser() as browser:
        browser.open(f"http://{address}/")
        # A varied start, then one picture again and again: drift and collapse.
        sent = 0
        for turn in range(40):
            noise = random.integers(0, 256, (64, 64, 3), numpy.uint8)
            pictures = [photographs[turn % len(photographs)], photographs[(turn + 1) % len(photographs)], noise]
            results = client.score(pictures, [prompts[(turn + n) % len(prompts)] for n in range(3)])
            sent += sum(result.ok for result in results)
        check(not client.score([b"no image"], "a cat")[0].ok, "a poison image")
        deadline = time.time() + 24
        while time.time() < deadline:
            sent += sum(result.ok for result in client.score([photographs[0]] * 8, prompts[0]))
        headers, text = fetch(address, "/metrics")
        families, value = samples(text)
        conventions(families)
        check(headers["Content-Type"].startswith("text/plain; version=0.0.4"), "the content type")
        check(value("rahf_items_total", result="ok") == sent, "every item is counted")
        check(value("rahf_items_total", result="failed") == 1, "and every failure")
        check(value("rahf_failures_total", code="invalid_image", level="item") == 1, "by its code")
        for score in ("plausibility", "alignment", "aesthetics", "overall"):
            check(value("rahf_reward_count", score=score) == sent, "every reward is in the distribution")
        check(value("rahf_batch_items_sum") == sent + 1 and value("rahf_decode_seconds_count") == sent + 1, "batches")
        info = [sample.labels for sample in families["rahf_model_info"].samples][0]
        check(info["digest"] == client.model.digest, "the model's digest")
        check(fetch(address, "/healthz")[1] == "live\n" and fetch(address, "/readyz")[1] == "ready\n", "health")
        if len(sys.argv) > 4:
            lint = subprocess.run([sys.argv[4], "check", "metrics"], input=text, capture_output=True, text=True)
            check(lint.returncode == 0, f"promtool: {lint.stdout}{lint.stderr}")
            print("promtool check metrics: nothing to say")
        time.sleep(3)
        count = browser.evaluate
        check(count("document.getElementById('state').textContent") == "ready", "the page says ready")
        shown = count("[...document.querySelectorAll('.tile')].map(t => t.textContent)")
        check(f"{sent:,}items scored" in shown and "1items failed" in shown and "1invalid_image" in shown, f"tiles: {shown}")
        check(count("document.querySelectorAll('.panel canvas').length") == 4, "four distributions")
        painted = ("[...document.querySelectorAll('canvas')].every(c => new Set(c.getContext('2d')"
                   ".getImageData(0, 0, c.width, c.height).data).size > 20)")
        check(count(painted), "every distribution is drawn")
        browser.screenshot(str(out / "recent.png"))
        text = count("document.getElementById('panels').textContent")
        browser.evaluate("document.getElementById('run').click()")
        time.sleep(1)
        check(count("document.getElementById('run').getAttribute('aria-pressed')") == "true", "the whole run")
        browser.screenshot(str(out / "run.png"))
        check(count("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out")
        check(not browser.messages, f"console: {browser.messages}")
        outside = [url for url in browser.requests if not url.startswith((f"http://{address}/", "data:"))]
        check(not outside, f"the page asked for {outside}")
        check("collapsed" in text, f"one picture again and again is seen as a collapse: {text}")
        print(f"{sent} items; the page: {text}")
        server.terminate()
        check(server.wait(30) == 0, "a clean end")
        time.sleep(3)
        check(count("document.getElementById('state').textContent") == "no answer", "the page says that it is alone")
finally:
    server.kill()
print(f"{len(families)} metrics; screenshots in {out}")
