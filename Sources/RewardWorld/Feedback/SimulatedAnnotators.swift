package import RewardData
package import RewardModel

/// Three people who see the truth through their habits and their noise.
package enum SimulatedAnnotators {
    /// One person's habits.
    struct Habits: Sendable {
        /// Added to every Likert score.
        var leniency: Float
        /// Standard deviation of a Likert score before it is rounded.
        var wobble: Float
        /// The chance of marking a place or a word that deserves it.
        var attention: Float
        /// How many points they spend on the same area.
        var eagerness: Float
    }

    static let panel = [
        Habits(leniency: -0.2, wobble: 0.4, attention: 0.94, eagerness: 1.1),
        Habits(leniency: 0, wobble: 0.45, attention: 0.9, eagerness: 0.9),
        Habits(leniency: 0.2, wobble: 0.5, attention: 0.86, eagerness: 0.75),
    ]
    /// The chance of a mark where nothing is wrong.
    static let strayPoint: Float = 0.02
    static let strayWord: Float = 0.008
    static let skip: Float = 0.01
    static let mostPoints = 24

    /// What there is to see.
    package struct Sight: Sendable {
        var size: Int
        var scores: Scores
        /// How strongly each pixel looks implausible, 0 to 1; nil when none does.
        var implausible: [Float]?
        var misaligned: [Float]?
        var wordCount: Int
        var contradicted: Set<Int>

        package init(
            size: Int, scores: Scores, implausible: [Float]?, misaligned: [Float]?, wordCount: Int,
            contradicted: Set<Int>
        ) {
            self.size = size
            self.scores = scores
            self.implausible = implausible
            self.misaligned = misaligned
            self.wordCount = wordCount
            self.contradicted = contradicted
        }
    }

    package static func annotate(_ sight: Sight, _ random: inout WorldRandom) -> [Annotation] {
        // One person at most passes a picture over, so that somebody is left.
        let skipper = random.chance(skip * Float(panel.count)) ? random.integer(0...panel.count - 1) : nil
        return panel.enumerated().map { index, habits in
            var stream = random.fork()
            return index == skipper ? .skip : annotate(sight, habits, &stream)
        }
    }

    private static func annotate(_ sight: Sight, _ habits: Habits, _ random: inout WorldRandom) -> Annotation {
        func likert(_ score: Float, _ random: inout WorldRandom) -> Int {
            let value = 1 + 4 * score + habits.leniency + habits.wobble * random.normal()
            return min(max(Int(value.rounded()), 1), 5)
        }
        let words = (0..<sight.wordCount).filter { word in
            random.chance(sight.contradicted.contains(word) ? habits.attention : strayWord)
        }
        return Annotation(
            implausible: points(sight.implausible, sight.size, habits, &random),
            misaligned: points(sight.misaligned, sight.size, habits, &random), words: words,
            plausibility: likert(sight.scores.plausibility, &random),
            alignment: likert(sight.scores.alignment, &random),
            aesthetics: likert(sight.scores.aesthetics, &random), overall: likert(sight.scores.overall, &random))
    }

    /// Points spread over what is wrong, about as many as their disks need to cover it.
    private static func points(
        _ weights: [Float]?, _ size: Int, _ habits: Habits, _ random: inout WorldRandom
    ) -> [Point] {
        var points: [SIMD2<Float>] = []
        let disk = Float(size) / Float(Consolidation.heightsPerRadius)
        if let weights, random.chance(habits.attention) {
            let places = weights.indices.filter { weights[$0] > 0.05 }
            let mass = places.reduce(Float(0)) { $0 + min(weights[$1], 1) }
            let wanted = Int(
                (mass / (.pi * disk * disk) * 1.45 * habits.eagerness + random.uniform(0.1, 0.9)).rounded())
            if !places.isEmpty {
                for _ in 0..<min(max(wanted, 1), mostPoints) {
                    points.append(spot(weights, places, points, size, &random))
                }
            }
        }
        if random.chance(strayPoint) {
            points.append(SIMD2(random.uniform(0, Float(size)), random.uniform(0, Float(size))))
        }
        let last = Float(size) - 0.01
        return points.enumerated().map { _, point in
            let x = point.x + 0.25 * disk * random.normal()
            let y = point.y + 0.25 * disk * random.normal()
            // Hundredths of a pixel keep the lines short.
            return Point(x: hundredth(min(max(x, 0), last)), y: hundredth(min(max(y, 0), last)))
        }
    }

    private static func hundredth(_ value: Float) -> Double { (Double(value) * 100).rounded() / 100 }

    /// Of a few places drawn by weight, the one farthest from the points already set.
    private static func spot(
        _ weights: [Float], _ places: [Int], _ taken: [SIMD2<Float>], _ size: Int, _ random: inout WorldRandom
    ) -> SIMD2<Float> {
        var best = SIMD2<Float>.zero
        var farthest: Float = -1
        for _ in 0..<6 {
            var place = random.pick(places)
            for _ in 0..<12 where weights[place] < random.unit() { place = random.pick(places) }
            let point = SIMD2(Float(place % size) + 0.5, Float(place / size) + 0.5)
            let room = taken.reduce(Float(size)) { nearest, other in
                let gap = point - other
                return min(nearest, (gap * gap).sum().squareRoot())
            }
            if room > farthest { (best, farthest) = (point, room) }
        }
        return best
    }
}
