import RewardMetrics
import RewardRandom
import Testing

/// What must hold whatever the numbers, on seeded ones.
@Suite struct PropertyTests {
    private var generator = Generator(state: 9)

    private mutating func map(_ count: Int = 300) -> [Float] {
        // Levels in 1/64: affine maps of them by powers of two are exact, and they tie.
        (0..<count).map { _ in Float(Int.random(in: 0...64, using: &generator)) / 64 }
    }

    private mutating func flags(_ count: Int = 300, share: Double = 0.2) -> [Bool] {
        (0..<count).map { _ in Double.random(in: 0..<1, using: &generator) < share }
    }

    private func near(_ a: Double?, _ b: Double?, _ tolerance: Double = 1e-9) -> Bool {
        guard let a, let b else { return false }
        return (a - b).magnitude <= tolerance
    }

    @Test mutating func correlationIsSymmetricAndBlindToScaleAndShift() {
        for _ in 0..<20 {
            let (x, y) = (map().map(Double.init), map().map(Double.init))
            let scaled = x.map { 4 * $0 - 3 }
            #expect(near(Correlation.pearson(x, y), Correlation.pearson(y, x)))
            #expect(near(Correlation.pearson(x, y), Correlation.pearson(scaled, y)))
            #expect(near(Correlation.pearson(x.map(-), y), Correlation.pearson(x, y).map(-)))
            #expect(near(Correlation.spearman(x, y), Correlation.spearman(x.map { $0 * $0 * $0 }, y)))
            #expect(near(Correlation.pearson(x, x), 1) && near(Correlation.spearman(x, x), 1))
            #expect((-1...1).contains(Correlation.pearson(x, y) ?? 2))
        }
    }

    @Test func correlationOfAConstantIsUndefined() {
        #expect(Correlation.pearson([1, 1, 1], [1, 2, 3]) == nil)
        #expect(Correlation.spearman([1, 2, 3], [0.1, 0.1, 0.1]) == nil)
        #expect(Correlation.pearson([1], [1]) == nil)
        #expect(Correlation.pearson([], []) == nil)
    }

    @Test mutating func mapMeasuresStayInRangeAndAreBestForTheTruthItself() {
        for _ in 0..<20 {
            let (p, g) = (map(), map())
            let fixations = flags()
            #expect((-1...1).contains(SaliencyMetrics.correlation(p, g)))
            #expect(SaliencyMetrics.divergence(p, g) >= -1e-9)
            for minMax in [false, true] {
                #expect((0...1.000001).contains(SaliencyMetrics.similarity(p, g, minMax: minMax)))
                #expect(near(SaliencyMetrics.similarity(g, g, minMax: minMax), 1))
                #expect(
                    near(
                        SaliencyMetrics.similarity(p, g, minMax: minMax),
                        SaliencyMetrics.similarity(g, p, minMax: minMax)))
            }
            #expect((0...1).contains(SaliencyMetrics.aucJudd(p, fixations: fixations) ?? 2))
            #expect(near(SaliencyMetrics.correlation(g, g), 1) && near(SaliencyMetrics.divergence(g, g), 0))
            #expect(SaliencyMetrics.aucJudd(fixations.map { $0 ? 1 : 0 }, fixations: fixations) == 1)
        }
    }

    @Test mutating func scaleAndShiftChangeOnlyWhatTheyShould() {
        let (p, g) = (map(), map())
        let fixations = flags()
        let moved = p.map { $0 / 2 + 0.25 }
        #expect(near(SaliencyMetrics.correlation(p, g), SaliencyMetrics.correlation(moved, g)))
        #expect(
            near(
                SaliencyMetrics.scanpathSaliency(p, fixations: fixations),
                SaliencyMetrics.scanpathSaliency(moved, fixations: fixations)))
        #expect(
            SaliencyMetrics.aucJudd(p, fixations: fixations) == SaliencyMetrics.aucJudd(moved, fixations: fixations))
        #expect(
            near(
                SaliencyMetrics.similarity(p, g, minMax: true), SaliencyMetrics.similarity(moved, g, minMax: true)))
        #expect(
            !near(
                SaliencyMetrics.similarity(p, g, minMax: false), SaliencyMetrics.similarity(moved, g, minMax: false),
                1e-3))
        #expect(near(SaliencyMetrics.divergence(p, g), SaliencyMetrics.divergence(p.map { $0 / 2 }, g)))
    }

    /// The area by ranks against the definition: every pair of a fixated and another pixel.
    @Test mutating func theAreaCountsEveryPair() {
        for round in 0..<20 {
            let p = map(60).map { round % 2 == 0 ? $0 : -$0 }
            let fixations = flags(60)
            let weights = map(60).map(Double.init)
            var (sum, total) = (0.0, 0.0)
            for i in p.indices where fixations[i] {
                for j in p.indices where !fixations[j] {
                    sum += weights[j] * (p[i] > p[j] ? 1 : p[i] == p[j] ? 0.5 : 0)
                    total += weights[j]
                }
            }
            #expect(near(SaliencyMetrics.aucShuffled(p, fixations: fixations, weights: weights), sum / total))
            #expect(
                near(
                    SaliencyMetrics.aucShuffled(p, fixations: fixations, weights: p.map { _ in 0.5 }),
                    SaliencyMetrics.aucJudd(p, fixations: fixations)))
        }
    }

    @Test mutating func constantMapsAreDefined() {
        let (flat, zero, g) = ([Float](repeating: 0.3, count: 300), [Float](repeating: 0, count: 300), map())
        let fixations = flags()
        for constant in [flat, zero] {
            #expect(SaliencyMetrics.correlation(constant, g) == 0 && SaliencyMetrics.correlation(g, constant) == 0)
            #expect(SaliencyMetrics.scanpathSaliency(constant, fixations: fixations) == 0)
            #expect(SaliencyMetrics.aucJudd(constant, fixations: fixations) == 0.5)
            #expect(SaliencyMetrics.divergence(constant, g).isFinite)
            for minMax in [false, true] {
                #expect((0...1).contains(SaliencyMetrics.similarity(constant, g, minMax: minMax)))
                #expect(near(SaliencyMetrics.similarity(constant, flat, minMax: minMax), 1))
            }
        }
        #expect(SaliencyMetrics.aucJudd([-0.0, 0], fixations: [true, false]) == 0.5)
    }

    @Test func withoutFixationsOrNegativesTheAreaIsUndefined() {
        let p: [Float] = [0.1, 0.5, 0.9]
        #expect(SaliencyMetrics.aucJudd(p, fixations: [false, false, false]) == nil)
        #expect(SaliencyMetrics.aucJudd(p, fixations: [true, true, true]) == nil)
        #expect(SaliencyMetrics.aucShuffled(p, fixations: [true, false, false], weights: [1, 0, 0]) == nil)
        #expect(SaliencyMetrics.scanpathSaliency(p, fixations: [false, false, false]) == nil)
    }

    /// A map that only knows that fixations lie in the middle scores well in plain AUC and ½ in shuffled AUC.
    @Test mutating func aCentreMapScoresOneHalfInShuffledAUC() throws {
        let side = 64
        var images: [[Bool]] = []
        for _ in 0..<60 {
            let centre = (0..<2).map { _ in
                Double((0..<4).map { _ in Int.random(in: 8..<56, using: &generator) }.reduce(0, +)) / 4
            }
            images.append(
                (0..<side * side).map { pixel in
                    let (dx, dy) = (Double(pixel % side) - centre[0], Double(pixel / side) - centre[1])
                    return dx * dx + dy * dy < 16
                })
        }
        var prior = FixationPrior()
        for image in images { prior.add(image, width: side, height: side) }
        let middle = (0..<side * side).map { pixel in
            let (dx, dy) = (Float(pixel % side) - 31.5, Float(pixel / side) - 31.5)
            return -(dx * dx + dy * dy)
        }
        var (plain, shuffled) = (0.0, 0.0)
        for image in images {
            let weights = prior.weights(width: side, height: side, without: image)
            plain += try #require(SaliencyMetrics.aucJudd(middle, fixations: image)) / 60
            shuffled += try #require(SaliencyMetrics.aucShuffled(middle, fixations: image, weights: weights)) / 60
        }
        #expect(plain > 0.8)
        #expect((shuffled - 0.5).magnitude < 0.03, "\(shuffled)")
    }

    @Test mutating func anImageTakenOutOfThePriorLeavesTheOthersExactly() {
        let (first, second) = (flags(35 * 20), flags(35 * 20))
        var both = FixationPrior()
        both.add(first, width: 35, height: 20)
        both.add(second, width: 35, height: 20)
        var one = FixationPrior()
        one.add(second, width: 35, height: 20)
        #expect(
            both.weights(width: 70, height: 40, without: nil).count == 70 * 40
                && both.weights(width: 35, height: 20, without: first)
                    == one.weights(width: 35, height: 20, without: nil)
        )
    }
}

@Suite struct RandomTests {
    /// The first numbers of two seeds, as Vigna's C program prints them.
    @Test func theGeneratorIsSplitMix64() {
        var zero = SplitMix64(seed: 0)
        #expect(
            (0..<3).map { _ in zero.next() } == [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f])
        var other = SplitMix64(seed: 1_234_567)
        #expect((0..<2).map { _ in other.next() } == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973])
    }
}

@Suite struct BootstrapTests {
    @Test func theIntervalOfAMeanIsTheTextbookOne() throws {
        var generator = Generator(state: 4)
        // Sums of twelve uniform numbers: mean 0, deviation 1.
        let values = (0..<400).map { _ in
            (0..<12).map { _ in Double.random(in: 0..<1, using: &generator) }.reduce(0, +) - 6
        }
        let mean = values.reduce(0, +) / 400
        let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 400).squareRoot()
        let interval = try #require(
            Bootstrap(samples: 4000, seed: 1).interval(units: values.indices.map { [$0] }) { indices in
                indices.reduce(0) { $0 + values[$1] } / Double(indices.count)
            })
        let half = 1.96 * deviation / 20
        #expect((interval.lowerBound - (mean - half)).magnitude < 0.15 * half)
        #expect((interval.upperBound - (mean + half)).magnitude < 0.15 * half)
    }

    @Test func theSameSeedGivesTheSameInterval() {
        func interval(_ seed: UInt64) -> ClosedRange<Double>? {
            Bootstrap(samples: 50, seed: seed).interval(units: (0..<30).map { [$0] }) { indices in
                Double(indices.reduce(0, +))
            }
        }
        #expect(interval(1) == interval(1) && interval(1) != interval(2))
    }

    @Test func whatBelongsTogetherIsDrawnTogether() {
        let interval = Bootstrap(samples: 200).interval(units: [[0, 1], [2, 3, 4]]) { indices in
            #expect(indices.filter { $0 == 0 }.count == indices.filter { $0 == 1 }.count)
            #expect(indices.filter { $0 == 2 }.count == indices.filter { $0 == 4 }.count)
            return Double(indices.count)
        }
        #expect(interval == 4...6)
    }

    @Test func withoutEnoughThereIsNoInterval() {
        #expect(Bootstrap().interval(units: [[0]]) { _ in 1 } == nil)
        #expect(Bootstrap(samples: 0).interval(units: [[0], [1]]) { _ in 1 } == nil)
        #expect(Bootstrap().interval(units: [[0], [1]]) { _ in nil } == nil)
    }
}

/// A seeded generator.
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
