"""Requests to frames and frames to replies: the protocol without a socket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from . import images
from .schema import pb
from .types import (
    HEATMAPS, OUTPUTS, SCORES, Code, Gradient, Group, Health, HeatmapTerm, Info, Model, Note, Objective,
    ProtocolError, Result, Standing, Status, Timings, Word,
)

PROTOCOL_VERSION = 1
_OUTPUT_NUMBERS = {"scores": pb.OUTPUT_SCORES, "heatmaps": pb.OUTPUT_HEATMAPS, "words": pb.OUTPUT_WORDS}
_HEATMAP_NUMBERS = {
    "implausibility": pb.HEATMAP_KIND_IMPLAUSIBILITY, "misalignment": pb.HEATMAP_KIND_MISALIGNMENT,
}
_REDUCTIONS = {"mean": pb.REDUCTION_MEAN, "mass": pb.REDUCTION_MASS}
_DTYPE_NUMBERS = {"float32": pb.DTYPE_F32, "float16": pb.DTYPE_F16, "uint8": pb.DTYPE_U8}


@dataclass(frozen=True)
class Item:
    """One image and prompt, ready to send."""

    picture: images.Picture
    prompt: bytes
    outputs: tuple[str, ...] = ("scores",)
    objective: Objective | None = None
    heatmap_dtype: str = "float32"
    gradient_dtype: str = "float32"
    group: bytes = b""

    @property
    def size(self) -> int:
        return len(self.picture.data) + len(self.prompt)


@dataclass
class Reply:
    """A decoded reply."""

    request_id: bytes
    status: Status
    model: Model
    library_version: str
    items: list[Result] = field(default_factory=list)
    timings: Timings | None = None
    info: Info | None = None
    health: Health | None = None
    cancel_found: bool | None = None


def prepare(
    image: Any, prompt: str | bytes, outputs: Sequence[str], objective: Objective | None = None,
    layout: str | None = None, heatmap_dtype: str = "float32", gradient_dtype: str = "float32", group: bytes = b"",
) -> Item:
    """Checks one item and turns its image into bytes."""
    for name in outputs:
        if name not in OUTPUTS:
            raise ValueError(f"outputs are {', '.join(OUTPUTS)}, not {name!r}")
    if objective is not None:
        for name in objective.scores:
            if name not in SCORES:
                raise ValueError(f"scores are {', '.join(SCORES)}, not {name!r}")
        for term in objective.terms:
            if term.heatmap not in HEATMAPS or term.reduction not in _REDUCTIONS:
                raise ValueError(f"a term is a mean or mass of {' or '.join(HEATMAPS)}, not {term}")
    for dtype in (heatmap_dtype, gradient_dtype):
        if dtype not in _DTYPE_NUMBERS:
            raise ValueError(f"dtypes are {', '.join(_DTYPE_NUMBERS)}, not {dtype!r}")
    if group and "scores" not in outputs:
        raise ValueError("an item of a group asks for its scores")
    text = prompt.encode() if isinstance(prompt, str) else bytes(prompt)
    return Item(images.picture(image, layout), text, tuple(outputs), objective, heatmap_dtype, gradient_dtype, group)


def encode_items(
    request_id: bytes, items: Sequence[Item], timeout_ms: int = 0, progress_ms: int = 0,
) -> list[bytes]:
    """The frames of a SCORE or GRADIENT request. Equal images are sent once."""
    gradient = any(item.objective is not None for item in items)
    request = pb.Request(
        protocol_version=PROTOCOL_VERSION, request_id=request_id, timeout_ms=timeout_ms,
        progress_ms=progress_ms, verb=pb.VERB_GRADIENT if gradient else pb.VERB_SCORE)
    frames: list[bytes] = []
    known: dict[int, int] = {}

    def frame(data: bytes) -> int:
        if id(data) not in known:
            frames.append(data)
            known[id(data)] = len(frames)
        return known[id(data)]

    for item in items:
        entry = request.items.add(
            prompt=item.prompt, group_id=item.group, outputs=[_OUTPUT_NUMBERS[name] for name in item.outputs],
            heatmap_dtype=_DTYPE_NUMBERS[item.heatmap_dtype], gradient_dtype=_DTYPE_NUMBERS[item.gradient_dtype])
        if item.picture.shape:
            entry.image.tensor.CopyFrom(_tensor(item.picture, frame(item.picture.data)))
        else:
            entry.image.encoded.frame = frame(item.picture.data)
        if item.objective is not None:
            for name, weight in item.objective.scores.items():
                setattr(entry.objective.score_weights, name, weight)
            for term in item.objective.terms:
                _add_term(entry.objective, term, frame)
    return [request.SerializeToString(), *frames]


def encode_simple(request_id: bytes, verb: int, cancel_request_id: bytes = b"") -> list[bytes]:
    """The frame of an INFO, HEALTH or CANCEL request."""
    request = pb.Request(
        protocol_version=PROTOCOL_VERSION, request_id=request_id, verb=verb, cancel_request_id=cancel_request_id)
    return [request.SerializeToString()]


def reply_id(frames: Sequence[bytes]) -> bytes | None:
    """The request a reply belongs to; None when the header cannot be read."""
    try:
        return bytes(pb.Envelope.FromString(frames[0]).request_id)
    except (DecodeError, IndexError):
        return None


def is_progress(frames: Sequence[bytes]) -> bool:
    """Whether a reply only says that its request is still open."""
    try:
        return len(frames) == 1 and pb.Reply.FromString(frames[0]).status.code == Code.IN_PROGRESS
    except DecodeError:
        return False


def decode(frames: Sequence[bytes]) -> Reply:
    """Reads a reply's frames (without a delimiter).

    An item that contradicts the protocol (a missing score, a number that is not finite, a frame that is not there) has
    failed; it costs its neighbours nothing. Raises ProtocolError when the header cannot be read.
    """
    try:
        reply = pb.Reply.FromString(frames[0])
    except (DecodeError, IndexError) as error:
        raise ProtocolError(f"the reply's header cannot be read: {error}") from error
    model = Model(
        reply.model.name, reply.model.digest, reply.model.preprocessing, reply.model.preprocessing_digest,
        reply.model.trained)
    if reply.protocol_version != PROTOCOL_VERSION:
        status = Status(
            Code.UNSUPPORTED_VERSION, f"the reply speaks version {reply.protocol_version}, this client {PROTOCOL_VERSION}")
        return Reply(bytes(reply.request_id), status, model, reply.library_version)
    decoded = Reply(bytes(reply.request_id), _status(reply.status), model, reply.library_version)
    decoded.items = [_result(item, frames) for item in reply.items]
    if reply.HasField("timings"):
        times = reply.timings
        decoded.timings = Timings(times.queue_ms / 1000, times.compute_ms / 1000, times.batch_size)
    if reply.HasField("info"):
        decoded.info = _info(reply, model)
    if reply.HasField("health"):
        health = reply.health
        decoded.health = Health(
            health.live, health.ready, health.draining, health.queued_items, health.queued_bytes,
            health.running_items, health.uptime_ms / 1000)
    if reply.HasField("cancel"):
        decoded.cancel_found = reply.cancel.found
    return decoded


def _tensor(picture: images.Picture, frame: int) -> Any:
    return pb.Tensor(frame=frame, dtype=picture.dtype, layout=picture.layout, shape=picture.shape)


def _add_term(objective: Any, term: HeatmapTerm, frame: Any) -> None:
    entry = objective.heatmap_terms.add(
        heatmap=_HEATMAP_NUMBERS[term.heatmap], weight=term.weight, reduction=_REDUCTIONS[term.reduction])
    if term.mask is not None:
        mask = images.mask(term.mask)
        entry.mask.CopyFrom(_tensor(mask, frame(mask.data)))


def _status(status: Any) -> Status:
    after = status.retry_after_ms / 1000 if status.HasField("retry_after_ms") else None
    return Status(int(status.code), status.message, status.retryable and status.code != Code.OK, after)


def _finite(value: float) -> float:
    if not value - value == 0:
        raise ValueError(f"{value} is not finite")
    return float(value)


def _array(tensor: Any, frames: Sequence[bytes]) -> Any:
    if not 1 <= tensor.frame < len(frames):
        raise ValueError(f"no frame {tensor.frame} among {len(frames)}")
    return images.array(frames[tensor.frame], tensor.dtype, tuple(tensor.shape))


def _result(item: Any, frames: Sequence[bytes]) -> Result:
    status = _status(item.status)
    notes = [_note(note) for note in item.notes]
    if not status.ok:
        return Result(status, notes=notes)
    try:
        return _answer(item, frames, status, notes)
    except ValueError as error:
        return Result(Status(Code.INTERNAL, f"the reply contradicts itself: {error}"), notes=notes)


def _answer(item: Any, frames: Sequence[bytes], status: Status, notes: list[Note]) -> Result:
    scores = None
    if item.HasField("scores"):
        missing = [name for name in SCORES if not item.scores.HasField(name)]
        if missing:
            raise ValueError(f"scores without {', '.join(missing)}")
        scores = {name: _finite(getattr(item.scores, name)) for name in SCORES}
    names = {number: name for name, number in _HEATMAP_NUMBERS.items()}
    heatmaps = {names[map.heatmap]: _unit(_array(map.tensor, frames)) for map in item.heatmaps if map.heatmap in names}
    words = text = None
    if item.HasField("words"):
        words = [Word(word.word, word.start, word.end, word.misaligned) for word in item.words.words]
        text = item.words.decoded_text
    gradient = None
    if item.HasField("gradient"):
        values = _array(item.gradient.tensor, frames).astype("float32")
        if item.gradient.scale != 1:
            values *= _finite(item.gradient.scale)
        gradient = Gradient(values, _finite(item.gradient.objective), _finite(item.gradient.norm))
    return Result(status, scores, heatmaps, words, text, gradient, notes, _group(item))


def _group(item: Any) -> Group | None:
    if not item.HasField("group"):
        return None
    fields = ("mean", "standard_deviation", "z_score", "rank")
    standings = {}
    for name in SCORES:
        standing = getattr(item.group, name)
        if missing := [field for field in fields if not standing.HasField(field)]:
            raise ValueError(f"a standing without its {missing[0]}")
        standings[name] = Standing(*(_finite(getattr(standing, field)) for field in fields))
    return Group(item.group.scored, item.group.failed, standings)


def _unit(values: Any) -> Any:
    """float32 in [0, 1], whatever the frame's type."""
    return values.astype("float32") / (255 if values.dtype == "uint8" else 1)


def _note(note: Any) -> Note:
    detail = note.WhichOneof("detail")
    if detail is None:
        return Note(note.kind)
    value = getattr(note, detail)
    if hasattr(value, "DESCRIPTOR"):
        return Note(note.kind, {field.name: getattr(value, field.name) for field in value.DESCRIPTOR.fields})
    return Note(note.kind, {detail: value})


def _info(reply: Any, model: Model) -> Info:
    info = reply.info
    limits = {field.name: int(getattr(info.limits, field.name)) for field in info.limits.DESCRIPTOR.fields}
    try:
        config = json.loads(info.config_json) if info.config_json else {}
    except ValueError as error:
        raise ProtocolError(f"config_json is not JSON: {error}") from error
    return Info(
        model, reply.library_version, list(info.protocol_versions), limits, info.variant, info.parameter_count,
        (info.input_width, info.input_height), (info.heatmap_width, info.heatmap_height), list(info.features), config)
