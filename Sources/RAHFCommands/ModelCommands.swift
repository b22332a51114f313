import ArgumentParser
import RewardModel

/// `rahf info`: what a model folder holds.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Describe a model: sizes, digest, variant, outputs, preprocessing.")

    @OptionGroup var modelOptions: ModelOptions
    @Flag(help: "Read all weights and compare them with the hash stored beside them.")
    var verify = false

    func run() throws {
        let info = try modelOptions.load().info
        let config = info.config
        let patches =
            config.vit.stem.map { stem in
                "stem \(stem.channels.map(String.init).joined(separator: "-"))"
                    + (stem.highPass.map { " with high-pass ×\($0)" } ?? "")
            } ?? "patch \(config.vit.patchSize)"
        let words = config.wordHead.map { "tagger, \($0.dense.map(String.init).joined(separator: "-"))" } ?? "decoder"
        let lines: [(String, String)] = [
            ("name", info.name), ("digest", info.digest), ("variant", config.variant.rawValue),
            ("trained", config.trained ? "yes" : "no: its numbers mean nothing"),
            ("weights", "\(info.parameterCount)"),
            (
                "image encoder",
                "ViT, \(config.vit.numHiddenLayers) layers of \(config.vit.hiddenSize), \(patches)"
            ),
            (
                "text encoder",
                "T5, \(config.t5.numLayers) + \(config.t5.numDecoderLayers) layers of \(config.t5.dModel)"
            ),
            (
                "input",
                "\(config.image.size)×\(config.image.size) RGB, \(config.image.resample.rawValue), mean \(config.image.mean), std \(config.image.std)"
            ),
            (
                "score heads",
                config.scoreHead.pooling.map { "pooled: \($0.map(\.rawValue).joined(separator: " "))" } ?? "flattened"
            ),
            ("words", words),
            ("scores", ScoreKind.allCases.map(\.rawValue).joined(separator: " ")),
            (
                "heatmaps",
                "\(HeatmapKind.allCases.map(\.rawValue).joined(separator: " ")), \(info.heatmapSize)×\(info.heatmapSize)"
            ),
        ]
        for (name, value) in lines {
            print(name + String(repeating: " ", count: 16 - name.count) + value)
        }
        if verify {
            let folder: ModelFolder
            do { folder = try ModelFolder(path: try modelOptions.path()) } catch let error as WeightsError {
                throw Failure(.invalidModel, error.description)
            }
            guard folder.verify() else {
                throw Failure(.invalidModel, "the weights do not have the hash stored with them")
            }
            print("verified        the weights are those that were written")
        }
    }
}

/// `rahf create`: a seeded, untrained model of a named size.
struct CreateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a seeded, untrained model: for tests, benchmarks, and to train from.")

    enum Preset: String, ExpressibleByArgument, CaseIterable {
        case paper, richhf, mini, tiny
    }

    @Option(
        help:
            "paper: ViT-B/16 at 224; richhf: the public port's ViT-L/16 at 384; mini: the small model; tiny: for tests."
    )
    var preset = Preset.tiny
    @Option(help: "multi_head or augmented_prompt.")
    var variant = "multi_head"
    @Option(help: "A SentencePiece vocabulary.")
    var tokenizer: String
    @Option(help: "The same seed gives the same bytes.")
    var seed: UInt64 = 0
    @Option(help: "Folder to write; made if missing.")
    var out: String

    func run() throws {
        guard let variant = ModelConfig.Variant(rawValue: variant) else {
            throw ValidationError("--variant is multi_head or augmented_prompt, not '\(variant)'")
        }
        let vocabulary = try readFile(tokenizer)
        let pieces = try Tokenizer(modelPath: tokenizer).vocabularySize
        let config: ModelConfig =
            switch preset {
            case .paper: .paper(variant)
            case .richhf: .richHF(variant)
            case .mini: .mini(variant, vocabSize: pieces)
            case .tiny: .tiny(variant, vocabSize: pieces)
            }
        guard pieces <= config.t5.vocabSize else {
            throw ValidationError("\(tokenizer) has \(pieces) pieces; the model's table has \(config.t5.vocabSize)")
        }
        try makeFolder(out)
        try ModelFolder.create(at: out, config: config, vocabulary: vocabulary, seed: seed)
        print("\(out): \(config.name), untrained, seed \(seed)")
    }
}

/// `rahf tokenize`: the ids the model reads, to compare vocabularies.
struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Print each line of standard input as token ids, one JSON array a line.")

    @Option(help: "A SentencePiece vocabulary.")
    var tokenizer: String

    func run() throws {
        let tokenizer = try Tokenizer(modelPath: tokenizer)
        while let line = readLine() {
            print(JSON.array(tokenizer.encode(line).map { .integer(Int($0)) }).text)
        }
    }
}
