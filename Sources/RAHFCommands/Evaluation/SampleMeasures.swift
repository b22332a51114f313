import RewardData
import RewardImage
import RewardMetrics
import RewardModel

/// What a prediction and its ground truth have in common: a model's answer, or one annotator's.
struct PredictedFeedback: Sendable {
    var scores: Scores
    var heatmaps: [HeatmapKind: Heatmap]
    /// One flag per word of the prompt.
    var misaligned: [Bool]

    init(_ prediction: Prediction) {
        guard let scores = prediction.scores, let heatmaps = prediction.heatmaps, let words = prediction.words else {
            preconditionFailure("the predictor was asked for everything")
        }
        self.scores = scores
        self.heatmaps = heatmaps
        misaligned = words.words.map(\.misaligned)
    }

    /// One annotator's feedback, consolidated alone.
    init(annotator record: FeedbackRecord) {
        scores = record.scores
        heatmaps = [:]
        for kind in HeatmapKind.allCases { heatmaps[kind] = record[kind] }
        misaligned = record.misaligned
    }
}

/// How well one map was predicted. The saliency measures are there when the ground truth is not empty.
struct MapMeasures: Sendable, Equatable {
    var meanSquaredError: Double
    var isEmpty: Bool
    var correlation: Double?
    var divergence: Double?
    var similarity: Double?
    var similarityMinMax: Double?
    var scanpathSaliency: Double?
    var aucJudd: Double?
    var aucShuffled: Double?

    /// Compares at the ground truth's size: the prediction is resampled bilinearly to it.
    ///
    /// - Parameters:
    ///   - threshold: pixels of the ground truth above it count as fixated.
    ///   - prior: where the set's images are fixated.
    ///   - own: what of the prior came from this image, at this size.
    init(prediction: Heatmap, truth: Heatmap, threshold: Float, prior: FixationPrior, own: [Bool]) {
        let p = prediction.resampled(width: truth.width, height: truth.height).values
        let fixations = SaliencyMetrics.fixations(truth.values, above: threshold)
        meanSquaredError = SaliencyMetrics.meanSquaredError(p, truth.values)
        isEmpty = !fixations.contains(true)
        guard !isEmpty else { return }
        correlation = SaliencyMetrics.correlation(p, truth.values)
        divergence = SaliencyMetrics.divergence(p, truth.values)
        similarity = SaliencyMetrics.similarity(p, truth.values, minMax: false)
        similarityMinMax = SaliencyMetrics.similarity(p, truth.values, minMax: true)
        scanpathSaliency = SaliencyMetrics.scanpathSaliency(p, fixations: fixations)
        let order = PixelOrder(p)
        aucJudd = order.area(fixations: fixations) { _ in 1 }
        let weights = prior.weights(width: truth.width, height: truth.height, without: own)
        aucShuffled = order.area(fixations: fixations) { weights[$0] }
    }
}

/// One record's part in every table; the pictures are gone.
struct SampleMeasures: Sendable {
    var stem: String
    /// What records that are not independent share; a record without a group stands alone.
    var unit: String
    var truth: Scores
    var predicted: Scores
    var maps: [HeatmapKind: MapMeasures]
    var words: DetectionCounts
    /// Flags, predicted and true, and the words they are on.
    var wordFlags: [(text: String, predicted: Bool, truth: Bool)]
    /// Shuffled AUC of the implausibility map against the planted damage's own mask, where that is known.
    var maskAUC: Double?

    /// - Parameter own: what of the priors came from this record, by map; its own ground truth when not given.
    init(
        record: FeedbackRecord, predicted: PredictedFeedback, threshold: Float, priors: [HeatmapKind: FixationPrior],
        own: [HeatmapKind: [Bool]] = [:]
    ) {
        stem = record.stem
        unit = record.group.map { "group \($0)" } ?? "record \(record.filename)"
        truth = record.scores
        self.predicted = predicted.scores
        maps = [:]
        for kind in HeatmapKind.allCases {
            guard let map = record[kind], let prediction = predicted.heatmaps[kind] else { continue }
            maps[kind] = MapMeasures(
                prediction: prediction, truth: map, threshold: threshold, prior: priors[kind] ?? FixationPrior(),
                own: own[kind] ?? SaliencyMetrics.fixations(map.values, above: threshold))
        }
        words = DetectionCounts(predicted: predicted.misaligned, truth: record.misaligned)
        let texts = record.prompt.flatMap { try? PromptText.parse($0).words.map(\.text) } ?? []
        wordFlags = zip(texts, zip(predicted.misaligned, record.misaligned)).map { ($0, $1.0, $1.1) }
    }
}

extension Heatmap {
    /// The map at another size, bilinear and antialiased.
    func resampled(width: Int, height: Int) -> Heatmap {
        if width == self.width, height == self.height { return self }
        return Resampler(
            fromWidth: self.width, fromHeight: self.height, toWidth: width, toHeight: height, filter: .bilinear
        ).apply(self)
    }
}
