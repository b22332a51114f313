import FoundationEssentials
import RewardModel
import RewardSelection

/// What `selection.json` says. The same candidates, arguments and model give the same bytes.
package struct SelectionSummary: Encodable, Sendable {
    struct Arguments: Codable, Equatable, Sendable {
        var candidates: [String]
        var by: [String: Double]
        var threshold: Double?
        var min: [String: Double]
        var best: Int
        var topFraction: Double?
        var minMargin: Double?
        var dedupe: Bool
        var format: [String]
        var link: String
        var pair: String?
        var randomControl: UInt64?
        var check: String

        init(_ options: SelectionOptions) {
            let rule = options.rule
            candidates = options.candidates
            by = SelectionSummary.named(rule.formula.weights) { $0 != 0 }
            threshold = rule.threshold
            min = SelectionSummary.named(rule.minimums) { $0 > -.infinity }
            best = rule.best
            topFraction = rule.topFraction
            minMargin = rule.minimumMargin
            dedupe = rule.deduplicates
            format = options.formats.map(\.rawValue).sorted()
            link = options.link.rawValue
            pair = rule.pairing?.rawValue
            randomControl = options.randomControl
            check = options.check.rawValue
        }
    }

    struct Model: Encodable, Sendable {
        var name: String
        var digest: String
        var trained: Bool
    }

    package struct Counts: Encodable, Sendable {
        package internal(set) var candidates = 0
        package internal(set) var scoredByModel = 0
        package internal(set) var withReadyScores = 0
        package internal(set) var prompts = 0
        package internal(set) var promptsKept = 0
        package internal(set) var kept = 0
        package internal(set) var dropped = 0
        package internal(set) var pairs = 0
        package internal(set) var randomControl = 0
    }

    struct Quantiles: Encodable, Sendable {
        var count: Int
        var min: Double
        var p05: Double
        var p25: Double
        var p50: Double
        var p75: Double
        var p95: Double
        var max: Double

        init?(_ histogram: ScoreHistogram) {
            guard let p05 = histogram.quantile(0.05), let p25 = histogram.quantile(0.25),
                let p50 = histogram.quantile(0.5), let p75 = histogram.quantile(0.75),
                let p95 = histogram.quantile(0.95)
            else { return nil }
            count = histogram.count
            (min, max) = (histogram.minimum, histogram.maximum)
            (self.p05, self.p25, self.p50, self.p75, self.p95) = (p05, p25, p50, p75, p95)
        }
    }

    struct Distribution: Encodable, Sendable {
        /// By `score`, what was ranked by, and by each score.
        var kept: [String: Quantiles]
        var dropped: [String: Quantiles]
    }

    var tool = "select-finetune-data"
    var arguments: Arguments
    /// Nil when every score came with the list.
    var model: Model?
    package internal(set) var notes: [String]
    package internal(set) var counts: Counts
    /// Candidates by why they were dropped.
    package internal(set) var dropped: [String: Int]
    var quantiles: Distribution
    /// Prompts by how many candidates they have, and by how many of them were kept.
    package internal(set) var promptsByCandidates: [String: Int]
    package internal(set) var promptsByKept: [String: Int]

    init(
        options: SelectionOptions, contents: ListContents, tally: SelectionTally, model: ModelInfo?, notes: [String]
    ) {
        arguments = Arguments(options)
        self.model = model.map { Model(name: $0.name, digest: $0.digest, trained: $0.config.trained) }
        self.notes = notes
        counts = Counts(
            candidates: contents.candidates, scoredByModel: contents.unscored,
            withReadyScores: contents.candidates - contents.unscored,
            prompts: tally.promptsByCandidates.values.reduce(0, +),
            promptsKept: tally.promptsByKept.filter { $0.key > 0 }.values.reduce(0, +), kept: tally.kept,
            dropped: tally.totalDropped, pairs: tally.pairs, randomControl: tally.random)
        dropped = Dictionary(
            uniqueKeysWithValues: DropReason.allCases.map { ($0.rawValue, tally.dropped($0)) })
        quantiles = Distribution(
            kept: Self.quantiles(tally.keptScores), dropped: Self.quantiles(tally.droppedScores))
        promptsByCandidates = Self.texts(tally.promptsByCandidates)
        promptsByKept = Self.texts(tally.promptsByKept)
    }

    private static func named(_ vector: ScoreVector, _ isSet: (Double) -> Bool) -> [String: Double] {
        Dictionary(
            uniqueKeysWithValues: scoreNames.enumerated().filter { isSet(vector[$0.offset]) }
                .map { ($0.element, vector[$0.offset]) })
    }

    private static func quantiles(_ summary: ScoreSummary) -> [String: Quantiles] {
        var found: [String: Quantiles] = [:]
        found["score"] = Quantiles(summary.value)
        for (index, name) in scoreNames.enumerated() { found[name] = Quantiles(summary.scores[index]) }
        return found
    }

    private static func texts(_ counts: [Int: Int]) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: counts.map { (String($0.key), $0.value) })
    }

    /// The arguments that a file's bytes tell of; nil when they are no such file.
    static func arguments(in bytes: [UInt8]) -> Arguments? {
        struct Part: Decodable {
            var arguments: Arguments
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return (try? decoder.decode(Part.self, from: Data(bytes)))?.arguments
    }

    /// The file's bytes: keys sorted, numbers the shortest that read back.
    package func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return Array(try encoder.encode(self)) + [0x0a]
    }

    /// Lines for people.
    package var text: String {
        var lines = [
            "\(counts.kept) of \(counts.candidates) candidates kept, for \(counts.promptsKept) of \(counts.prompts) prompts"
        ]
        for (reason, count) in dropped.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) where count > 0 {
            lines.append("  dropped  \(count) \(reason)")
        }
        if counts.pairs > 0 { lines.append("  pairs    \(counts.pairs)") }
        if counts.randomControl > 0 { lines.append("  control  \(counts.randomControl) at random") }
        for note in notes { lines.append("  note     \(note)") }
        return lines.joined(separator: "\n")
    }
}
