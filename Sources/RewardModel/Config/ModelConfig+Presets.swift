/// Sizes people ask for by name.
extension ModelConfig {
    /// The paper's: ViT-B/16 at 224, T5 v1.1 base, its convolution and dense stacks (section 9).
    public static func paper(_ variant: Variant) -> ModelConfig {
        ModelConfig(
            name: "rahf-paper-untrained", variant: variant, trained: false, image: ImageConfig(size: 224),
            vit: ViTConfig(hiddenSize: 768, numHiddenLayers: 12, numAttentionHeads: 12, intermediateSize: 3072),
            t5: T5Config(
                vocabSize: 32128, dModel: 768, dKv: 64, dFf: 2048, numHeads: 12, numLayers: 12, numDecoderLayers: 12,
                feedForwardProj: .gatedGelu, tieWordEmbeddings: false),
            text: TextConfig(maxNewTokens: 64, taskPrefixes: prefixes(variant)),
            scoreHead: ScoreHeadConfig(
                convolutions: [768, 384, 128, 64].map { .init(channels: $0, kernel: 2) }, dense: [2048, 1024, 1],
                norm: .layer, normEps: 1e-6),
            heatmapHead: HeatmapHeadConfig(
                convolutions: [768, 384], activationFirst: false, deconvolutions: [768, 384, 384, 192],
                residual: false, readOut: [192, 1], norm: .layer, normEps: 1e-6))
    }

    /// The public PyTorch port's: ViT-L/16 at 384, t5-base, RMS norm over channels.
    public static func richHF(_ variant: Variant) -> ModelConfig {
        ModelConfig(
            name: "rahf-richhf-untrained", variant: variant, trained: false, image: ImageConfig(size: 384),
            vit: ViTConfig(hiddenSize: 1024, numHiddenLayers: 24, numAttentionHeads: 16, intermediateSize: 4096),
            t5: T5Config(
                vocabSize: 32128, dModel: 768, dKv: 64, dFf: 3072, numHeads: 12, numLayers: 12, numDecoderLayers: 12,
                feedForwardProj: .relu, tieWordEmbeddings: true),
            text: TextConfig(maxNewTokens: 100, taskPrefixes: prefixes(variant)),
            scoreHead: ScoreHeadConfig(
                convolutions: [768, 384, 192, 96, 48, 12].map { .init(channels: $0, kernel: 3) }, dense: [512, 128, 1],
                norm: .rms, normEps: 1e-8),
            heatmapHead: HeatmapHeadConfig(
                convolutions: [768, 384], activationFirst: true, deconvolutions: [768, 384, 384, 192], residual: true,
                readOut: [192, 1], norm: .rms, normEps: 1e-8))
    }

    /// Small enough for tests and the demo.
    public static func tiny(_ variant: Variant, vocabSize: Int) -> ModelConfig {
        ModelConfig(
            name: "rahf-tiny-untrained", variant: variant, trained: false, image: ImageConfig(size: 64),
            vit: ViTConfig(hiddenSize: 48, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 96),
            t5: T5Config(
                vocabSize: vocabSize, dModel: 32, dKv: 8, dFf: 64, numHeads: 4, numLayers: 2, numDecoderLayers: 2,
                feedForwardProj: .gatedGelu, tieWordEmbeddings: false),
            text: TextConfig(maxNewTokens: 64, taskPrefixes: prefixes(variant)),
            scoreHead: ScoreHeadConfig(
                convolutions: [.init(channels: 16, kernel: 2), .init(channels: 8, kernel: 2)], dense: [16, 1],
                norm: .layer, normEps: 1e-6),
            heatmapHead: HeatmapHeadConfig(
                convolutions: [16, 8], activationFirst: false, deconvolutions: [8, 8, 8, 8], residual: false,
                readOut: [8, 1], norm: .layer, normEps: 1e-6))
    }

    /// The small model that ships: 192 pixels, a convolutional stem, pooled score heads and a word tagger.
    ///
    /// The stems and the heads have no norms: how strong a response is, which a layer norm would take away at every pixel,
    /// is what tells blur, noise and edges apart. In a multi-head model damage has a path of its own.
    ///
    /// - Parameter hasDetail: false leaves that path out, so that both variants have the same parts.
    public static func mini(_ variant: Variant, vocabSize: Int, hasDetail: Bool = true) -> ModelConfig {
        let detail = DetailConfig(
            stem: StemConfig(channels: [32, 64, 128, 192], norm: .none, highPass: 6, residualBlocks: [0, 1, 1, 1]),
            scores: [.plausibility], heatmaps: [.implausibility])
        return ModelConfig(
            name: "rahf-mini-untrained", variant: variant, trained: false, image: ImageConfig(size: 192),
            vit: ViTConfig(
                hiddenSize: 192, numHiddenLayers: 3, numAttentionHeads: 6, intermediateSize: 768, layerNormEps: 1e-6,
                stem: StemConfig(channels: [32, 64, 128, 192], norm: .none, highPass: 6), zeroInitResidual: true),
            t5: T5Config(
                vocabSize: vocabSize, dModel: 192, dKv: 32, dFf: 512, numHeads: 6, numLayers: 3, numDecoderLayers: 0,
                feedForwardProj: .gatedGelu, tieWordEmbeddings: true, zeroInitResidual: true),
            text: TextConfig(taskPrefixes: prefixes(variant)),
            scoreHead: ScoreHeadConfig(
                convolutions: [.init(channels: 96, kernel: 3)], dense: [64, 1], norm: .none, normEps: 1e-6,
                pooling: [.mean, .max], heatmapStatistics: .init(statistics: [.mean, .topMean])),
            heatmapHead: HeatmapHeadConfig(
                convolutions: [96], activationFirst: false, deconvolutions: [48, 32], residual: false,
                deconvolutionReadOuts: false, readOut: [1], norm: .none, normEps: 1e-6),
            wordHead: WordHeadConfig(dense: [96, 1]), detail: hasDetail && variant == .multiHead ? detail : nil)
    }

    /// The public port's task texts, which it puts before the prompt.
    public static func prefixes(_ variant: Variant) -> [String: String] {
        guard variant == .augmentedPrompt else { return [:] }
        var texts: [String: String] = [:]
        for kind in ScoreKind.allCases { texts[kind.rawValue] = "<output> SCORE: \(kind.rawValue) </output> " }
        for kind in HeatmapKind.allCases { texts[kind.rawValue] = "<output> HEATMAP: \(kind.rawValue) </output> " }
        return texts
    }
}
