/// The four scores in the order plausibility, alignment, aesthetics, overall. NaN stands for a score that is not there.
public typealias ScoreVector = SIMD4<Double>

/// The number candidates are ranked by: a weighted sum of scores.
public struct ScoreFormula: Sendable, Equatable {
    /// Zero for a score that does not count.
    public var weights: ScoreVector

    public init(weights: ScoreVector) {
        precondition((0..<4).contains { weights[$0] != 0 }, "a formula needs a score")
        self.weights = weights
    }

    /// The weighted sum, or NaN when a score it needs is not there.
    public func value(_ scores: ScoreVector) -> Double {
        var sum = 0.0
        // In a fixed order, and without terms of weight zero: an absent score only matters where it counts.
        for index in 0..<4 where weights[index] != 0 { sum += weights[index] * scores[index] }
        return sum
    }

    /// The least and the most the sum can be for scores in [0, 1].
    public var range: ClosedRange<Double> {
        var (low, high) = (0.0, 0.0)
        for index in 0..<4 { weights[index] < 0 ? (low += weights[index]) : (high += weights[index]) }
        return low...high
    }
}
