/// Counts of values in equal steps: quantiles of any number of values in fixed memory.
public struct ScoreHistogram: Sendable, Equatable {
    /// Quantiles are exact to one part in this of the range.
    public static let steps = 8192

    public let range: ClosedRange<Double>
    public private(set) var count = 0
    public private(set) var minimum = Double.infinity
    public private(set) var maximum = -Double.infinity
    private var counts = [Int](repeating: 0, count: Self.steps)
    /// Steps per unit.
    private let scale: Double

    public init(range: ClosedRange<Double> = 0...1) {
        self.range = range
        scale = Double(Self.steps) / max(range.upperBound - range.lowerBound, .leastNormalMagnitude)
    }

    /// Counts a value; NaN is not one.
    public mutating func add(_ value: Double) {
        guard !value.isNaN else { return }
        count += 1
        minimum = min(minimum, value)
        maximum = max(maximum, value)
        counts[Int(min(max((value - range.lowerBound) * scale, 0), Double(Self.steps - 1)))] += 1
    }

    /// Counts that were made elsewhere, in `steps` steps of the range.
    init(range: ClosedRange<Double>, counts: [Int], count: Int, minimum: Double, maximum: Double) {
        self.init(range: range)
        self.counts = counts
        (self.count, self.minimum, self.maximum) = (count, minimum, maximum)
    }

    public mutating func merge(_ other: ScoreHistogram) {
        precondition(range == other.range, "histograms of one range")
        count += other.count
        minimum = min(minimum, other.minimum)
        maximum = max(maximum, other.maximum)
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    /// The value that a share of all values lies at or below: a step's upper end, inside what was seen.
    public func quantile(_ share: Double) -> Double? {
        guard count > 0 else { return nil }
        let wanted = max(Int((share * Double(count)).rounded(.up)), 1)
        var seen = 0
        for (index, number) in counts.enumerated() {
            seen += number
            guard seen >= wanted else { continue }
            let width = (range.upperBound - range.lowerBound) / Double(Self.steps)
            return min(max(range.lowerBound + width * Double(index + 1), minimum), maximum)
        }
        return maximum
    }

    /// The counts in fewer steps; `bars` divides 8192.
    public func bars(_ bars: Int) -> [Int] {
        precondition(Self.steps % bars == 0, "bars are whole steps")
        let width = Self.steps / bars
        return (0..<bars).map { bar in counts[bar * width..<(bar + 1) * width].reduce(0, +) }
    }
}
