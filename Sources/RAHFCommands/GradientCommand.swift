import ArgumentParser
import RewardImage
import RewardModel

/// `rahf gradient`: the derivative of a weighted sum of outputs with respect to the pixels.
struct GradientCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gradient", abstract: "Write d objective / d pixel as float32 [3, height, width].")

    @OptionGroup var scorerOptions: ScorerOptions
    @Option(help: "The image's prompt.")
    var prompt: String
    @Option(help: "Weights of scores, and of heatmaps' means: plausibility=1,implausibility=-0.5")
    var of: String
    @Option(help: "Where to write the .npy file.")
    var out: String
    @Argument(help: "PNG, JPEG or WebP.")
    var image: String

    func run() throws {
        let objective = try Self.objective(of)
        let scorer = try scorerOptions.load()
        let item = try PredictionItem(
            encodedImage: try readFile(image), prompt: prompt, outputs: [], objective: objective)
        let prediction = try scorer.predict([item])[0].get()
        guard let gradient = prediction.gradient else { throw Failure(.internalError, "no gradient came back") }
        try writeFile(NPYEncoder.encode(gradient.values, shape: [3, gradient.height, gradient.width]), to: out)
        print(
            JSON.object([
                ("image", .string(self.image)), ("objective", .number(gradient.objective)),
                ("norm", .number(gradient.norm)), ("gradient", .string(out)),
                ("notes", .array(prediction.notes.map(\.json))),
                (
                    "model",
                    .object([("name", .string(scorer.info.name)), ("digest", .string(scorer.info.digest))])
                ),
            ]).text)
    }

    /// Reads `name=weight,...`.
    static func objective(_ text: String) throws -> Objective {
        var objective = Objective()
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, let weight = Float(sides[1]), weight.isFinite else {
                throw ValidationError("--of takes name=weight pairs, not '\(part)'")
            }
            let name = String(sides[0])
            if let score = ScoreKind(rawValue: name) {
                objective.scoreWeights[score] = weight
            } else if let heatmap = HeatmapKind(rawValue: name) {
                objective.heatmapTerms.append(HeatmapTerm(heatmap: heatmap, weight: weight))
            } else {
                throw ValidationError("--of knows the scores and heatmaps, not '\(name)'")
            }
        }
        return objective
    }
}
