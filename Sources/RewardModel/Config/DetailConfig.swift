/// A path of convolutions for judgements that need the picture's detail and nothing of its prompt.
///
/// Beside the ViT, a stem of its own reads the pixels; the heads named here read that stem's map in place of the T5
/// encoder's image tokens. Damage is a matter of a few pixels and their neighbours: it is learned from crops, fast, and what
/// words and layout ask of the transformers cannot undo it. Multi-head models only.
public struct DetailConfig: Codable, Sendable, Equatable {
    /// Ends in T5's width, which is the heads' input.
    public var stem: StemConfig
    /// Scores whose heads read this path.
    public var scores: [ScoreKind]
    /// Heatmaps whose heads read this path.
    public var heatmaps: [HeatmapKind]

    public init(stem: StemConfig, scores: [ScoreKind], heatmaps: [HeatmapKind]) {
        self.stem = stem
        self.scores = scores
        self.heatmaps = heatmaps
    }
}
