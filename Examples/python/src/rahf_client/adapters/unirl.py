"""UniRL's reward service: a scorer with `name`, `sub_metric_names` and `score(items) -> list[dict[str, float]]`.

Mix it into the service's own base class, which this file does not import:

    from rahf_client.adapters.unirl import RahfScorer
    class Rahf(RahfScorer, BaseScorer): ...
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from ..types import SCORES, ItemError
from .ddpo import client


class RahfScorer:
    name = "rahf"
    sub_metric_names = list(SCORES)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._client = client()

    def score(self, items: Sequence[Any]) -> list[dict[str, float]]:
        """Scores the last image of each item's history under its text; a failure raises, with every cause in it."""
        pairs = [self._pair(item) for item in items]
        results = self._client.score([image for image, _ in pairs], [text for _, text in pairs])
        failures = {position: result.status for position, result in enumerate(results) if not result.ok}
        if failures:
            raise ItemError(failures, len(results))
        return [dict(result.scores) for result in results if result.scores is not None]

    @staticmethod
    def _pair(item: Any) -> tuple[Any, str]:
        def field(of: Any, key: str) -> Any:
            return of.get(key) if isinstance(of, dict) else getattr(of, key, None)

        history = field(item, "history") or [item]
        texts = [text for turn in history if (text := field(turn, "text"))]
        images = [
            image for turn in history
            if (image := field(turn, "image_b64") or field(turn, "image")) is not None]
        if not texts or not images:
            raise ValueError("an item needs a text and an image")
        image = images[-1]
        return (base64.b64decode(image) if isinstance(image, str) else image), str(texts[-1])
