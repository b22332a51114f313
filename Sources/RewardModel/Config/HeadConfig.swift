/// Normalisation over the channels of a feature map.
public enum ChannelNorm: String, Codable, Sendable {
    /// Mean and variance, scale and shift.
    case layer
    /// Root mean square, scale only (the public port).
    case rms
    /// None, and no weights: the strength of a response stays what it is.
    case none
}

/// Convolutions (norm, then ReLU), pooled or flattened channel-major, then dense layers (ReLU) down to one sigmoid.
public struct ScoreHeadConfig: Codable, Sendable, Equatable {
    public var convolutions: [Convolution]
    /// Output sizes of the dense layers. The last is 1.
    public var dense: [Int]
    public var norm: ChannelNorm
    public var normEps: Float
    /// Statistics of each channel over the map, one after another, in place of flattening. Nil means flattening.
    public var pooling: [Pooling]?
    /// Statistics of the heatmaps' logits joined to the pooled channels. Nil means none: scores then never compute a
    /// heatmap. Needs `pooling`.
    public var heatmapStatistics: HeatmapStatistics?

    public enum Pooling: String, Codable, Sendable {
        case mean, max
    }

    /// Of the map before its sigmoid: all of both heatmaps in a multi-head model; in an augmented-prompt model, of what
    /// its one heatmap head says about the score's own feature map.
    public struct HeatmapStatistics: Codable, Sendable, Equatable {
        /// In this order, for each heatmap in turn.
        public var statistics: [Statistic]
        /// Share of the pixels that `topMean` takes: `topFraction * pixels`, rounded (halves up), at least one.
        public var topFraction: Float

        public enum Statistic: String, Codable, Sendable {
            case mean
            /// The mean of the largest values.
            case topMean = "top_mean"
        }

        public init(statistics: [Statistic], topFraction: Float = 0.02) {
            self.statistics = statistics
            self.topFraction = topFraction
        }

        /// How many of `pixels` values `topMean` takes.
        public func topCount(of pixels: Int) -> Int {
            min(max(Int((Double(topFraction) * Double(pixels)).rounded()), 1), pixels)
        }
    }

    /// A stride-1 convolution with `SAME` padding: `(kernel - 1) / 2` before, the rest after.
    public struct Convolution: Codable, Sendable, Equatable {
        public var channels: Int
        public var kernel: Int

        public init(channels: Int, kernel: Int) {
            self.channels = channels
            self.kernel = kernel
        }
    }

    public init(
        convolutions: [Convolution], dense: [Int], norm: ChannelNorm, normEps: Float, pooling: [Pooling]? = nil,
        heatmapStatistics: HeatmapStatistics? = nil
    ) {
        self.convolutions = convolutions
        self.dense = dense
        self.norm = norm
        self.normEps = normEps
        self.pooling = pooling
        self.heatmapStatistics = heatmapStatistics
    }
}

extension ModelConfig {
    /// The heatmaps whose logits a score's head reads: those of its own path, all of them outside the detail path, or the
    /// one head of an augmented-prompt model.
    package func statisticsHeatmaps(for score: ScoreKind) -> [HeatmapKind] {
        guard scoreHead.heatmapStatistics != nil else { return [] }
        if variant == .augmentedPrompt { return [.implausibility] }
        if let detail, detail.scores.contains(score) {
            return HeatmapKind.allCases.filter(detail.heatmaps.contains)
        }
        return HeatmapKind.allCases
    }
}

/// 3×3 convolutions, stride-2 deconvolutions that each carry two read-out convolutions (or none), and a read-out.
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
    /// False leaves the two read-out convolutions after each deconvolution out. Nil means true, as in the paper.
    public var deconvolutionReadOuts: Bool?
    /// Channels of the last 3×3 convolutions (ReLU between them, sigmoid at the end), two in the paper. The last is 1.
    public var readOut: [Int]
    public var norm: ChannelNorm
    public var normEps: Float

    public init(
        convolutions: [Int], activationFirst: Bool, deconvolutions: [Int], residual: Bool,
        deconvolutionReadOuts: Bool? = nil, readOut: [Int], norm: ChannelNorm, normEps: Float
    ) {
        self.convolutions = convolutions
        self.activationFirst = activationFirst
        self.deconvolutions = deconvolutions
        self.residual = residual
        self.deconvolutionReadOuts = deconvolutionReadOuts
        self.readOut = readOut
        self.norm = norm
        self.normEps = normEps
    }

    /// Read-out convolutions after each deconvolution.
    var readOutsEach: Int { deconvolutionReadOuts == false ? 0 : 2 }
}

/// A judgement of every text token in place of the paper's decoder.
///
/// Dense layers (ReLU between) over the T5 encoder's text states give one logit per token. A word is misaligned when
/// the largest logit among its tokens is above 0 (its sigmoid above 0.5); which tokens those are, `Tokenizer` says. A
/// word that the vocabulary gives no token is not misaligned.
public struct WordHeadConfig: Codable, Sendable, Equatable {
    public var kind: Kind
    /// Output sizes of the dense layers. The last is 1.
    public var dense: [Int]

    public enum Kind: String, Codable, Sendable {
        case tagger
    }

    public init(kind: Kind = .tagger, dense: [Int] = [1]) {
        self.kind = kind
        self.dense = dense
    }

    /// Without `dense`, one linear layer.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        kind = try values.decode(Kind.self, forKey: .kind)
        dense = try values.decodeIfPresent([Int].self, forKey: .dense) ?? [1]
    }
}
