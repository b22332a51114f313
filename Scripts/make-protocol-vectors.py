#!/usr/bin/env python3
"""Writes Protocols/vectors: messages of the protocol, byte for byte, with what they mean. The tests of both sides read them.

usage: make-protocol-vectors.py        needs: protoc; pip install protobuf pillow numpy scipy
The bytes come from Python's protobuf and struct, not from the Swift code that reads them in the tests.
"""
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy
import scipy.stats
from google.protobuf import json_format
from PIL import Image

root = pathlib.Path(__file__).resolve().parents[1] / "Protocols"
vectors = root / "vectors"
generated = tempfile.mkdtemp()
subprocess.run(["protoc", f"--proto_path={root}", f"--python_out={generated}", "rahf.proto"], check=True)
sys.path.insert(0, generated)
import rahf_pb2 as pb  # noqa: E402

for old in vectors.glob("*.json"):
    old.unlink()


def png(width=4, height=2):
    picture = Image.new("RGB", (width, height))
    picture.putdata([(x * 60, y * 100, 30) for y in range(height) for x in range(width)])
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def header_only_png(width, height):
    """A few bytes whose header says that they would unpack to width × height."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(3000)))
            + chunk(b"IEND", b""))


def write(kind, name, text, header, frames, outcome):
    first = header if isinstance(header, bytes) else header.SerializeToString(deterministic=True)
    content = {"name": name, "kind": kind, "description": text, "outcome": outcome}
    if not isinstance(header, bytes):
        content["header"] = json_format.MessageToDict(header, preserving_proto_field_name=True)
    content["frames"] = [frame.hex() for frame in [first] + frames]
    (vectors / f"{kind}-{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def request(name, text, frames=(), outcome=None, **fields):
    message = pb.Request(protocol_version=1, request_id=name[:64].encode())
    items = fields.pop("items", [])
    for field, value in fields.items():
        setattr(message, field, value)
    message.items.extend(items)
    write("request", name, text, message, list(frames), outcome)


def item(image, prompt=b"a red cat", outputs=(pb.OUTPUT_SCORES,), **fields):
    return pb.Item(image=image, prompt=prompt, outputs=outputs, **fields)


def encoded(frame=1):
    return pb.Image(encoded=pb.EncodedImage(frame=frame))


def tensor(dtype, layout, shape, frame=1):
    return pb.Image(tensor=pb.Tensor(frame=frame, dtype=dtype, layout=layout, shape=shape))


def ok(*statuses):
    return {"status": "OK", "items": list(statuses)}


def refused(status):
    return {"status": status, "items": []}


score, gradient = pb.VERB_SCORE, pb.VERB_GRADIENT
f32 = lambda *values: struct.pack(f"<{len(values)}f", *values)  # noqa: E731
f16 = lambda *values: struct.pack(f"<{len(values)}e", *values)  # noqa: E731
rgb = [0.0, 0.5, 1.0, 0.25, 0.75, 0.125]
plausibility = pb.Objective(score_weights=pb.ScoreWeights(plausibility=1))

# Requests that are answered.
request("health", "Asks for the state.", verb=pb.VERB_HEALTH, outcome=ok())
request("info", "Asks for the limits.", verb=pb.VERB_INFO, outcome=ok())
request("cancel", "Drops request 'x', which does not exist.", verb=pb.VERB_CANCEL, cancel_request_id=b"x", outcome=ok())
request("score-png", "One file, everything wanted, within a minute.", [png()], verb=score, timeout_ms=60000,
        items=[item(encoded(), outputs=[1, 2, 3])], outcome=ok("OK"))
request("score-u8-hwc", "A 2×1 tensor of bytes, pixels together.", [bytes([0, 128, 255, 64, 191, 32])], verb=score,
        items=[item(tensor(pb.DTYPE_U8, pb.LAYOUT_HWC, [1, 2, 3]))], outcome=ok("OK"))
request("score-f32-chw", "A 2×1 tensor of floats, planes together.", [f32(*rgb)], verb=score,
        items=[item(tensor(pb.DTYPE_F32, pb.LAYOUT_CHW, [3, 1, 2]))], outcome=ok("OK"))
request("score-f16-hwc", "The same in half precision; the heatmaps as bytes.", [f16(*rgb)], verb=score,
        items=[item(tensor(pb.DTYPE_F16, pb.LAYOUT_HWC, [1, 2, 3]), outputs=[2], heatmap_dtype=pb.DTYPE_U8)],
        outcome=ok("OK"))
request("score-shared-frame", "Two prompts for one image.", [png()], verb=score,
        items=[item(encoded()), item(encoded(), prompt="ein Kätzchen".encode())], outcome=ok("OK", "OK"))
request("gradient-mask", "A score minus a heatmap's mass inside a mask; the gradient in half precision.",
        [f32(*rgb), bytes([255, 0])], verb=gradient,
        items=[item(tensor(pb.DTYPE_F32, pb.LAYOUT_HWC, [1, 2, 3]), gradient_dtype=pb.DTYPE_F16, objective=pb.Objective(
            score_weights=pb.ScoreWeights(overall=1), heatmap_terms=[pb.HeatmapTerm(
                heatmap=pb.HEATMAP_KIND_IMPLAUSIBILITY, weight=-0.5, reduction=pb.REDUCTION_MASS,
                mask=pb.Tensor(frame=2, dtype=pb.DTYPE_U8, layout=pb.LAYOUT_HW, shape=[1, 2]))]))], outcome=ok("OK"))

# Items that fail alone.
request("item-invalid-utf8", "The second prompt breaks at byte 2; its neighbours are answered.", [png()], verb=score,
        items=[item(encoded()), item(encoded(), prompt=b"a \xff cat"), item(encoded())],
        outcome=ok("OK", "INVALID_PROMPT", "OK"))
request("item-empty-prompts", "No bytes, and no words.", [png()], verb=score,
        items=[item(encoded(), prompt=b""), item(encoded(), prompt=b" ., ")],
        outcome=ok("INVALID_PROMPT", "INVALID_PROMPT"))
request("item-long-prompts", "1,500 words, and 10,000, which are more bytes than a prompt may have.", [png()], verb=score,
        items=[item(encoded(), prompt=b"w " * 1500), item(encoded(), prompt=b"w " * 10_000), item(encoded())],
        outcome=ok("PROMPT_TOO_LONG", "PROMPT_TOO_LONG", "OK"))
request("item-nan-pixels", "One sample is not a number.", [f32(0, 0, 0, float("nan"), 0, 0)], verb=score,
        items=[item(tensor(pb.DTYPE_F32, pb.LAYOUT_HWC, [1, 2, 3]))], outcome=ok("INVALID_PIXELS"))
request("item-lying-shape", "The shape takes 24 bytes; the frame has 23.", [f32(*rgb)[:23]], verb=score,
        items=[item(tensor(pb.DTYPE_F32, pb.LAYOUT_HWC, [1, 2, 3]))], outcome=ok("INVALID_REQUEST"))
request("item-huge-shape", "Extents whose product overflows 64 bits.", [b"\0"], verb=score,
        items=[item(tensor(pb.DTYPE_U8, pb.LAYOUT_HWC, [2**32 - 1, 2**32 - 1, 3]))], outcome=ok("TOO_LARGE"))
request("item-odd-tensors", "Four channels; two extents; no pixels; no dtype; no layout.", [bytes(12)], verb=score, items=[
    item(tensor(pb.DTYPE_U8, pb.LAYOUT_HWC, [1, 3, 4])), item(tensor(pb.DTYPE_U8, pb.LAYOUT_CHW, [3, 4])),
    item(tensor(pb.DTYPE_U8, pb.LAYOUT_HWC, [0, 4, 3])), item(tensor(0, pb.LAYOUT_HWC, [1, 4, 3])),
    item(tensor(pb.DTYPE_U8, 0, [1, 4, 3]))], outcome=ok(*["INVALID_REQUEST"] * 5))
request("item-truncated-png", "A file that ends early, beside a good one.", [png()[:60], png()], verb=score,
        items=[item(encoded()), item(encoded(2))], outcome=ok("INVALID_IMAGE", "OK"))
request("item-not-an-image", "Bytes of no known format.", [b"GIF89a......"], verb=score, items=[item(encoded())],
        outcome=ok("INVALID_IMAGE"))
request("item-wide-png", "A header that says 100,000 pixels wide.", [header_only_png(100_000, 1)], verb=score,
        items=[item(encoded())], outcome=ok("TOO_LARGE"))
request("item-large-png", "A header that would unpack to gigabytes.", [header_only_png(16_000, 16_000)], verb=score,
        items=[item(encoded())], outcome=ok("TOO_LARGE"))
request("item-unknown-output", "An output of a later version.", [png()], verb=score,
        items=[item(encoded(), outputs=[1, 9])], outcome=ok("INVALID_REQUEST"))
request("item-no-output", "Nothing asked for.", [png()], verb=score, items=[item(encoded(), outputs=[])],
        outcome=ok("INVALID_REQUEST"))
request("item-objectives", "An objective in SCORE.", [png()], verb=score,
        items=[item(encoded(), objective=plausibility)], outcome=ok("INVALID_REQUEST"))
request("item-no-objectives", "GRADIENT without an objective, with an empty one, with weight infinity.", [png()],
        verb=gradient, items=[item(encoded()), item(encoded(), objective=pb.Objective()), item(
            encoded(), objective=pb.Objective(score_weights=pb.ScoreWeights(overall=float("inf"))))],
        outcome=ok(*["INVALID_REQUEST"] * 3))

group = lambda *ids: [item(encoded(), prompt=f"a cat {n}".encode(), group_id=id) for n, id in enumerate(ids)]  # noqa: E731
request("score-groups", "Two groups and an item of none, which share an image.", [png()], verb=score,
        items=group(b"one", b"two", b"one", b""), outcome=ok(*["OK"] * 4))
request("item-groups", "A group without scores; a group id of 65 bytes.", [png()], verb=score,
        items=[item(encoded(), outputs=[2], group_id=b"g"), item(encoded(), group_id=b"g" * 65)],
        outcome=ok("INVALID_REQUEST", "TOO_LARGE"))

# Requests that are refused as a whole.
request("newer-version", "Version 2.", protocol_version=2, verb=pb.VERB_HEALTH, outcome=refused("UNSUPPORTED_VERSION"))
write("request", "newer-version-strange", "Version 2, with a field 5 that is no item any more.",
      b"\x08\x02\x12\x01n\x2a\x03\xff\xff\xff", [], refused("UNSUPPORTED_VERSION"))
request("no-version", "No version.", protocol_version=0, verb=pb.VERB_HEALTH, outcome=refused("UNSUPPORTED_VERSION"))
request("unknown-verb", "A verb of a later version.", verb=77, outcome=refused("UNKNOWN_VERB"))
request("no-verb", "No verb.", outcome=refused("UNKNOWN_VERB"))
request("no-items", "SCORE of nothing.", verb=score, outcome=refused("INVALID_REQUEST"))
request("missing-frame", "An item names frame 2 of 1.", [png()], verb=score, items=[item(encoded()), item(encoded(2))],
        outcome=refused("INVALID_REQUEST"))
request("frame-zero", "An item names the header as its image.", [png()], verb=score,
        items=[item(encoded()), item(encoded(0))], outcome=refused("INVALID_REQUEST"))
request("unused-frame", "No item names frame 2.", [png(), png()], verb=score, items=[item(encoded())],
        outcome=refused("INVALID_REQUEST"))
request("health-with-frame", "HEALTH with an image.", [png()], verb=pb.VERB_HEALTH, outcome=refused("INVALID_REQUEST"))
request("long-id", "A request id of 65 bytes.", verb=pb.VERB_HEALTH, request_id=b"i" * 65, outcome=refused("TOO_LARGE"))
write("request", "garbage", "A header that is no protobuf message.", bytes.fromhex("0801ffffffffff"), [],
      refused("INVALID_REQUEST"))
write("request", "pickle", "What other reward servers are sent.", b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00.", [],
      refused("INVALID_REQUEST"))

# Replies.
model = pb.Model(name="m", digest="sha256:" + "0" * 64, preprocessing="none", trained=True)
good = pb.Status(code=pb.STATUS_CODE_OK)


def reply(name, text, message, frames=(), outcome=None):
    message.protocol_version = message.protocol_version or 1
    message.request_id = name.encode()
    message.library_version = "0.1.0"
    message.model.CopyFrom(model)
    write("reply", name, text, message, list(frames), outcome)


everything = pb.ItemReply(
    status=good, scores=pb.Scores(plausibility=0, alignment=0.5, aesthetics=1, overall=0.25),
    words=pb.Words(decoded_text="a red_0 cat", words=[
        pb.Word(word="a", start=0, end=1), pb.Word(word="red", start=2, end=5, misaligned=True),
        pb.Word(word="cat", start=6, end=9)]),
    heatmaps=[pb.HeatmapReply(heatmap=1, tensor=pb.Tensor(frame=1, dtype=3, layout=3, shape=[1, 2])),
              pb.HeatmapReply(heatmap=2, tensor=pb.Tensor(frame=2, dtype=1, layout=3, shape=[1, 2]))],
    gradient=pb.GradientReply(tensor=pb.Tensor(frame=3, dtype=2, layout=2, shape=[3, 1, 1]), objective=0.75, norm=0.5,
                              scale=2.0 ** -20),
    notes=[pb.Note(kind="resized", resized=pb.Resized(from_width=4, from_height=2, to_width=64, to_height=64)),
           pb.Note(kind="a_later_note"), pb.Note(kind="untrained_model")])
reply("everything", "All outputs of one item, and a failed one beside it.", pb.Reply(
    status=good, items=[everything, pb.ItemReply(status=pb.Status(code=6, message="png: truncated"))],
    timings=pb.Timings(queue_ms=1.5, compute_ms=20, batch_size=2)),
    [f32(0.0, 1.0), bytes([0, 255]), f16(8192, -4096, 0.5)],
    {"status": "OK", "items": ["OK", "INVALID_IMAGE"], "scores": [0, 0.5, 1, 0.25], "implausibility": [0, 1],
     "misalignment": [0, 1], "gradient": [2.0 ** -7, -2.0 ** -8, 2.0 ** -21], "notes": ["resized", "a_later_note", "untrained_model"]})
reply("overloaded", "A full queue.", pb.Reply(status=pb.Status(
    code=11, message="the queue is full", retryable=True, retry_after_ms=250)), outcome=refused("OVERLOADED"))
reply("unsupported-version", "A server that speaks version 1 only.", pb.Reply(status=pb.Status(
    code=3, message="no", supported_versions=[1])), outcome=refused("UNSUPPORTED_VERSION"))
reply("later-code", "A status code of a later version: a failure that may pass.", pb.Reply(status=pb.Status(
    code=99, message="new", retryable=True)), outcome=refused("INTERNAL"))
reply("no-status", "A reply without a status is a failure.", pb.Reply(), outcome=refused("INVALID_REQUEST"))
reply("later-version", "A reply in version 2.", pb.Reply(protocol_version=2, status=good),
      outcome=refused("UNSUPPORTED_VERSION"))
reply("missing-score", "A score is absent: the item has failed, it is not 0.", pb.Reply(status=good, items=[pb.ItemReply(
    status=good, scores=pb.Scores(plausibility=0, alignment=0, aesthetics=0))]), outcome=ok("INTERNAL"))
reply("missing-frame", "A heatmap without its frame.", pb.Reply(status=good, items=[pb.ItemReply(
    status=good, heatmaps=everything.heatmaps[:1])]), outcome=ok("INTERNAL"))
reply("health", "A server that drains.", pb.Reply(status=good, health=pb.Health(
    live=True, draining=True, queued_items=3, queued_bytes=300, running_items=8, uptime_ms=5000)), outcome=ok())
reply("cancel", "Two items were dropped.", pb.Reply(status=good, cancel=pb.CancelReply(
    found=True, cancelled_items=2)), outcome=ok())


def standing(scores, position):
    """Where one score stands among all: numpy's and scipy's own words for what README.md says."""
    values = numpy.array(scores, numpy.float32).astype(numpy.float64)
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    return pb.Standing(
        mean=values.mean(), standard_deviation=deviation, z_score=(values[position] - values.mean()) / (deviation + 1e-4),
        rank=scipy.stats.rankdata(-values)[position])


# Binary fractions, whose sums are exact; the second and the fourth are equal.
rewards = {"plausibility": [0.5, 0.25, 0.125, 0.25], "alignment": [0.75] * 4, "aesthetics": [0, 0.5, 1, 0.5],
           "overall": [0.0625, 0.625, 0.875, 0.625]}
failed = pb.ItemReply(status=pb.Status(code=6, message="png: truncated"))
members = [pb.ItemReply(
    status=good, scores=pb.Scores(**{name: values[position] for name, values in rewards.items()}),
    group=pb.Group(scored=4, failed=1, **{name: standing(values, position) for name, values in rewards.items()}))
    for position in range(4)]
groups = {"scored": 4, "failed": 1,
          "group": [[getattr(getattr(member.group, name), field) for field in (
              "mean", "standard_deviation", "z_score", "rank")] for member in members for name in rewards]}
reply("groups", "A group of five, one of which failed.", pb.Reply(
    status=good, items=members[:2] + [failed] + members[2:]), [],
    {"status": "OK", "items": ["OK", "OK", "INVALID_IMAGE", "OK", "OK"], **groups})
broken = pb.ItemReply.FromString(members[0].SerializeToString())
broken.group.overall.ClearField("z_score")
reply("missing-z-score", "A standing without one of its numbers: the item has failed.", pb.Reply(
    status=good, items=[broken]), outcome=ok("INTERNAL"))
