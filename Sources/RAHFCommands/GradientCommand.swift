import ArgumentParser
import RewardImage
import RewardModel

/// `rahf gradient`: the derivative of a weighted sum of outputs with respect to the pixels.
struct GradientCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gradient", abstract: "Write d objective / d pixel as float32 [3, height, width].",
        discussion: """
            The objective is a weighted sum. A term is a score (plausibility, alignment, aesthetics, overall) or a \
            heatmap (implausibility, misalignment): its mean, written implausibility=-1 or implausibility.mean=-1, or \
            its sum over the heatmap's pixels, written implausibility.mass=-1. Both count a pixel as much as --mask \
            says.
            """)

    @OptionGroup var scorerOptions: ScorerOptions
    @Option(help: "The image's prompt.")
    var prompt: String
    @Option(help: "Terms and their weights: plausibility=1,aesthetics=0.5,implausibility.mass=-0.001")
    var of: String
    @Option(help: "Where heatmap terms count: a grey picture of any size, white 1, black 0. The default is everywhere.")
    var mask: String?
    @Option(help: "Where to write the .npy file.")
    var out: String
    @Argument(help: "PNG, JPEG or WebP.")
    var image: String

    func run() throws {
        var objective = try Self.objective(of)
        if let mask {
            guard !objective.heatmapTerms.isEmpty else {
                throw ValidationError("--mask goes with heatmap terms, and --of names none")
            }
            let weights = try Self.loadMask(mask)
            for index in objective.heatmapTerms.indices { objective.heatmapTerms[index].mask = weights }
        }
        let scorer = try scorerOptions.load()
        let item = try PredictionItem(
            encodedImage: try WholeFile.read(image), prompt: prompt, outputs: [], objective: objective)
        let prediction = try scorer.predict([item])[0].get()
        guard let gradient = prediction.gradient else { throw Failure(.internalError, "no gradient came back") }
        try WholeFile.write(NPYEncoder.encode(gradient.values, shape: [3, gradient.height, gradient.width]), to: out)
        print(
            JSON.object([
                ("image", .string(image)), ("prompt", .string(prompt)), ("objective", .number(gradient.objective)),
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
            let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if let score = ScoreKind(rawValue: name) {
                guard objective.scoreWeights.updateValue(weight, forKey: score) == nil else {
                    throw ValidationError("--of names \(name) twice")
                }
            } else if let heatmap = HeatmapKind(rawValue: parts[0]),
                let reduction = parts.count == 1 ? .mean : HeatmapTerm.Reduction(rawValue: parts[1])
            {
                objective.heatmapTerms.append(HeatmapTerm(heatmap: heatmap, weight: weight, reduction: reduction))
            } else {
                throw ValidationError(
                    "--of knows the scores, and the heatmaps with .mean or .mass after them, not '\(name)'")
            }
        }
        return objective
    }

    static func loadMask(_ path: String) throws(Failure) -> Heatmap {
        let decoded: DecodedImage
        let bytes = try WholeFile.read(path)
        do { decoded = try ImageDecoder.decode(bytes) } catch {
            throw Failure(Failure(error).code, "\(path): \(error)")
        }
        guard let map = decoded.greyMap else {
            throw Failure(.unsupportedImage, "\(path): a mask is a grey picture, and this one has colours")
        }
        return map
    }
}
