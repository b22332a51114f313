import RewardModel

/// The shapes of one pass.
struct BatchShape: Hashable, Sendable {
    /// Items; the first `pairs` are clean, the next `pairs` their damaged copies.
    var items: Int
    var pairs: Int
    /// Side of the square input in pixels.
    var side: Int
    /// Side of the heatmaps.
    var mapSide: Int
    /// Token positions by encoder row, 0 when the transformers are left out.
    var textLength: Int
    /// Tokens the decoder is judged on; 0 without a decoder.
    var decoderLength: Int
}

/// One pass's inputs and targets. Weights of a part add up to 1, or are all 0 when nothing in the batch has the target.
struct TrainingBatch: Sendable {
    var shape: BatchShape
    /// Normalised, `[items, side, side, 3]`.
    var pixels: [Float]
    /// `[rows, textLength]`, one row per task and item, task-major; text tokens of each row.
    var ids: [Int32]
    var tokenCounts: [Int32]
    /// `[items]`
    var scores: [ScoreKind: [Float]] = [:]
    var scoreWeights: [ScoreKind: [Float]] = [:]
    /// `[items, mapSide²]`, and `[items]`.
    var maps: [HeatmapKind: [Float]] = [:]
    var mapWeights: [HeatmapKind: [Float]] = [:]
    /// Items with anything marked: the dice's weights, `[items]`.
    var diceWeights: [HeatmapKind: [Float]] = [:]
    /// `[pairs]`
    var hingeWeights: [Float] = []
    /// Tagger: `[items, textLength]`.
    var tags: [Float] = []
    var tagWeights: [Float] = []
    /// Decoder: `[items, decoderLength]`; text tokens of the prompt alone, `[items]`.
    var decoderIds: [Int32] = []
    var decoderClasses: [Int32] = []
    var decoderWeights: [Float] = []

    /// Scales weights so that they add up to 1.
    static func normalise(_ weights: inout [Float]) {
        let total = weights.reduce(0, +)
        if total > 0 { for index in weights.indices { weights[index] /= total } }
    }
}
