import Glibc
import RewardRandom

/// Random numbers of one picture: a stream that depends only on the data set's seed, the picture's number and a label,
/// so that pictures can be made in any order and on any thread.
package struct WorldRandom: Sendable {
    private var generator: SplitMix64

    /// What a stream is for. A change in how many numbers one purpose draws leaves the others alone.
    package enum Purpose: UInt64, Sendable {
        case plan = 1
        case scene, drawing, prompt, damage, finish, annotators, names
    }

    package init(seed: UInt64, index: Int, purpose: Purpose) {
        var outer = SplitMix64(seed: seed)
        var inner = SplitMix64(seed: outer.next() ^ (UInt64(index) &* 0x9e37_79b9_7f4a_7c15))
        generator = SplitMix64(seed: inner.next() ^ (purpose.rawValue &* 0xbf58_476d_1ce4_e5b9))
    }

    /// A stream of its own that starts from this one's next number.
    mutating func fork() -> WorldRandom {
        var copy = self
        copy.generator = SplitMix64(seed: generator.next())
        return copy
    }

    mutating func bits() -> UInt64 { generator.next() }

    /// Uniform in [0, 1).
    package mutating func unit() -> Float { Float(generator.next() >> 40) * (1 / Float(1 << 24)) }

    package mutating func uniform(_ low: Float, _ high: Float) -> Float { low + (high - low) * unit() }

    /// Uniform in the range, both ends included. The bias of the remainder is below 2⁻⁵⁰ for ranges used here.
    package mutating func integer(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(generator.next() % UInt64(range.count))
    }

    mutating func chance(_ probability: Float) -> Bool { unit() < probability }

    mutating func sign() -> Float { generator.next() & 1 == 0 ? 1 : -1 }

    mutating func pick<Choices: RandomAccessCollection>(_ choices: Choices) -> Choices.Element {
        precondition(!choices.isEmpty, "something must be there to pick")
        return choices[choices.index(choices.startIndex, offsetBy: integer(0...choices.count - 1))]
    }

    mutating func shuffled<Element>(_ items: [Element]) -> [Element] {
        var items = items
        for index in stride(from: items.count - 1, to: 0, by: -1) { items.swapAt(index, integer(0...index)) }
        return items
    }

    /// Standard normal (Box and Muller).
    mutating func normal() -> Float {
        let radius = (-2 * log(1 - unit())).squareRoot()
        return radius * cos(2 * .pi * unit())
    }

    /// Three nearly normal numbers of variance 1 for one pixel, each the sum of four uniform 16-bit numbers.
    mutating func pixelNoise() -> SIMD4<Float> {
        func sum(_ bits: UInt64) -> Float {
            Float(Int(bits & 0xffff) + Int(bits >> 16 & 0xffff) + Int(bits >> 32 & 0xffff) + Int(bits >> 48))
        }
        let raw = SIMD4(sum(generator.next()), sum(generator.next()), sum(generator.next()), 131_070)
        // Mean 4 · 65535 / 2, standard deviation 65536 / √3.
        return (raw - 131_070) * (1.732_050_8 / 65_536)
    }
}
