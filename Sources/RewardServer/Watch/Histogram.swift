/// Counts of values in buckets with fixed upper bounds, as Prometheus has them.
struct Histogram {
    /// Ascending upper bounds, inclusive; one more bucket takes what is above.
    let bounds: [Double]
    private(set) var counts: [Int]
    private(set) var sum = 0.0
    private(set) var count = 0

    init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = [Int](repeating: 0, count: bounds.count + 1)
    }

    mutating func add(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
        count += 1
    }

    mutating func add(_ duration: Duration) { add(max(duration / .seconds(1), 0)) }

    /// From a millisecond, which a small model takes, to the minutes of a long queue.
    static let seconds = Histogram([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
    ])
    static let items = Histogram([1, 2, 4, 8, 16, 32, 64, 128, 256])
    /// Scores lie in [0, 1].
    static let rewards = Histogram((1...RewardHistory.bins).map { Double($0) / Double(RewardHistory.bins) })
}
