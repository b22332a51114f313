/// Hits and misses of a yes-or-no prediction, and the measures made from them: the paper's for misaligned words.
public struct DetectionCounts: Sendable, Equatable {
    public var truePositives: Int
    public var falsePositives: Int
    public var falseNegatives: Int

    public init(truePositives: Int = 0, falsePositives: Int = 0, falseNegatives: Int = 0) {
        self.truePositives = truePositives
        self.falsePositives = falsePositives
        self.falseNegatives = falseNegatives
    }

    /// Counts flags, predicted and true, position by position.
    public init(predicted: [Bool], truth: [Bool]) {
        precondition(predicted.count == truth.count, "flags come in pairs")
        self.init()
        for (predicted, truth) in zip(predicted, truth) {
            if predicted, truth { truePositives += 1 }
            if predicted, !truth { falsePositives += 1 }
            if !predicted, truth { falseNegatives += 1 }
        }
    }

    /// The share of what was flagged that is true; 0 when nothing was flagged.
    public var precision: Double { Self.ratio(truePositives, truePositives + falsePositives) }

    /// The share of what is true that was flagged; 0 when nothing is true.
    public var recall: Double { Self.ratio(truePositives, truePositives + falseNegatives) }

    /// The harmonic mean of precision and recall, `2 tp / (2 tp + fp + fn)`; 0 when there is nothing to count.
    public var f1: Double { Self.ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives) }

    /// Pooled: counts added up, then measured once. The paper's "over all the samples" (its Table 4 is consistent with
    /// this and not with a mean over samples).
    public static func pooled(_ counts: some Sequence<DetectionCounts>) -> DetectionCounts {
        counts.reduce(into: DetectionCounts()) { total, next in
            total.truePositives += next.truePositives
            total.falsePositives += next.falsePositives
            total.falseNegatives += next.falseNegatives
        }
    }

    private static func ratio(_ part: Int, _ whole: Int) -> Double {
        whole == 0 ? 0 : Double(part) / Double(whole)
    }
}
