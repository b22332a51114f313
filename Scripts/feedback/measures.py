"""The tables of `rahf evaluate` in numpy and scipy, from the definitions."""
import numpy
import scipy.stats

CELLS, EPSILON = 64, 2.2204e-16


def area(prediction, fixated, weights):
    positives, negatives, weights = prediction[fixated], prediction[~fixated], weights[~fixated]
    above = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    return float((above * weights).sum() / (len(positives) * weights.sum()))


def density(values):
    return values / values.sum() if values.sum() > 0 else numpy.full(values.shape, 1 / values.size)


def min_max(values):
    spread = values.max() - values.min()
    return (values - values.min()) / spread if spread > 0 else numpy.zeros(values.shape)


def cell_shares(fixated):
    """The share of each cell of the grid that is fixated."""
    height, width = fixated.shape
    rows, columns = [((2 * numpy.arange(n) + 1) * CELLS) // (2 * n) for n in (height, width)]
    cells = rows[:, None] * CELLS + columns
    total = numpy.bincount(cells.ravel(), minlength=CELLS ** 2)
    marked = numpy.bincount(cells[fixated], minlength=CELLS ** 2)
    return numpy.divide(marked, total, out=numpy.zeros(CELLS ** 2), where=total > 0), cells


def map_measures(prediction, truth, prior, own):
    """`prior` is the sum of all images' shares, `own` what of it came from this image."""
    result = {"mse": ((prediction - truth) ** 2).mean()}
    fixated = truth > 0
    if not fixated.any():
        return result | {"mse_empty": result["mse"]}
    p, g = density(prediction), density(truth)
    shares, cells = cell_shares(own)
    # Sums of shares in another order leave crumbs where nothing is marked.
    weights = numpy.where(prior - shares > 1e-9, prior - shares, 0)[cells]
    spread = prediction.std()
    constant = spread < 1e-9 or truth.std() < 1e-9
    return result | {
        "cc": 0 if constant else numpy.corrcoef(prediction.ravel(), truth.ravel())[0, 1],
        "kld": (g * numpy.log(EPSILON + g / (p + EPSILON))).sum(), "sim": numpy.minimum(p, g).sum(),
        "sim_min_max": numpy.minimum(density(min_max(prediction)), density(min_max(truth))).sum(),
        "nss": ((prediction - prediction.mean()) / spread)[fixated].mean() if spread >= 1e-9 else 0,
        "auc_judd": area(prediction, fixated, numpy.ones(truth.shape)),
        "auc_shuffled": area(prediction, fixated, weights)}


def detection(predicted, truth):
    tp, flagged, true = (predicted & truth).sum(), predicted.sum(), truth.sum()
    precision, recall = tp / max(flagged, 1), tp / max(true, 1)
    return {"precision": precision, "recall": recall, "f1": 2 * tp / max(flagged + true, 1)}


def means(rows):
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: float(numpy.mean([row[key] for row in rows if key in row])) for key in keys}


def tables(samples, priors):
    """`samples`: dictionaries of truth, predicted (scores, maps, misaligned) and own (fixations by map)."""
    result = {"scores": {}, "heatmaps": {}, "words": {}}
    for name in samples[0]["truth"]["scores"]:
        x, y = [numpy.array([s[side]["scores"][name] for s in samples]) for side in ("predicted", "truth")]
        result["scores"][name] = {"plcc": scipy.stats.pearsonr(x, y).statistic,
                                  "srcc": scipy.stats.spearmanr(x, y).statistic, "mse": ((x - y) ** 2).mean()}
    for name in ("implausibility", "misalignment"):
        result["heatmaps"][name] = means([
            map_measures(s["predicted"][name], s["truth"][name], priors[name], s["own"][name]) for s in samples])
    flags = [(s["predicted"]["misaligned"], s["truth"]["misaligned"]) for s in samples]
    result["words"]["pooled"] = detection(*map(numpy.concatenate, zip(*flags)))
    result["words"]["per_record"] = means([detection(*pair) for pair in flags])
    return result
