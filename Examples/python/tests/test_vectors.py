"""The recorded messages of Protocols/vectors: replies are read, requests are written as recorded."""

import base64
import dataclasses
import io
import json
import pathlib
from typing import Any

import numpy
import pytest
from google.protobuf import json_format
from PIL import Image

from rahf_client import HeatmapTerm, Objective
from rahf_client.groups import with_standings
from rahf_client.messages import decode, encode_items, prepare
from rahf_client.schema import pb
from rahf_client.types import Code

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "Protocols" / "vectors"
VECTORS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def frames(vector: Any) -> list[bytes]:
    return [bytes.fromhex(frame) for frame in vector["frames"]]


def test_the_recordings_are_there() -> None:
    assert sum(vector["kind"] == "reply" for vector in VECTORS.values()) >= 8


@pytest.mark.parametrize("name", [name for name, vector in VECTORS.items() if vector["kind"] == "reply"])
def test_a_recorded_reply_is_read_as_described(name: str) -> None:
    vector = VECTORS[name]
    outcome = vector["outcome"]
    reply = decode(frames(vector))
    assert reply.status.ok == (outcome["status"] == "OK")
    if name not in ("reply-later-code", "reply-no-status"):
        assert reply.status.name == outcome["status"]
    assert [item.status.name for item in reply.items] == outcome["items"]
    assert all(item.scores is None for item in reply.items if not item.ok)
    if "scores" in outcome:
        item = reply.items[0]
        assert item.scores is not None and item.gradient is not None
        assert list(item.scores.values()) == outcome["scores"]
        for heatmap in ("implausibility", "misalignment"):
            assert item.heatmaps[heatmap].ravel().tolist() == pytest.approx(outcome[heatmap])
        assert item.gradient.values.ravel().tolist() == outcome["gradient"]
        assert item.misaligned_words == ["red"] and item.decoded_text == "a red_0 cat"
        assert [note.kind for note in item.notes] == outcome["notes"]


def test_the_recorded_group_is_read_and_is_what_the_client_computes_itself() -> None:
    vector = VECTORS["reply-groups"]
    results = decode(frames(vector)).items
    found = [result.group for result in results if result.ok]
    assert [[*dataclasses.astuple(standing)] for group in found if group for standing in group.standings.values()
            ] == vector["outcome"]["group"]
    assert all(group and (group.scored, group.failed) == (4, 1) for group in found)
    bare = [dataclasses.replace(result, group=None) for result in results]
    assert [result.group for result in with_standings(bare, [b"0"] * 5)] == [result.group for result in results]


def test_a_code_of_a_later_version_is_a_failure_that_says_whether_to_retry() -> None:
    reply = decode(frames(VECTORS["reply-later-code"]))
    assert reply.status.code == 99 and reply.status.retryable and not reply.status.ok


def test_a_missing_status_is_a_failure() -> None:
    assert decode(frames(VECTORS["reply-no-status"])).status.code == Code.UNSPECIFIED


def described(vector: Any) -> Any:
    return json_format.ParseDict(vector["header"], pb.Request())


@pytest.mark.parametrize(
    "name", ["request-score-u8-hwc", "request-score-f16-hwc", "request-score-f32-chw", "request-score-png",
             "request-score-shared-frame", "request-gradient-mask", "request-score-groups"])
def test_our_requests_are_the_recorded_ones(name: str) -> None:
    vector = VECTORS[name]
    recorded, sent = described(vector), frames(vector)
    items = []
    pictures: dict[int, Any] = {}
    for item in recorded.items:
        source: Any
        if item.image.HasField("tensor"):
            tensor = item.image.tensor
            kind = {pb.DTYPE_U8: "u1", pb.DTYPE_F16: "<f2", pb.DTYPE_F32: "<f4"}[tensor.dtype]
            source = numpy.frombuffer(sent[tensor.frame], kind).reshape(tuple(tensor.shape))
            layout = "CHW" if tensor.layout == pb.LAYOUT_CHW else "HWC"
            made = prepare(source, item.prompt, (), layout=layout).picture
        else:
            made = prepare(sent[item.image.encoded.frame], item.prompt, ()).picture
        frame = item.image.tensor.frame or item.image.encoded.frame
        picture = pictures.setdefault(frame, made)
        objective = None
        if item.HasField("objective"):
            term = item.objective.heatmap_terms[0]
            mask = numpy.frombuffer(sent[term.mask.frame], "u1").reshape(tuple(term.mask.shape))
            objective = Objective({"overall": 1.0}, [HeatmapTerm("implausibility", term.weight, "mass", mask)])
        names = {pb.OUTPUT_SCORES: "scores", pb.OUTPUT_HEATMAPS: "heatmaps", pb.OUTPUT_WORDS: "words"}
        dtypes = {0: "float32", pb.DTYPE_F32: "float32", pb.DTYPE_F16: "float16", pb.DTYPE_U8: "uint8"}
        items.append(prepare(
            picture, item.prompt, [names[output] for output in item.outputs], objective,
            heatmap_dtype=dtypes[item.heatmap_dtype], gradient_dtype=dtypes[item.gradient_dtype], group=item.group_id))
    written = encode_items(recorded.request_id, items, recorded.timeout_ms)
    header = pb.Request.FromString(written[0])
    for item in [*header.items, *recorded.items]:  # float32 said and unsaid mean the same
        for field in ("heatmap_dtype", "gradient_dtype"):
            if getattr(item, field) == pb.DTYPE_F32:
                item.ClearField(field)
    assert header == recorded
    assert written[1:] == sent[1:]


def test_the_recorded_png_is_a_picture() -> None:
    with Image.open(io.BytesIO(frames(VECTORS["request-score-png"])[1])) as picture:
        assert picture.size[0] > 0
    assert base64.b64decode(VECTORS["request-score-png"]["header"]["request_id"])
