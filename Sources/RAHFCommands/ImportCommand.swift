import ArgumentParser
import RewardModel

/// `rahf import`: a model folder from published checkpoints.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Start a model from published weights.",
        discussion: """
            --from huggingface joins a ViT and a T5, as save_pretrained writes them, with fresh heads to train.
            --from richhf FILE takes the public PyTorch port's state_dict (.safetensors, or a .pt of torch.save,
            from which nothing is ever run).
            """)

    enum Source: String, ExpressibleByArgument, CaseIterable {
        case huggingface, richhf
    }

    enum Preset: String, ExpressibleByArgument, CaseIterable {
        case paper, richhf, tiny
    }

    @Option(help: "Where the weights come from.")
    var from: Source
    @Argument(help: "richhf: the state_dict's file.")
    var file: String?
    @Option(help: "huggingface: the ViT's folder.")
    var vit: String?
    @Option(help: "huggingface: the T5's folder.")
    var t5: String?
    @Option(help: "Folder to make; it must not exist, or be empty.")
    var out: String
    @Option(help: "A SentencePiece vocabulary. huggingface: the default is spiece.model in the T5's folder.")
    var tokenizer: String?
    @Option(help: "A name for people, kept in config.json.")
    var name: String?

    @Option(help: "huggingface: whose head stacks to start: the paper's, the public port's (richhf), or tiny.")
    var preset: Preset?
    @Option(help: "huggingface: multi_head (default) or augmented_prompt.")
    var variant: String?
    @Option(help: "huggingface: the same seed gives the same bytes. The default is 0.")
    var seed: UInt64?
    @Option(help: "huggingface: input side in pixels; for another than the ViT's own, positions are interpolated.")
    var imageSize: Int?

    @Option(help: "richhf: attention heads of the ViT. The default is that of the published ViT of this width.")
    var visionHeads: Int?
    @Option(help: "richhf: attention heads of the T5. The default is what the weights say.")
    var textHeads: Int?

    func validate() throws {
        let only: [(Source, String, Bool)] = [
            (.huggingface, "--vit", vit != nil), (.huggingface, "--t5", t5 != nil),
            (.huggingface, "--preset", preset != nil), (.huggingface, "--variant", variant != nil),
            (.huggingface, "--seed", seed != nil), (.huggingface, "--image-size", imageSize != nil),
            (.richhf, "a file", file != nil), (.richhf, "--vision-heads", visionHeads != nil),
            (.richhf, "--text-heads", textHeads != nil),
        ]
        if let misplaced = only.first(where: { $0.0 != from && $0.2 }) {
            throw ValidationError("\(misplaced.1) goes with --from \(misplaced.0.rawValue)")
        }
        switch from {
        case .huggingface:
            guard vit != nil, t5 != nil else { throw ValidationError("--from huggingface needs --vit and --t5") }
        case .richhf:
            guard file != nil, tokenizer != nil else {
                throw ValidationError("--from richhf needs the state_dict's file and --tokenizer")
            }
        }
        if let variant, ModelConfig.Variant(rawValue: variant) == nil {
            throw ValidationError("--variant is multi_head or augmented_prompt, not '\(variant)'")
        }
    }

    func run() throws {
        let summary: ModelImport.Summary
        do throws(ImportError) {
            summary = try from == .huggingface ? importHuggingFace() : importRichHF()
        } catch { throw Failure(error) }
        let config = summary.config
        print("\(out): \(config.name), \(config.variant.rawValue), input \(config.image.size)×\(config.image.size)")
        if !summary.fresh.isEmpty {
            print("\(summary.fresh.count) weights of the heads and the projection are seeded and untrained")
        }
        if !summary.ignored.isEmpty { print("left out, as nothing here reads them:") }
        for name in summary.ignored { print("  \(name)") }
    }

    private func importHuggingFace() throws(ImportError) -> ModelImport.Summary {
        let variant = variant.flatMap(ModelConfig.Variant.init) ?? .multiHead
        let heads: ModelConfig =
            switch preset ?? .paper {
            case .paper: .paper(variant)
            case .richhf: .richHF(variant)
            case .tiny: .tiny(variant, vocabSize: 1)
            }
        var options = ModelImport.HuggingFaceOptions(preset: heads)
        options.name = name ?? options.name
        options.seed = seed ?? options.seed
        options.tokenizer = tokenizer
        options.imageSize = imageSize
        return try ModelImport.huggingFace(vit: vit ?? "", t5: t5 ?? "", out: out, options)
    }

    private func importRichHF() throws(ImportError) -> ModelImport.Summary {
        var options = ModelImport.RichHFOptions(tokenizer: tokenizer ?? "")
        options.name = name ?? options.name
        options.visionHeads = visionHeads
        options.textHeads = textHeads
        return try ModelImport.richHF(file: file ?? "", out: out, options)
    }
}
