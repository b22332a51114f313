public import RewardModel

/// How the moving average of the weights does on records it was not trained on. A figure is nil where the records
/// looked at cannot give it.
public struct ValidationReport: Sendable {
    public var step: Int
    /// Share of pairs whose clean copy has the higher plausibility.
    public var pairAccuracy: Double?
    /// Pearson's correlation of predicted and recorded scores.
    public var correlation: [ScoreKind: Double] = [:]
    /// Mean area under the curve per record: marked places against places that other records have marked.
    public var shuffledArea: [HeatmapKind: Double] = [:]
    /// Precision, recall and F1 of misaligned words over all records (tagger only).
    public var words: (precision: Double, recall: Double, f1: Double)?
}

enum Statistics {
    static func correlation(_ x: [Float], _ y: [Float]) -> Double? {
        let count = Double(x.count)
        guard x.count > 1 else { return nil }
        let (meanX, meanY) = (x.reduce(0.0) { $0 + Double($1) } / count, y.reduce(0.0) { $0 + Double($1) } / count)
        var (xy, xx, yy) = (0.0, 0.0, 0.0)
        for (a, b) in zip(x, y) {
            let (dx, dy) = (Double(a) - meanX, Double(b) - meanY)
            xy += dx * dy
            xx += dx * dx
            yy += dy * dy
        }
        return xx > 0 && yy > 0 ? xy / (xx * yy).squareRoot() : nil
    }

    /// Chance that a positive outranks a negative, ties counted half.
    static func area(positives: [Float], negatives: [Float]) -> Double? {
        guard !positives.isEmpty, !negatives.isEmpty else { return nil }
        let all = (positives.map { ($0, true) } + negatives.map { ($0, false) }).sorted { $0.0 < $1.0 }
        var (rankSum, start) = (0.0, 0)
        while start < all.count {
            var end = start
            while end < all.count, all[end].0 == all[start].0 { end += 1 }
            let rank = Double(start + end + 1) / 2
            rankSum += rank * Double(all[start..<end].count { $0.1 })
            start = end
        }
        let (p, n) = (Double(positives.count), Double(negatives.count))
        return (rankSum - p * (p + 1) / 2) / (p * n)
    }
}
