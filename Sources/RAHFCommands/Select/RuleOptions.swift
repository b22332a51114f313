import ArgumentParser
import RewardModel
import RewardSelection

/// The options that make up a selection rule.
struct RuleOptions: ParsableArguments {
    @Option(help: "A score, or a weighted sum: overall=0.5,aesthetics=0.5")
    var by = "plausibility"
    @Option(help: "What is kept ranks above this number; 'none' for no threshold.")
    var threshold = "0.8"
    @Option(help: "Least value of one score, as alignment=0.5; may be repeated.")
    var min: [String] = []
    @Option(help: "Most candidates kept of one prompt.")
    var best = 1
    @Option(help: "Of all that would be kept, keep only this share, the highest.")
    var topFraction: Double?
    @Option(help: "Least distance from the mean over the prompt's candidates.")
    var minMargin: Double?
    @Flag(help: "Drop candidates that show what a better one of the same prompt shows.")
    var dedupe = false
    @Option(help: "Who loses to the best in a pair of --format dpo: best-worst or best-second.")
    var pair = SelectionRule.Pairing.bestWorst.rawValue

    func rule(pairs: Bool) throws -> SelectionRule {
        var rule = SelectionRule()
        rule.formula = try Self.formula(by)
        if threshold == "none" {
            rule.threshold = nil
        } else {
            guard let number = Double(threshold), number.isFinite else {
                throw ValidationError("--threshold is a number or 'none', not '\(threshold)'")
            }
            rule.threshold = number
        }
        for text in min {
            let (index, value) = try Self.assignment(text, option: "--min")
            guard (0...1).contains(value) else { throw ValidationError("--min \(text): scores lie in [0, 1]") }
            rule.minimums[index] = value
        }
        guard best >= 1 else { throw ValidationError("--best is \(best); it must be at least 1") }
        rule.best = best
        if let topFraction {
            guard topFraction > 0, topFraction <= 1 else {
                throw ValidationError("--top-fraction is above 0, at most 1")
            }
        }
        if let minMargin, !minMargin.isFinite { throw ValidationError("--min-margin is a number, not \(minMargin)") }
        rule.topFraction = topFraction
        rule.minimumMargin = minMargin
        rule.deduplicates = dedupe
        guard let pairing = SelectionRule.Pairing(rawValue: pair) else {
            throw ValidationError("--pair is best-worst or best-second, not '\(pair)'")
        }
        rule.pairing = pairs ? pairing : nil
        return rule
    }

    /// Reads a score's name, or `name=weight,...`.
    static func formula(_ text: String) throws -> ScoreFormula {
        if let kind = ScoreKind(rawValue: text) {
            var weights = ScoreVector()
            weights[index(kind)] = 1
            return ScoreFormula(weights: weights)
        }
        var weights = ScoreVector()
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let (index, value) = try assignment(String(part), option: "--by")
            guard value != 0, weights[index] == 0 else {
                throw ValidationError("--by \(text): each score once, with a weight that is not 0")
            }
            weights[index] = value
        }
        return ScoreFormula(weights: weights)
    }

    private static func assignment(_ text: String, option: String) throws -> (index: Int, value: Double) {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, let kind = ScoreKind(rawValue: String(sides[0])), let value = Double(sides[1]),
            value.isFinite
        else {
            let names = ScoreKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\(option) takes name=number with a name of \(names), not '\(text)'")
        }
        return (index(kind), value)
    }

    private static func index(_ kind: ScoreKind) -> Int {
        ScoreKind.allCases.firstIndex(of: kind) ?? 0
    }
}
