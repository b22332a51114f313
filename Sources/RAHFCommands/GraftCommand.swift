import ArgumentParser
import RewardModel
import RewardTraining

/// `rahf graft`: one model out of two that were trained apart.
struct GraftCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graft",
        abstract: "Make a model out of two of the same shape: some weights of one, the rest of the other.",
        discussion: "Parts that share no weight can be trained at the same time, each in a run of its own, and joined.")

    @Option(help: "Model folder that most weights come from.")
    var model: String
    @Option(help: "Model folder that the named weights come from.")
    var from: String
    @Option(
        parsing: .upToNextOption,
        help: "Which weights: names, beginnings of names, or patterns with *, as 'detail.' or '*.plausibility.*'.")
    var weights: [String]
    @Option(help: "Folder to write; made if missing.")
    var out: String
    @Option(help: "How weights are stored: bfloat16, float16 or float32.")
    var format = "float32"

    func run() throws {
        guard let format = SafetensorsWriter.Format(rawValue: format) else {
            throw ValidationError("--format is bfloat16, float16 or float32, not '\(format)'")
        }
        let (base, other) = (try ModelFolder(path: model), try ModelFolder(path: from))
        let names = ParameterCatalogue.parameters(for: base.config).map(\.name)
        guard ParameterCatalogue.parameters(for: base.config) == ParameterCatalogue.parameters(for: other.config) else {
            throw ValidationError("\(model) and \(from) have different weights: only models of one shape can be joined")
        }
        guard base.vocabulary == other.vocabulary else {
            throw ValidationError("\(model) and \(from) have different vocabularies")
        }
        let patterns = weights.map { (text: $0, pattern: NamePattern($0)) }
        if let idle = patterns.first(where: { entry in !names.contains { entry.pattern.matches($0) } }) {
            throw ValidationError("--weights \(idle.text): no weight of \(from) has such a name")
        }
        var config = base.config
        config.trained = base.config.trained || other.config.trained
        var taken = 0
        try makeFolders(out)
        try ModelFolder.write(at: out, config: config, vocabulary: base.vocabulary, format: format) { spec in
            let isTaken = patterns.contains { $0.pattern.matches(spec.name) }
            if isTaken { taken += 1 }
            return (isTaken ? other : base).weights.floats(of: spec.name) ?? []
        }
        print("\(out): \(taken) of \(names.count) weights from \(from), the rest from \(model)")
    }
}
