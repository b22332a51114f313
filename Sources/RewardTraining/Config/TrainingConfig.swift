public import RewardModel

/// What `rahf train` does, start to end: stages that follow each other on one set of weights.
///
/// In JSON the keys are snake_case; what is left out takes the default.
public struct TrainingConfig: Codable, Sendable, Equatable {
    /// Orders, crops and augmentations follow from it. The default is 1.
    public var seed: UInt64
    public var optimizer: OptimizerConfig
    public var stages: [StageConfig]
    /// Steps between checkpoints. The default is 500.
    public var checkpointEvery: Int
    /// Steps between looks at the validation data. The default is 1,000.
    public var validateEvery: Int
    /// Most records of the validation data to look at. The default is 256.
    public var validationItems: Int
    /// The model's name, in `config.json` of what is exported. The default is the start's, without `-untrained`.
    public var name: String?

    public init(
        seed: UInt64 = 1, optimizer: OptimizerConfig = .init(), stages: [StageConfig], checkpointEvery: Int = 500,
        validateEvery: Int = 1000, validationItems: Int = 256, name: String? = nil
    ) {
        self.seed = seed
        self.optimizer = optimizer
        self.stages = stages
        self.checkpointEvery = checkpointEvery
        self.validateEvery = validateEvery
        self.validationItems = validationItems
        self.name = name
    }

    var totalSteps: Int { stages.map(\.steps).reduce(0, +) }
}

/// AdamW (Loshchilov and Hutter 2019), as PyTorch computes it.
public struct OptimizerConfig: Codable, Sendable, Equatable {
    /// Decay of the mean of gradients. The default is 0.9.
    public var beta1: Double
    /// Decay of the mean of squared gradients. The default is 0.999.
    public var beta2: Double
    /// Added to the root. The default is 1e-8.
    public var epsilon: Double
    /// Times the learning rate, what each weight loses a step. The default is 0.01.
    public var weightDecay: Double
    /// Gradients whose common norm is larger are scaled down to it; 0 leaves them. The default is 1.
    public var clipNorm: Double
    /// Decay of the moving average of the weights, which is what is exported; 0 exports the weights. The default is
    /// 0.995. Early on it is at most (1 + step) / (10 + step).
    public var averageDecay: Double

    public init(
        beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01,
        clipNorm: Double = 1, averageDecay: Double = 0.995
    ) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.clipNorm = clipNorm
        self.averageDecay = averageDecay
    }
}

/// Steps of one kind.
public struct StageConfig: Codable, Sendable, Equatable {
    public var name: String
    public var steps: Int
    /// Side of square crops around damage, in pixels of the model's input, cut alike from a clean copy and a damaged
    /// one. Nil trains on whole images. A multiple of the patch size.
    public var crop: Int?
    /// True leaves both transformers out (`NetworkBuilder.bypassedFeatureMap`). Crops need it.
    public var bypassTransformers: Bool
    /// Clean and damaged copies of one picture in a step: two items each.
    public var pairs: Int
    /// Further items in a step, of all records.
    public var singles: Int
    /// Passes whose gradients are averaged before a step. The default is 1.
    public var accumulate: Int
    /// Pairs of crops in one more pass of every step, with the transformers left out, so that a stage of whole images
    /// keeps what an earlier stage of crops learned. 0, the default, leaves it out.
    public var rehearsalPairs: Int
    /// Side of those crops. The default is 64.
    public var rehearsalCrop: Int
    /// Weight of that pass's loss beside the others'. The default is 1.
    public var rehearsalWeight: Double
    public var learningRate: Double
    public var schedule: Schedule
    public var warmUp: Int
    /// Cosine: the last step's share of the peak. The default is 0.
    public var finalFactor: Double
    public var losses: LossConfig
    public var scores: [ScoreKind]
    public var heatmaps: [HeatmapKind]
    /// Patterns (`NamePattern`) of weights that keep their values.
    public var freeze: [String]
    /// Factors of the learning rate by pattern; the last that matches counts.
    public var learningRateFactors: [RateFactor]
    public var augmentation: AugmentationConfig
    /// Pairs whose damage changes less than this share of the masked pixels are passed over in crops. The default is
    /// 0.1.
    public var visibleShare: Float
    /// True computes convolutions plainly, without Winograd's transform, whose rounding is larger: slower, for comparing
    /// a step with another implementation's. The default is false.
    public var exactConvolutions: Bool

    public struct RateFactor: Codable, Sendable, Equatable {
        public var pattern: String
        public var factor: Double

        public init(pattern: String, factor: Double) {
            self.pattern = pattern
            self.factor = factor
        }
    }

    public init(
        name: String, steps: Int, crop: Int? = nil, bypassTransformers: Bool = false, pairs: Int = 0, singles: Int = 8,
        accumulate: Int = 1, rehearsalPairs: Int = 0, rehearsalCrop: Int = 64, rehearsalWeight: Double = 1,
        learningRate: Double = 1e-4, schedule: Schedule = .reciprocalSquareRoot,
        warmUp: Int = 100, finalFactor: Double = 0, losses: LossConfig = .init(),
        scores: [ScoreKind] = ScoreKind.allCases, heatmaps: [HeatmapKind] = HeatmapKind.allCases,
        freeze: [String] = [], learningRateFactors: [RateFactor] = [], augmentation: AugmentationConfig = .init(),
        visibleShare: Float = 0.1, exactConvolutions: Bool = false
    ) {
        self.name = name
        self.steps = steps
        self.crop = crop
        self.bypassTransformers = bypassTransformers
        self.pairs = pairs
        self.singles = singles
        self.accumulate = accumulate
        self.rehearsalPairs = rehearsalPairs
        self.rehearsalCrop = rehearsalCrop
        self.rehearsalWeight = rehearsalWeight
        self.learningRate = learningRate
        self.schedule = schedule
        self.warmUp = warmUp
        self.finalFactor = finalFactor
        self.losses = losses
        self.scores = scores
        self.heatmaps = heatmaps
        self.freeze = freeze
        self.learningRateFactors = learningRateFactors
        self.augmentation = augmentation
        self.visibleShare = visibleShare
        self.exactConvolutions = exactConvolutions
    }

    /// Items of one pass.
    package var items: Int { 2 * pairs + singles }

    /// Passes of one step.
    package var passes: Int { accumulate + (rehearsalPairs > 0 ? 1 : 0) }

    /// The stage that a step's last pass belongs to; nil without one.
    package var rehearsal: StageConfig? {
        guard rehearsalPairs > 0 else { return nil }
        var stage = self
        (stage.crop, stage.bypassTransformers) = (rehearsalCrop, true)
        (stage.pairs, stage.singles, stage.accumulate, stage.rehearsalPairs) = (rehearsalPairs, 0, 1, 0)
        (stage.scores, stage.heatmaps, stage.losses.words) = ([.plausibility], [.implausibility], 0)
        return stage
    }
}

/// Weights of the loss's parts; a part of weight 0 is not computed. The defaults are the paper's parts alone.
public struct LossConfig: Codable, Sendable, Equatable {
    /// Mean squared error of scores. The default is 1.
    public var score: Double
    /// `max(0, margin - (clean - damaged))` of plausibility, over the pairs. The default is 0.
    public var hinge: Double
    public var margin: Double
    /// Mean squared error of heatmaps. The default is 1.
    public var heatmap: Double
    /// Binary cross-entropy of heatmaps' logits, marked pixels counted `positiveWeight` times. The default is 0.
    public var heatmapEntropy: Double
    public var positiveWeight: Double
    /// `1 - (2 Σpt + 1) / (Σp + Σt + 1)` of maps with anything marked. The default is 0.
    public var dice: Double
    /// Words: cross-entropy of the decoder's next token, or of the tagger's logits. The default is 1.
    public var words: Double
    /// How often a misaligned word counts in the tagger's cross-entropy. The default is 1.
    public var wordPositiveWeight: Double

    public init(
        score: Double = 1, hinge: Double = 0, margin: Double = 0.3, heatmap: Double = 1, heatmapEntropy: Double = 0,
        positiveWeight: Double = 3, dice: Double = 0, words: Double = 1, wordPositiveWeight: Double = 1
    ) {
        self.score = score
        self.hinge = hinge
        self.margin = margin
        self.heatmap = heatmap
        self.heatmapEntropy = heatmapEntropy
        self.positiveWeight = positiveWeight
        self.dice = dice
        self.words = words
        self.wordPositiveWeight = wordPositiveWeight
    }
}

/// The paper's augmentations (section 9), each with its probability; copies of one picture are treated alike.
public struct AugmentationConfig: Codable, Sendable, Equatable {
    /// A crop of 80 to 100% of either side, heatmaps cut alike; whole images only. The paper: 0.5.
    public var crop: Double
    /// Brightness ±0.05, contrast 0.8 to 1, hue ±0.025, saturation 0.8 to 1, then JPEG at 70 to 100. The paper: 0.1.
    public var jitter: Double
    /// Greyscale. The paper: 0.1.
    public var grey: Double
    /// Left and right exchanged: not the paper's, and wrong for prompts that say left or right. The default is 0.
    public var flip: Double
    /// Rows and columns exchanged, in crops around damage alone; with `flip`, quarter turns. The default is 0.
    public var turn: Double
    /// Crops around damage turned by any angle and scaled, 0.6 to 1.3 pixels of the picture for one of the crop. The default
    /// is 0.
    public var warp: Double

    public init(
        crop: Double = 0.5, jitter: Double = 0.1, grey: Double = 0.1, flip: Double = 0, turn: Double = 0,
        warp: Double = 0
    ) {
        self.crop = crop
        self.jitter = jitter
        self.grey = grey
        self.flip = flip
        self.turn = turn
        self.warp = warp
    }
}
