/// Starts model folders from published checkpoints.
///
/// Nothing in a checkpoint is ever executed. The output folder appears whole or not at all; values keep the
/// precision they are stored in, and one tensor at a time is in memory.
public enum ModelImport {
    /// What an import did.
    public struct Summary: Sendable, Equatable {
        public var config: ModelConfig
        /// Tensors of the checkpoints that were left out because they are of no use here, by name.
        public var ignored: [String]
        /// Weights that no checkpoint has: seeded and untrained, by our names.
        public var fresh: [String]
    }

    /// Options of `huggingFace`.
    public struct HuggingFaceOptions: Sendable {
        /// Supplies the head stacks and the task texts.
        public var preset: ModelConfig
        /// Name for people. The default says that the heads are untrained.
        public var name = "rahf-huggingface-untrained"
        /// Seed of the heads and of the projection between the two encoders.
        public var seed: UInt64 = 0
        /// SentencePiece vocabulary. The default is `spiece.model` in the T5's folder.
        public var tokenizer: String?
        /// Side of the input in pixels. The default is the ViT's own; for another one the position embeddings are
        /// interpolated as `transformers` does with `interpolate_pos_encoding`.
        public var imageSize: Int?

        public init(preset: ModelConfig) {
            self.preset = preset
        }
    }

    /// Joins a ViT (`ViTModel`, `ViTForImageClassification`) and a T5 (`T5Model`, `T5ForConditionalGeneration`) from
    /// folders that `save_pretrained` wrote, with fresh heads. The result says `trained: false`.
    ///
    /// - Parameter out: the model folder to make; it must not exist, or be empty.
    /// - Throws: `ImportError`; nothing is written then.
    public static func huggingFace(
        vit vitFolder: String, t5 t5Folder: String, out: String, _ options: HuggingFaceOptions
    ) throws(ImportError) -> Summary {
        let folder = try NewModelFolder(out)
        let pair = try HuggingFacePair(vit: vitFolder, t5: t5Folder, options)
        let vocabulary = try self.vocabulary(
            options.tokenizer ?? "\(t5Folder)/spiece.model", pair.config, isGiven: options.tokenizer != nil)
        var weights = pair.weights
        let (config, seed) = (pair.config, options.seed)
        let fresh = ParameterCatalogue.parameters(for: config).filter { weights[$0.name] == nil }
        for spec in fresh { weights[spec.name] = .fresh(spec, seed: seed) }
        try folder.write(config, vocabulary: vocabulary, weights)
        return Summary(config: config, ignored: pair.ignored, fresh: fresh.map(\.name))
    }

    /// Options of `richHF`.
    public struct RichHFOptions: Sendable {
        public var name = "rahf-richhf"
        /// Attention heads of the ViT, which no tensor tells. The default is the published ViT's of that width.
        public var visionHeads: Int?
        /// Attention heads of the T5. The default is what the checkpoint's position bias says.
        public var textHeads: Int?
        /// SentencePiece vocabulary of the T5.
        public var tokenizer: String

        public init(tokenizer: String) {
            self.tokenizer = tokenizer
        }
    }

    /// Takes the public PyTorch port's `state_dict`, as `.safetensors` or as the archive `torch.save` writes.
    /// The result says `trained: true`.
    ///
    /// - Parameter out: the model folder to make; it must not exist, or be empty.
    /// - Throws: `ImportError`; nothing is written then.
    public static func richHF(file: String, out: String, _ options: RichHFOptions) throws(ImportError) -> Summary {
        let folder = try NewModelFolder(out)
        let checkpoint = try Checkpoint(file: file)
        let config = try ModelConfig.richHF(
            checkpoint, name: options.name, visionHeads: options.visionHeads, textHeads: options.textHeads)
        let vocabulary = try self.vocabulary(options.tokenizer, config, isGiven: true)
        let names = T5Names(checkpoint: checkpoint, prefix: "t5.")
        var matcher = ParameterMatcher(checkpoint)
        for spec in ParameterCatalogue.parameters(for: config) {
            if spec.name.hasPrefix("t5.") {
                let source = names.names(spec.name, outputIsTable: false)
                matcher.match(spec.name, .init(names: source, shape: spec.shape))
            } else {
                matcher.match(spec.name, RichHFNames.source(spec))
            }
        }
        let ignored = try matcher.finish {
            ViTNames.isUnused($0, prefix: "vit.")
                || names.isUnused($0, hasOwnOutputLayer: !config.t5.tieWordEmbeddings)
        }
        try folder.write(config, vocabulary: vocabulary, matcher.found.mapValues { .stored($0) })
        return Summary(config: config, ignored: ignored, fresh: [])
    }

    /// The vocabulary's bytes, once they are known to fit the model.
    private static func vocabulary(
        _ path: String, _ config: ModelConfig, isGiven: Bool
    ) throws(ImportError) -> [UInt8] {
        let pieces: Int
        do { pieces = try Tokenizer(modelPath: path).vocabularySize } catch {
            if isGiven { throw .tokenizer(error) }
            throw .invalidOption("the T5's folder has no vocabulary (\(error)); name one with --tokenizer")
        }
        guard pieces <= config.t5.vocabSize else {
            throw .unsupported(
                path: path, reason: "it has \(pieces) pieces, but the model's table \(config.t5.vocabSize)")
        }
        do { return try readFile(path) } catch { throw .weights(error) }
    }
}
