/// Which values of a heatmap are high. Inclusive: a pixel at the threshold is above it.
public enum HeatmapThreshold: Sendable, Equatable, CustomStringConvertible {
    /// A value in [0, 1].
    case absolute(Float)
    /// The value below which this share of the pixels lies, 0 to 100, interpolated between the two nearest order
    /// statistics as NumPy's `percentile` does.
    case percentile(Double)
    /// Otsu's split of a histogram of 256 equal bins between the map's extremes: the lower end of the upper class's
    /// first bin (Otsu 1979; the split is that of scikit-image's `threshold_otsu`).
    case otsu

    /// Reads `0.5`, `p95` or `otsu`; nil for anything else.
    public init?(_ text: String) {
        if text == "otsu" {
            self = .otsu
        } else if text.hasPrefix("p"), let share = Double(text.dropFirst()), (0...100).contains(share) {
            self = .percentile(share)
        } else if let value = Float(text), (0...1).contains(value) {
            self = .absolute(value)
        } else {
            return nil
        }
    }

    public var description: String {
        switch self {
        case .absolute(let value): "\(value)"
        case .percentile(let share): share == share.rounded() ? "p\(Int(share))" : "p\(share)"
        case .otsu: "otsu"
        }
    }

    /// The threshold as a value, or nil when a relative threshold meets a flat map, in which nothing stands out.
    ///
    /// Precondition: the map's values lie in [0, 1].
    public func value(in map: Heatmap) -> Float? {
        if case .absolute(let value) = self { return value }
        guard let lowest = map.values.min(), let highest = map.values.max() else { return nil }
        guard highest - lowest > Self.flatness else { return nil }
        switch self {
        case .absolute(let value): return value
        case .percentile(let share):
            let position = share / 100 * Double(map.values.count - 1)
            let below = Int(position)
            let lower = Double(map.orderStatistic(below))
            let upper = Double(map.orderStatistic(min(below + 1, map.values.count - 1)))
            let value = Float(lower + (upper - lower) * (position - Double(below)))
            // Most of a map may be its lowest value; those pixels do not stand out.
            return max(value, lowest + Self.flatness)
        case .otsu: return Self.otsu(map.values, lowest, highest)
        }
    }

    /// Differences up to this are rounding of the resampling, not a part that stands out.
    private static let flatness: Float = 1e-6

    private static func otsu(_ values: [Float], _ lowest: Float, _ highest: Float) -> Float {
        let bins = 256
        let width = (Double(highest) - Double(lowest)) / Double(bins)
        var counts = [Double](repeating: 0, count: bins)
        for value in values { counts[min(Int((Double(value) - Double(lowest)) / width), bins - 1)] += 1 }
        let total = counts.reduce(0, +)
        let sum = counts.enumerated().reduce(0.0) { $0 + Double($1.offset) * $1.element }
        var (below, belowSum, best, split) = (0.0, 0.0, -1.0, 0)
        for bin in 0..<bins - 1 {
            below += counts[bin]
            belowSum += Double(bin) * counts[bin]
            let above = total - below
            guard below > 0, above > 0 else { continue }
            let difference = belowSum / below - (sum - belowSum) / above
            let variance = below * above * difference * difference
            if variance > best { (best, split) = (variance, bin) }
        }
        return Float(Double(lowest) + Double(split + 1) * width)
    }
}

extension Heatmap {
    /// The value with `rank` smaller or equal ones before it, in time linear in the pixels. Values are not negative.
    func orderStatistic(_ rank: Int) -> Float {
        // Bit patterns of non-negative floats are ordered as the floats: choose the upper 16 bits, then the lower.
        var counts = [Int](repeating: 0, count: 1 << 16)
        for value in values { counts[Int((value + 0).bitPattern >> 16)] += 1 }
        var rest = rank
        let upper = Self.bucket(of: &rest, in: counts)
        counts = [Int](repeating: 0, count: 1 << 16)
        for value in values {
            let bits = (value + 0).bitPattern
            if bits >> 16 == upper { counts[Int(bits & 0xffff)] += 1 }
        }
        let lower = Self.bucket(of: &rest, in: counts)
        return Float(bitPattern: UInt32(upper) << 16 | UInt32(lower))
    }

    private static func bucket(of rank: inout Int, in counts: [Int]) -> Int {
        for (index, count) in counts.enumerated() {
            if rank < count { return index }
            rank -= count
        }
        preconditionFailure("rank \(rank) past the last value")
    }
}
