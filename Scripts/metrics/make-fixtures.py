#!/usr/bin/env python3
"""Writes inputs and what scipy, pysaliency and plain numpy formulas make of them.

usage: make-fixtures.py FILE.json          needs: pip install -r Scripts/metrics/requirements.txt
Maps hold float32 values; everything is computed in float64.
"""
import json
import sys

import numpy
import scipy.stats

# pysaliency 0.2.22 calls it by the name that numpy 2.4 no longer has.
numpy.trapz = numpy.trapezoid
from pysaliency import metrics
from pysaliency.roc import general_roc

rng = numpy.random.default_rng(44)


def floats(values):
    return [float(value) for value in numpy.asarray(values).ravel()]


correlations = []
for count, levels in ((3, None), (40, None), (200, 13), (57, 3)):
    x = rng.normal(size=count)
    y = 0.5 * x + rng.normal(size=count)
    if levels:  # Likert means have many ties.
        x = numpy.round((x - x.min()) / numpy.ptp(x) * (levels - 1)) / (levels - 1)
        y = numpy.round((y - y.min()) / numpy.ptp(y) * (levels - 1)) / (levels - 1)
    correlations.append({
        "x": floats(x), "y": floats(y), "pearson": float(scipy.stats.pearsonr(x, y).statistic),
        "spearman": float(scipy.stats.spearmanr(x, y).statistic), "ranks": floats(scipy.stats.rankdata(x)),
        "mse": float(((x - y) ** 2).mean())})


def blobs(height, width, count, levels=None):
    y, x = numpy.mgrid[0:height, 0:width] + 0.5
    total = numpy.zeros((height, width))
    for _ in range(count):
        cx, cy, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(2, height / 3)
        square = (x - cx) ** 2 + (y - cy) ** 2
        total += (square < radius ** 2) if levels else numpy.exp(-square / radius ** 2)
    if levels:
        total = numpy.minimum(total, levels - 1) / (levels - 1)
    return total.astype(numpy.float32)


def min_max(p):
    return (p - p.min()) / (p.max() - p.min())


def pairwise_area(positives, negatives, weights):
    """Every pair counted: 1 above, one half tied."""
    above = (positives[:, None] > negatives).astype(float) + 0.5 * (positives[:, None] == negatives)
    return float((above * weights).sum() / (len(positives) * weights.sum()))


maps = []
for case in range(8):
    height, width = ((16, 20), (24, 24), (9, 31), (20, 16))[case % 4]
    truth = blobs(height, width, 1 + case % 3, levels=4)
    prediction = blobs(height, width, 4) + numpy.float32(0.3 * (case % 2)) + rng.uniform(
        0, 0.2, (height, width)).astype(numpy.float32)
    if case >= 4:  # Ties between the two classes.
        prediction = (numpy.round(prediction * 5) / 5).astype(numpy.float32)
    p, g = prediction.astype(float), truth.astype(float)
    fixated = g > 0
    ys, xs = numpy.nonzero(fixated)
    positives, negatives = p[fixated], p[~fixated]
    ranks = scipy.stats.rankdata(numpy.concatenate([positives, negatives]))[:len(positives)]
    n_p, n_n = len(positives), len(negatives)
    auc = float((ranks.sum() - n_p * (n_p + 1) / 2) / (n_p * n_n))
    assert abs(auc - general_roc(positives, negatives)[0]) < 1e-9
    weights = rng.integers(0, 4, (height, width)) / 3
    maps.append({
        "width": width, "height": height, "prediction": floats(prediction), "truth": floats(truth),
        "weights": floats(weights), "mse": float(((p - g) ** 2).mean()), "cc": float(metrics.CC(p, g)),
        "kld": float(metrics.MIT_KLDiv(p, g)), "sim": float(metrics.SIM(p, g)),
        "simMinMax": float(metrics.SIM(min_max(p), min_max(g))), "nss": float(metrics.NSS(p, xs, ys).mean()),
        "aucJudd": auc, "aucShuffled": pairwise_area(positives, negatives, weights[~fixated])})

words = []
for _ in range(3):
    truth = rng.random(60) < 0.3
    predicted = numpy.where(rng.random(60) < 0.2, ~truth, truth)
    tp, flagged, true = float((truth & predicted).sum()), float(predicted.sum()), float(truth.sum())
    words.append({"truth": truth.tolist(), "predicted": predicted.tolist(), "precision": tp / flagged,
                  "recall": tp / true, "f1": 2 * (tp / flagged) * (tp / true) / (tp / flagged + tp / true)})

with open(sys.argv[1], "w") as file:
    json.dump({"correlations": correlations, "maps": maps, "words": words}, file, separators=(",", ":"))
