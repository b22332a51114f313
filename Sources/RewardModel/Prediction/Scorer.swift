/// Something that answers items: the predictor, or a fake in the service's tests.
public protocol Scorer: Sendable {
    var info: ModelInfo { get }

    /// Answers items in order, each on its own: one item's failure never touches another.
    ///
    /// Results do not depend on which items share the call, nor on their order.
    func predict(_ items: [PredictionItem]) -> [Result<Prediction, Failure>]
}

/// Who made a result.
public struct ModelInfo: Sendable, Equatable {
    public var name: String
    /// `sha256:` and 64 hex digits over configuration, vocabulary and weights; then, when it does not compute in float32,
    /// `+bfloat16` or `+int8`, since its results are others.
    public var digest: String
    public var config: ModelConfig
    /// Number of weights.
    public var parameterCount: Int
    /// Side of the square heatmaps, in pixels.
    public var heatmapSize: Int

    public init(name: String, digest: String, config: ModelConfig, parameterCount: Int, heatmapSize: Int) {
        self.name = name
        self.digest = digest
        self.config = config
        self.parameterCount = parameterCount
        self.heatmapSize = heatmapSize
    }
}
