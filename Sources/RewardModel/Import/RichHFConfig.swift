extension ModelConfig {
    /// The configuration of a `state_dict` of the public PyTorch port, sizes taken from its tensors.
    ///
    /// What tensors cannot say is the port's: RMS norms with 1e-8, pixels to [-1, 1], 100 new tokens, its task texts.
    ///
    /// - Parameters:
    ///   - visionHeads: attention heads of the ViT. The default is that of the published ViT of this width.
    ///   - textHeads: attention heads of the T5; when given, it must agree with the checkpoint's position bias.
    /// - Throws: `ImportError.mismatch` when a tensor that gives a size is missing, `.invalidOption` for head counts.
    static func richHF(
        _ checkpoint: Checkpoint, name: String, visionHeads: Int?, textHeads: Int?
    ) throws(ImportError) -> ModelConfig {
        let isMulti = !checkpoint.tensors.keys.contains { $0.hasPrefix("score_predictor.conv_layers.") }
        let vit = try visionSizes(checkpoint, heads: visionHeads)
        let positions = try checkpoint.shape(["vit.embeddings.position_embeddings"], axes: 3)[1]
        var config = ModelConfig.richHF(isMulti ? .multiHead : .augmentedPrompt)
        config.name = name
        config.trained = true
        config.vit = vit
        config.image = ImageConfig(
            size: try squareGrid(positions, "vit.embeddings.position_embeddings", checkpoint) * vit.patchSize)
        config.t5 = try textSizes(checkpoint, heads: textHeads)
        config.scoreHead = try scoreSizes(
            checkpoint, isMulti ? "score_predictor.\(ScoreKind.allCases[0].rawValue)" : "score_predictor",
            like: config.scoreHead)
        config.heatmapHead = try heatmapSizes(
            checkpoint, isMulti ? "heatmap_predictor.\(HeatmapKind.allCases[0].rawValue)" : "heatmap_predictor",
            like: config.heatmapHead)
        if let fault = config.fault { throw .unsupported(path: checkpoint.path, reason: fault) }
        return config
    }

    /// Side of the patch grid of a table with a class token.
    static func squareGrid(_ positions: Int, _ name: String, _ checkpoint: Checkpoint) throws(ImportError) -> Int {
        let side = Int(Double(max(positions - 1, 0)).squareRoot().rounded())
        guard side > 0, side * side == positions - 1 else {
            throw .unsupported(
                path: checkpoint.path, reason: "\(name) has \(positions) positions, not a square grid and a class token"
            )
        }
        return side
    }

    private static func visionSizes(_ checkpoint: Checkpoint, heads: Int?) throws(ImportError) -> ViTConfig {
        let patch = try checkpoint.shape(["vit.embeddings.patch_embeddings.projection.weight"], axes: 4)
        let dense = ViTNames.names("vit.encoder.layer.0.intermediate.dense.weight", prefix: "vit.")
        let (hidden, intermediate) = (patch[0], try checkpoint.shape(dense, axes: 2)[0])
        // google/vit-base, -large and -huge; tiny and small as others publish them.
        let published = [192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16]
        guard let heads = heads ?? published[hidden] else {
            throw .invalidOption("no published ViT is \(hidden) wide: give its number of attention heads")
        }
        guard heads > 0, hidden % heads == 0 else {
            throw .invalidOption("the ViT's width \(hidden) is no multiple of \(heads) attention heads")
        }
        return ViTConfig(
            hiddenSize: hidden, numHiddenLayers: checkpoint.layerCount(ViTNames.layers("vit.")),
            numAttentionHeads: heads, intermediateSize: intermediate, patchSize: patch[3])
    }

    private static func textSizes(_ checkpoint: Checkpoint, heads: Int?) throws(ImportError) -> T5Config {
        let names = T5Names(checkpoint: checkpoint, prefix: "t5.")
        let table = try checkpoint.shape(names.names("t5.shared.weight", outputIsTable: true), axes: 2)
        let first = "t5.encoder.block.0.layer"
        let bias = try checkpoint.shape(["\(first).0.SelfAttention.relative_attention_bias.weight"], axes: 2)
        if let heads, heads != bias[1] {
            throw .invalidOption("the checkpoint's position bias is for \(bias[1]) text attention heads, not \(heads)")
        }
        let query = try checkpoint.shape(["\(first).0.SelfAttention.q.weight"], axes: 2)[0]
        guard query % bias[1] == 0 else {
            throw .unsupported(
                path: checkpoint.path, reason: "its \(bias[1]) text attention heads do not divide \(query)")
        }
        let isGated = checkpoint.tensors["\(first).1.DenseReluDense.wi_0.weight"] != nil
        let dense = isGated ? "wi_0" : "wi"
        return T5Config(
            vocabSize: table[0], dModel: table[1], dKv: query / bias[1],
            dFf: try checkpoint.shape(["\(first).1.DenseReluDense.\(dense).weight"], axes: 2)[0], numHeads: bias[1],
            numLayers: checkpoint.layerCount(["t5.encoder.block."]),
            numDecoderLayers: checkpoint.layerCount(["t5.decoder.block."]),
            feedForwardProj: isGated ? .gatedGelu : .relu, tieWordEmbeddings: try !names.hasOwnOutputLayer(),
            relativeAttentionNumBuckets: bias[0])
    }

    private static func scoreSizes(
        _ checkpoint: Checkpoint, _ name: String, like known: ScoreHeadConfig
    ) throws(ImportError) -> ScoreHeadConfig {
        var head = known
        head.convolutions = []
        head.dense = []
        repeat {
            let shape = try checkpoint.shape(["\(name).conv_layers.\(3 * head.convolutions.count).weight"], axes: 4)
            head.convolutions.append(.init(channels: shape[0], kernel: shape[3]))
        } while checkpoint.tensors["\(name).conv_layers.\(3 * head.convolutions.count).weight"] != nil
        repeat {
            let shape = try checkpoint.shape(["\(name).linear_layers.\(2 * head.dense.count).weight"], axes: 2)
            head.dense.append(shape[0])
        } while checkpoint.tensors["\(name).linear_layers.\(2 * head.dense.count).weight"] != nil
        return head
    }

    private static func heatmapSizes(
        _ checkpoint: Checkpoint, _ name: String, like known: HeatmapHeadConfig
    ) throws(ImportError) -> HeatmapHeadConfig {
        var head = known
        head.convolutions = []
        head.deconvolutions = []
        repeat {
            let shape = try checkpoint.shape(["\(name).conv_layers.\(3 * head.convolutions.count).weight"], axes: 4)
            head.convolutions.append(shape[0])
        } while checkpoint.tensors["\(name).conv_layers.\(3 * head.convolutions.count).weight"] != nil
        repeat {
            let shape = try checkpoint.shape(["\(name).deconv_layers.\(head.deconvolutions.count).0.weight"], axes: 4)
            head.deconvolutions.append(shape[1])
        } while checkpoint.tensors["\(name).deconv_layers.\(head.deconvolutions.count).0.weight"] != nil
        head.readOut = [
            try checkpoint.shape(["\(name).last_conv1.weight"], axes: 4)[0],
            try checkpoint.shape(["\(name).last_conv2.weight"], axes: 4)[0],
        ]
        return head
    }
}
