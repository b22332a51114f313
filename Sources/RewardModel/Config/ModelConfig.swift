/// Everything about a model that is not a weight: sizes, heads, preprocessing and task texts.
///
/// It is `config.json` in a model folder, beside `model.safetensors` and `spiece.model`. Keys are snake_case there.
/// Values under `vit` and `t5` carry the names Hugging Face uses for the same quantities.
public struct ModelConfig: Codable, Sendable, Equatable {
    /// Always `rahf`: tells our folders from other `config.json` files.
    public var format = "rahf"
    /// Version of this file's layout. The reader takes 1.
    public var formatVersion = 1
    /// A name for people, for example `rahf-richhf-vit-l-384`.
    public var name: String
    /// How tasks share heads (paper, section 4.2).
    public var variant: Variant
    /// False for seeded, never trained heads: every reply then says so.
    public var trained: Bool
    public var image: ImageConfig
    public var vit: ViTConfig
    public var t5: T5Config
    public var text: TextConfig
    public var scoreHead: ScoreHeadConfig
    public var heatmapHead: HeatmapHeadConfig
    /// How words are judged. Nil means the paper's T5 decoder, which writes the prompt with suffixes.
    public var wordHead: WordHeadConfig?
    /// A path of convolutions for some of the heads. Nil means that all read the T5 encoder's tokens, as in the paper.
    public var detail: DetailConfig?

    public enum Variant: String, Codable, Sendable {
        /// One head per score and per heatmap; one encoder pass serves all.
        case multiHead = "multi_head"
        /// One head per kind; the task is named in the prompt, so the encoder runs once per task.
        case augmentedPrompt = "augmented_prompt"
    }

    public init(
        name: String, variant: Variant, trained: Bool, image: ImageConfig, vit: ViTConfig, t5: T5Config,
        text: TextConfig, scoreHead: ScoreHeadConfig, heatmapHead: HeatmapHeadConfig, wordHead: WordHeadConfig? = nil,
        detail: DetailConfig? = nil
    ) {
        self.name = name
        self.variant = variant
        self.trained = trained
        self.image = image
        self.vit = vit
        self.t5 = t5
        self.text = text
        self.scoreHead = scoreHead
        self.heatmapHead = heatmapHead
        self.wordHead = wordHead
        self.detail = detail
    }
}

/// How pixels become the ViT's input: squashed to `size` × `size`, then `(x - mean) / std` with `x` in [0, 1].
public struct ImageConfig: Codable, Sendable, Equatable {
    /// Side of the square input, in pixels. A multiple of the patch size.
    public var size: Int
    /// Pillow's filter of that name, antialiased.
    public var resample: Resample
    public var mean: [Float]
    public var std: [Float]

    public enum Resample: String, Codable, Sendable {
        case bilinear, bicubic
    }

    public init(
        size: Int, resample: Resample = .bilinear, mean: [Float] = [0.5, 0.5, 0.5], std: [Float] = [0.5, 0.5, 0.5]
    ) {
        self.size = size
        self.resample = resample
        self.mean = mean
        self.std = std
    }
}

/// Shape of the image encoder (pre-norm ViT with a class token and learned positions).
public struct ViTConfig: Codable, Sendable, Equatable {
    public var hiddenSize: Int
    public var numHiddenLayers: Int
    public var numAttentionHeads: Int
    public var intermediateSize: Int
    public var patchSize: Int
    public var layerNormEps: Float
    /// Convolutions in place of the patch embedding. Nil means the plain patch embedding.
    public var stem: StemConfig?
    /// True: a fresh model's positions and the output projections of its blocks are zero, so that the untrained
    /// blocks pass their input through. Nil means false. Only `create` reads it.
    public var zeroInitResidual: Bool?

    public init(
        hiddenSize: Int, numHiddenLayers: Int, numAttentionHeads: Int, intermediateSize: Int, patchSize: Int = 16,
        layerNormEps: Float = 1e-12, stem: StemConfig? = nil, zeroInitResidual: Bool? = nil
    ) {
        self.hiddenSize = hiddenSize
        self.numHiddenLayers = numHiddenLayers
        self.numAttentionHeads = numAttentionHeads
        self.intermediateSize = intermediateSize
        self.patchSize = patchSize
        self.layerNormEps = layerNormEps
        self.stem = stem
        self.zeroInitResidual = zeroInitResidual
    }
}

/// Shape of the T5 encoder over image and text tokens, and of the decoder that writes the words.
public struct T5Config: Codable, Sendable, Equatable {
    public var vocabSize: Int
    public var dModel: Int
    /// Width of one attention head.
    public var dKv: Int
    public var dFf: Int
    public var numHeads: Int
    public var numLayers: Int
    public var numDecoderLayers: Int
    public var relativeAttentionNumBuckets: Int
    public var relativeAttentionMaxDistance: Int
    public var feedForwardProj: FeedForward
    /// True for T5 1.0: the output layer is the embedding table, its input scaled by `dModel^-0.5`.
    public var tieWordEmbeddings: Bool
    public var layerNormEpsilon: Float
    public var padTokenId: Int32
    public var eosTokenId: Int32
    public var decoderStartTokenId: Int32
    /// True: the output projections of a fresh model's blocks are zero. Nil means false. Only `create` reads it.
    public var zeroInitResidual: Bool?

    public enum FeedForward: String, Codable, Sendable {
        /// `wo(relu(wi x))`, T5 1.0.
        case relu
        /// `wo(gelu_tanh(wi_0 x) * wi_1 x)`, T5 1.1.
        case gatedGelu = "gated-gelu"
    }

    public init(
        vocabSize: Int, dModel: Int, dKv: Int, dFf: Int, numHeads: Int, numLayers: Int, numDecoderLayers: Int,
        feedForwardProj: FeedForward, tieWordEmbeddings: Bool, relativeAttentionNumBuckets: Int = 32,
        relativeAttentionMaxDistance: Int = 128, layerNormEpsilon: Float = 1e-6, padTokenId: Int32 = 0,
        eosTokenId: Int32 = 1, decoderStartTokenId: Int32 = 0, zeroInitResidual: Bool? = nil
    ) {
        self.vocabSize = vocabSize
        self.dModel = dModel
        self.dKv = dKv
        self.dFf = dFf
        self.numHeads = numHeads
        self.numLayers = numLayers
        self.numDecoderLayers = numDecoderLayers
        self.feedForwardProj = feedForwardProj
        self.tieWordEmbeddings = tieWordEmbeddings
        self.relativeAttentionNumBuckets = relativeAttentionNumBuckets
        self.relativeAttentionMaxDistance = relativeAttentionMaxDistance
        self.layerNormEpsilon = layerNormEpsilon
        self.padTokenId = padTokenId
        self.eosTokenId = eosTokenId
        self.decoderStartTokenId = decoderStartTokenId
        self.zeroInitResidual = zeroInitResidual
    }
}

/// How a prompt becomes tokens, and how far the decoder may write.
public struct TextConfig: Codable, Sendable, Equatable {
    /// Longest accepted prompt in tokens, task text and end-of-sequence included. Longer prompts are an error.
    public var maxTokens: Int
    /// Longest decoded text, in tokens (the paper: 64, the public port: 100).
    public var maxNewTokens: Int
    /// Text put before the prompt, per task name (augmented prompt only), e.g.
    /// `"plausibility": "<output> SCORE: plausibility </output> "`. Empty for multi-head models.
    public var taskPrefixes: [String: String]

    public init(maxTokens: Int = 512, maxNewTokens: Int = 64, taskPrefixes: [String: String] = [:]) {
        self.maxTokens = maxTokens
        self.maxNewTokens = maxNewTokens
        self.taskPrefixes = taskPrefixes
    }
}
