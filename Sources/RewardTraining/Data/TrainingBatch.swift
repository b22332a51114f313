package import RewardModel

/// The shapes of one pass.
package struct BatchShape: Hashable, Sendable {
    /// Items; the first `pairs` are clean, the next `pairs` their damaged copies.
    package var items: Int
    package var pairs: Int
    /// Side of the square input in pixels.
    package var side: Int
    /// Side of the heatmaps.
    package var mapSide: Int
    /// Token positions by encoder row, 0 when the transformers are left out.
    package var textLength: Int
    /// Tokens the decoder is judged on; 0 without a decoder.
    package var decoderLength: Int
}

/// One pass's inputs and targets. Weights of a part add up to 1, or are all 0 when nothing in the batch has the target.
package struct TrainingBatch: Sendable {
    package var shape: BatchShape
    /// Normalised, `[items, side, side, 3]`.
    package var pixels: [Float]
    /// `[rows, textLength]`, one row per task and item, task-major; text tokens of each row.
    package var ids: [Int32]
    package var tokenCounts: [Int32]
    /// `[items]`
    package var scores: [ScoreKind: [Float]] = [:]
    package var scoreWeights: [ScoreKind: [Float]] = [:]
    /// `[items, mapSide²]`, and `[items]`.
    package var maps: [HeatmapKind: [Float]] = [:]
    package var mapWeights: [HeatmapKind: [Float]] = [:]
    /// Items with anything marked: the dice's weights, `[items]`.
    package var diceWeights: [HeatmapKind: [Float]] = [:]
    /// `[pairs]`
    package var hingeWeights: [Float] = []
    /// Tagger: `[items, textLength]`.
    package var tags: [Float] = []
    package var tagWeights: [Float] = []
    /// Decoder: `[items, decoderLength]`; text tokens of the prompt alone, `[items]`.
    package var decoderIds: [Int32] = []
    package var decoderClasses: [Int32] = []
    package var decoderWeights: [Float] = []

    /// Scales weights so that they add up to 1.
    package static func normalise(_ weights: inout [Float]) {
        let total = weights.reduce(0, +)
        if total > 0 { for index in weights.indices { weights[index] /= total } }
    }
}
