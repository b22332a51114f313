public import RewardImage

/// One image and prompt to score, and what the caller wants to know.
public struct PredictionItem: Sendable {
    public var image: Image
    /// What the decoder did to the image; passed on into the prediction's notes.
    public var imageNotes: [Note]
    public var prompt: String
    public var outputs: Outputs
    /// Set to ask for the gradient with respect to the pixels.
    public var objective: Objective?

    public init(
        image: Image, imageNotes: [Note] = [], prompt: String, outputs: Outputs = .all, objective: Objective? = nil
    ) {
        self.image = image
        self.imageNotes = imageNotes
        self.prompt = prompt
        self.outputs = outputs
        self.objective = objective
    }
}

/// A weighted sum of scores and heatmap terms to differentiate.
public struct Objective: Sendable, Equatable {
    public var scoreWeights: [ScoreKind: Float]
    public var heatmapTerms: [HeatmapTerm]

    public init(scoreWeights: [ScoreKind: Float] = [:], heatmapTerms: [HeatmapTerm] = []) {
        self.scoreWeights = scoreWeights
        self.heatmapTerms = heatmapTerms
    }
}

/// One heatmap reduced to a number, inside an optional mask.
public struct HeatmapTerm: Sendable, Equatable {
    public var heatmap: HeatmapKind
    public var weight: Float
    public var reduction: Reduction
    /// Weights in [0, 1] of any size, resampled bilinearly to the heatmap's size. Nil means everywhere.
    public var mask: Heatmap?

    public enum Reduction: String, Sendable {
        /// The mask-weighted mean.
        case mean
        /// The mask-weighted sum over the heatmap's pixels.
        case mass
    }

    public init(heatmap: HeatmapKind, weight: Float, reduction: Reduction = .mean, mask: Heatmap? = nil) {
        self.heatmap = heatmap
        self.weight = weight
        self.reduction = reduction
        self.mask = mask
    }
}

/// What the model says about one item. Only what was asked for is present.
public struct Prediction: Sendable, Equatable {
    public var scores: Scores?
    /// Values in [0, 1], at the model's output size.
    public var heatmaps: [HeatmapKind: Heatmap]?
    public var words: WordPrediction?
    public var gradient: PixelGradient?
    public var notes: [Note]

    public init(
        scores: Scores? = nil, heatmaps: [HeatmapKind: Heatmap]? = nil, words: WordPrediction? = nil,
        gradient: PixelGradient? = nil, notes: [Note] = []
    ) {
        self.scores = scores
        self.heatmaps = heatmaps
        self.words = words
        self.gradient = gradient
        self.notes = notes
    }
}

/// The derivative of an objective with respect to the caller's pixels, at the caller's size.
public struct PixelGradient: Sendable, Equatable {
    public var width: Int
    public var height: Int
    /// The objective's value.
    public var objective: Float
    /// `[3, height, width]`, planes R, G, B; d objective / d pixel with pixels in [0, 1].
    public var values: [Float]
    /// Euclidean norm of `values`.
    public var norm: Float

    public init(width: Int, height: Int, objective: Float, values: [Float], norm: Float) {
        self.width = width
        self.height = height
        self.objective = objective
        self.values = values
        self.norm = norm
    }
}
