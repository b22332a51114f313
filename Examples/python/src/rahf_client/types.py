"""What a client gives and gets: outputs, objectives, results and the errors they end in."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy
from numpy.typing import NDArray

SCORES = ("plausibility", "alignment", "aesthetics", "overall")
HEATMAPS = ("implausibility", "misalignment")
OUTPUTS = ("scores", "heatmaps", "words")


class Code(enum.IntEnum):
    """Status codes of the protocol; numbers never change their meaning."""

    UNSPECIFIED = 0
    OK = 1
    INVALID_REQUEST = 2
    UNSUPPORTED_VERSION = 3
    UNKNOWN_VERB = 4
    TOO_LARGE = 5
    INVALID_IMAGE = 6
    UNSUPPORTED_IMAGE = 7
    INVALID_PIXELS = 8
    INVALID_PROMPT = 9
    PROMPT_TOO_LONG = 10
    OVERLOADED = 11
    DEADLINE_EXCEEDED = 12
    CANCELLED = 13
    DRAINING = 14
    INVALID_MODEL = 15
    NON_FINITE_RESULT = 16
    FILE_ERROR = 17
    INTERNAL = 18
    DUPLICATE_REQUEST = 19
    UNAVAILABLE = 20
    PERMISSION_DENIED = 21
    IN_PROGRESS = 22


@dataclass(frozen=True)
class Status:
    """Why something failed, or that it did not.

    `code` is a plain int where the server sent a number this client does not know: a failure all the same.
    """

    code: int
    message: str = ""
    retryable: bool = False
    retry_after: float | None = None
    """Seconds."""

    @property
    def ok(self) -> bool:
        return self.code == Code.OK

    @property
    def name(self) -> str:
        try:
            return Code(self.code).name
        except ValueError:
            return f"CODE_{self.code}"

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


class RahfError(Exception):
    """Base of everything this package raises on purpose."""


class RequestError(RahfError):
    """A whole request was refused, or no server answered within the tries allowed."""

    def __init__(self, status: Status) -> None:
        super().__init__(str(status))
        self.status = status


class ItemError(RahfError):
    """One or more items failed. `failures` maps their positions to statuses; nothing was turned into a number."""

    def __init__(self, failures: Mapping[int, Status], of: int) -> None:
        first, status = next(iter(failures.items()))
        super().__init__(f"{len(failures)} of {of} items failed; item {first}: {status}")
        self.failures = dict(failures)


class ProtocolError(RahfError):
    """The reply breaks the protocol."""


@dataclass(frozen=True)
class HeatmapTerm:
    """A heatmap reduced to a number inside an optional mask.

    `mask`: weights in [0, 1], `[height, width]`, any size; uint8 stands for 0 to 255. `reduction`: "mean" or "mass".
    """

    heatmap: str
    weight: float
    reduction: str = "mean"
    mask: NDArray[Any] | None = None


@dataclass(frozen=True)
class Objective:
    """`sum(weight * score) + sum(weight * term)`: what a gradient is of."""

    scores: Mapping[str, float] = field(default_factory=dict)
    terms: Sequence[HeatmapTerm] = ()


@dataclass(frozen=True)
class Word:
    """A word of the prompt: `prompt[start:end] == word`."""

    word: str
    start: int
    end: int
    misaligned: bool


@dataclass(frozen=True)
class Gradient:
    """`values`: float32 `[3, height, width]`, d objective / d pixel with pixels in [0, 1]; `norm` is Euclidean."""

    values: NDArray[numpy.float32]
    objective: float
    norm: float


@dataclass(frozen=True)
class Note:
    """Something done to an item that its sender might not expect, e.g. `resized`."""

    kind: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """One score among those of its group. `standard_deviation` is the sample's (n - 1), 0 for a single item.

    `z_score` is `(score - mean) / (standard_deviation + 1e-4)`. `rank` 1 is the highest; equal scores share the mean
    of their ranks.
    """

    mean: float
    standard_deviation: float
    z_score: float
    rank: float


@dataclass(frozen=True)
class Group:
    """How an item's scores stand in its group: `standings` by score. Failed items are counted and in no number."""

    scored: int
    failed: int
    standings: Mapping[str, Standing]


@dataclass(frozen=True)
class Result:
    """One item's answer. When `status` is not ok, everything else is None or empty: a failure is never a number."""

    status: Status
    scores: Mapping[str, float] | None = None
    heatmaps: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    words: Sequence[Word] | None = None
    decoded_text: str | None = None
    gradient: Gradient | None = None
    notes: Sequence[Note] = ()
    group: Group | None = None

    @property
    def ok(self) -> bool:
        return self.status.ok

    @property
    def misaligned_words(self) -> list[str]:
        return [word.word for word in self.words or () if word.misaligned]


@dataclass(frozen=True)
class Model:
    """Who made a result."""

    name: str
    digest: str
    preprocessing: str
    preprocessing_digest: str
    trained: bool


@dataclass(frozen=True)
class Timings:
    """Seconds in the queue and from the first item's start to the last one's end; most items that shared a pass."""

    queue: float
    compute: float
    batch_size: int


@dataclass(frozen=True)
class Health:
    live: bool
    ready: bool
    draining: bool
    queued_items: int
    queued_bytes: int
    running_items: int
    uptime: float
    """Seconds."""


@dataclass(frozen=True)
class Info:
    """What a server serves. `limits` has the protocol's names, `config` is the model's config.json."""

    model: Model
    library_version: str
    protocol_versions: Sequence[int]
    limits: Mapping[str, int]
    variant: str
    parameter_count: int
    input_size: tuple[int, int]
    heatmap_size: tuple[int, int]
    features: Sequence[str]
    config: Mapping[str, Any]
