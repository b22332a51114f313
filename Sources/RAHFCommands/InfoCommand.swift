import ArgumentParser
import RewardModel
import TensorCPU

/// `rahf info`: what a model folder holds.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Describe a model: sizes, digest, variant, outputs, preprocessing.")

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    @OptionGroup var modelOptions: ModelOptions
    @Flag(help: "Read all weights and compare them with the hash stored beside them.")
    var verify = false
    @Option(help: "table: for people; json: one object.")
    var format = Format.table

    func run() throws {
        let info = try modelOptions.load().info
        if verify { try verifyWeights() }
        switch format {
        case .json: print(JSON.object(Self.fields(info) + (verify ? [("verified", .bool(true))] : [])).text)
        case .table:
            for (name, value) in Self.lines(info) {
                print(name + String(repeating: " ", count: 16 - name.count) + value)
            }
            if verify { print("verified        the weights are those that were written") }
        }
    }

    private func verifyWeights() throws {
        let folder: ModelFolder
        do { folder = try ModelFolder(path: try modelOptions.path()) } catch let error as WeightsError {
            throw Failure(.invalidModel, error.description)
        }
        guard folder.verify() else {
            throw Failure(.invalidModel, "the weights do not have the hash stored with them")
        }
    }

    private static func lines(_ info: ModelInfo) -> [(String, String)] {
        let config = info.config
        let patches =
            config.vit.stem.map { stem in
                "stem \(stem.channels.map(String.init).joined(separator: "-"))"
                    + (stem.highPass.map { " with high-pass ×\($0)" } ?? "")
            } ?? "patch \(config.vit.patchSize)"
        let words = config.wordHead.map { "tagger, \($0.dense.map(String.init).joined(separator: "-"))" } ?? "decoder"
        return [
            ("name", info.name), ("digest", info.digest), ("variant", config.variant.rawValue),
            ("trained", config.trained ? "yes" : "no: its numbers mean nothing"),
            ("weights", "\(info.parameterCount)"),
            ("computes in", "\(info.precision), \(CPUEngine.instructionSet) kernels"),
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
            ("prompt", "\(config.text.maxTokens) tokens at most"),
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
    }

    /// The same in JSON; sizes carry the names of `config.json`.
    static func fields(_ info: ModelInfo) -> [(String, JSON)] {
        let (config, vit, t5, image) = (info.config, info.config.vit, info.config.t5, info.config.image)
        return [
            ("name", .string(info.name)), ("digest", .string(info.digest)),
            ("variant", .string(config.variant.rawValue)), ("trained", .bool(config.trained)),
            ("parameters", .integer(info.parameterCount)), ("precision", .string(info.precision)),
            ("kernels", .string(CPUEngine.instructionSet)),
            (
                "vit",
                .object([
                    ("num_hidden_layers", .integer(vit.numHiddenLayers)), ("hidden_size", .integer(vit.hiddenSize)),
                    ("num_attention_heads", .integer(vit.numAttentionHeads)),
                    ("intermediate_size", .integer(vit.intermediateSize)), ("patch_size", .integer(vit.patchSize)),
                ])
            ),
            (
                "t5",
                .object([
                    ("num_layers", .integer(t5.numLayers)), ("num_decoder_layers", .integer(t5.numDecoderLayers)),
                    ("d_model", .integer(t5.dModel)), ("d_ff", .integer(t5.dFf)), ("num_heads", .integer(t5.numHeads)),
                    ("vocab_size", .integer(t5.vocabSize)),
                ])
            ),
            (
                "preprocessing",
                .object([
                    ("size", .integer(image.size)), ("resample", .string(image.resample.rawValue)),
                    ("mean", .array(image.mean.map { .number($0) })), ("std", .array(image.std.map { .number($0) })),
                    ("max_tokens", .integer(config.text.maxTokens)),
                ])
            ),
            (
                "outputs",
                .object([
                    ("scores", .array(ScoreKind.allCases.map { .string($0.rawValue) })),
                    ("heatmaps", .array(HeatmapKind.allCases.map { .string($0.rawValue) })),
                    ("heatmap_size", .array([.integer(info.heatmapSize), .integer(info.heatmapSize)])),
                    ("words", .string(config.wordHead == nil ? "decoder" : "tagger")),
                ])
            ),
        ]
    }
}
