import RewardRandom

/// Percentile bootstrap intervals: the statistic of many samples drawn with replacement from the one at hand (Efron).
public struct Bootstrap: Sendable {
    /// Samples drawn.
    public var samples: Int
    /// The same seed gives the same interval.
    public var seed: UInt64
    /// The share of drawn statistics inside the interval.
    public var level: Double

    public init(samples: Int = 1000, seed: UInt64 = 0, level: Double = 0.95) {
        precondition(samples >= 0 && (0...1).contains(level), "a level is a share")
        self.samples = samples
        self.seed = seed
        self.level = level
    }

    /// The interval of a statistic.
    ///
    /// - Parameters:
    ///   - units: what is drawn: each a set of indices that belong together. Records of one picture are not
    ///     independent, so they are drawn together.
    ///   - statistic: takes indices, repeats included; nil where it is undefined.
    /// - Returns: nil with fewer than two units, no samples, or when the statistic was undefined for most of them.
    public func interval(units: [[Int]], statistic: ([Int]) -> Double?) -> ClosedRange<Double>? {
        guard units.count >= 2, samples > 0 else { return nil }
        var generator = SplitMix64(seed: seed)
        var values: [Double] = []
        var drawn: [Int] = []
        for _ in 0..<samples {
            drawn.removeAll(keepingCapacity: true)
            for _ in units.indices { drawn += units[Int.random(in: 0..<units.count, using: &generator)] }
            if let value = statistic(drawn) { values.append(value) }
        }
        guard values.count > samples / 2 else { return nil }
        values.sort()
        let tail = (1 - level) / 2
        return Self.quantile(values, tail)...Self.quantile(values, 1 - tail)
    }

    /// Linear between order statistics: numpy's default.
    static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        let position = share * Double(sorted.count - 1)
        let below = Int(position)
        let above = min(below + 1, sorted.count - 1)
        // Equal neighbours exactly: rounding must not put the lower end above the upper one.
        if sorted[below] == sorted[above] { return sorted[below] }
        return sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
    }
}
