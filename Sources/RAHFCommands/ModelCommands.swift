import ArgumentParser
import RewardModel

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
    @Flag(inversion: .prefixedNo, help: "The mini model's path of its own for damage, which only multi_head has.")
    var detail = true
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
        let vocabulary = try WholeFile.read(tokenizer)
        let pieces = try Tokenizer(modelPath: tokenizer).vocabularySize
        let config: ModelConfig =
            switch preset {
            case .paper: .paper(variant)
            case .richhf: .richHF(variant)
            case .mini: .mini(variant, vocabSize: pieces, hasDetail: detail)
            case .tiny: .tiny(variant, vocabSize: pieces)
            }
        guard pieces <= config.t5.vocabSize else {
            throw ValidationError("\(tokenizer) has \(pieces) pieces; the model's table has \(config.t5.vocabSize)")
        }
        try makeFolders(out)
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

    @Flag(help: "Clean each line as a prompt and print the ids word by word, an array of arrays; [] without words.")
    var words = false

    func run() throws {
        let tokenizer = try Tokenizer(modelPath: tokenizer)
        while let line = readLine() {
            if words {
                var groups: [JSON] = []
                if let prompt = try? PromptText.parse(line) {
                    let ids = tokenizer.encode(prompt.cleaned)
                    groups = tokenizer.positions(of: prompt).map { .array(ids[$0].map { .integer(Int($0)) }) }
                }
                print(JSON.array(groups).text)
                continue
            }
            print(JSON.array(tokenizer.encode(line).map { .integer(Int($0)) }).text)
        }
    }
}
