import RewardRandom

/// Random numbers that follow from what they are for alone: the same counters give the same stream, so that a run taken
/// up again draws what an uninterrupted one would have.
package struct CounterRandom: RandomNumberGenerator {
    private var generator: SplitMix64

    package init(_ seed: UInt64, _ counters: UInt64...) {
        var state = seed
        for counter in counters { state = SplitMix64.mix(state &+ 0x9e37_79b9_7f4a_7c15 &* (counter &+ 1)) }
        generator = SplitMix64(seed: state)
    }

    package mutating func next() -> UInt64 { generator.next() }

    /// Uniform in 0..<1.
    package mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

    package mutating func uniform(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * unit()
    }

    /// Uniform in 0..<count.
    package mutating func index(_ count: Int) -> Int { Int(unit() * Double(count)) }

    package mutating func chance(_ probability: Double) -> Bool { unit() < probability }
}

/// Goes through 0..<count in a new order each time round; any position can be asked for.
package struct Shuffle {
    private let seed: UInt64
    private let stream: UInt64
    private let count: Int
    private var epoch = -1
    private var order: [Int] = []

    package init(count: Int, seed: UInt64, stream: UInt64) {
        self.count = count
        self.seed = seed
        self.stream = stream
    }

    package subscript(position: Int) -> Int {
        mutating get {
            let wanted = position / count
            if wanted != epoch {
                var random = CounterRandom(seed, stream, UInt64(wanted))
                order = Array(0..<count)
                for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, random.index(last + 1)) }
                epoch = wanted
            }
            return order[position % count]
        }
    }
}
