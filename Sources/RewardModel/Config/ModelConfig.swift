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

    public enum Variant: String, Codable, Sendable {
        /// One head per score and per heatmap; one encoder pass serves all.
        case multiHead = "multi_head"
        /// One head per kind; the task is named in the prompt, so the encoder runs once per task.
        case augmentedPrompt = "augmented_prompt"
    }

    public init(
        name: String, variant: Variant, trained: Bool, image: ImageConfig, vit: ViTConfig, t5: T5Config,
        text: TextConfig, scoreHead: ScoreHeadConfig, heatmapHead: HeatmapHeadConfig
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

    public init(
        hiddenSize: Int, numHiddenLayers: Int, numAttentionHeads: Int, intermediateSize: Int, patchSize: Int = 16,
        layerNormEps: Float = 1e-12
    ) {
        self.hiddenSize = hiddenSize
        self.numHiddenLayers = numHiddenLayers
        self.numAttentionHeads = numAttentionHeads
        self.intermediateSize = intermediateSize
        self.patchSize = patchSize
        self.layerNormEps = layerNormEps
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
        eosTokenId: Int32 = 1, decoderStartTokenId: Int32 = 0
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

/// Normalisation over the channels of a feature map.
public enum ChannelNorm: String, Codable, Sendable {
    /// Mean and variance, scale and shift.
    case layer
    /// Root mean square, scale only (the public port).
    case rms
}

/// Convolutions (norm, then ReLU), flattened channel-major, then dense layers (ReLU) down to one sigmoid.
public struct ScoreHeadConfig: Codable, Sendable, Equatable {
    public var convolutions: [Convolution]
    /// Output sizes of the dense layers. The last is 1.
    public var dense: [Int]
    public var norm: ChannelNorm
    public var normEps: Float

    /// A stride-1 convolution with `SAME` padding: `(kernel - 1) / 2` before, the rest after.
    public struct Convolution: Codable, Sendable, Equatable {
        public var channels: Int
        public var kernel: Int

        public init(channels: Int, kernel: Int) {
            self.channels = channels
            self.kernel = kernel
        }
    }

    public init(convolutions: [Convolution], dense: [Int], norm: ChannelNorm, normEps: Float) {
        self.convolutions = convolutions
        self.dense = dense
        self.norm = norm
        self.normEps = normEps
    }
}

/// 3×3 convolutions, stride-2 deconvolutions that each carry two read-out convolutions, and a two-layer read-out.
public struct HeatmapHeadConfig: Codable, Sendable, Equatable {
    /// Channels of the convolutions before the first deconvolution.
    public var convolutions: [Int]
    /// True: ReLU before the norm in those convolutions (the public port). False: norm, then ReLU.
    public var activationFirst: Bool
    /// Channels of the deconvolutions (3×3, stride 2, padding 1, output padding 1): each doubles the map's side.
    public var deconvolutions: [Int]
    /// True: `relu(x + norm(conv(relu(norm(conv x)))))`, the public port.
    /// False: the two read-out convolutions are each followed by norm and ReLU (the paper, section 9).
    public var residual: Bool
    /// Channels of the last two 3×3 convolutions (ReLU between them, sigmoid at the end). The last is 1.
    public var readOut: [Int]
    public var norm: ChannelNorm
    public var normEps: Float

    public init(
        convolutions: [Int], activationFirst: Bool, deconvolutions: [Int], residual: Bool, readOut: [Int],
        norm: ChannelNorm, normEps: Float
    ) {
        self.convolutions = convolutions
        self.activationFirst = activationFirst
        self.deconvolutions = deconvolutions
        self.residual = residual
        self.readOut = readOut
        self.norm = norm
        self.normEps = normEps
    }
}
