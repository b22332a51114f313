/// Four histograms of scores in [0, 1], one for each, that are added to together: several times quicker than apart.
public struct VectorHistogram: Sendable, Equatable {
    private var minimum = ScoreVector(repeating: .infinity)
    private var maximum = ScoreVector(repeating: -.infinity)
    /// One score's steps after another's.
    private var counts = [Int](repeating: 0, count: 4 * ScoreHistogram.steps)

    public init() {}

    /// Counts the scores that are there; values outside [0, 1] count in the first or last step.
    public mutating func add(_ scores: ScoreVector) {
        let isThere = scores .== scores
        minimum = pointwiseMin(minimum, scores.replacing(with: minimum, where: .!isThere))
        maximum = pointwiseMax(maximum, scores.replacing(with: maximum, where: .!isThere))
        let last = Double(ScoreHistogram.steps - 1)
        let scaled = (scores * Double(ScoreHistogram.steps)).replacing(with: 0, where: .!isThere)
        let steps = scaled.clamped(lowerBound: ScoreVector(), upperBound: ScoreVector(repeating: last))
        var span = counts.mutableSpan
        for index in 0..<4 where isThere[index] { span[index * ScoreHistogram.steps + Int(steps[index])] += 1 }
    }

    public mutating func merge(_ other: VectorHistogram) {
        minimum = pointwiseMin(minimum, other.minimum)
        maximum = pointwiseMax(maximum, other.maximum)
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    /// One score's histogram.
    public subscript(index: Int) -> ScoreHistogram {
        let own = Array(counts[index * ScoreHistogram.steps..<(index + 1) * ScoreHistogram.steps])
        return ScoreHistogram(
            range: 0...1, counts: own, count: own.reduce(0, +), minimum: minimum[index], maximum: maximum[index])
    }
}
