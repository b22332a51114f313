/// What decides which candidates of a prompt are kept.
///
/// The defaults are the paper's rule ("Finetuning generative models with predicted scores"): of a prompt's candidates
/// the highest-scoring is kept if its score is above a fixed threshold.
public struct SelectionRule: Sendable, Equatable {
    /// What candidates are ranked by. The default is plausibility.
    public var formula = ScoreFormula(weights: [1, 0, 0, 0])
    /// A kept candidate's rank value is above this, not equal to it. The default is 0.8, the paper's.
    public var threshold: Double? = 0.8
    /// A kept candidate's scores are at least these; minus infinity asks nothing.
    public var minimums = ScoreVector(repeating: -.infinity)
    /// Most candidates kept of one prompt. The default is 1.
    public var best = 1
    /// Least distance of a kept candidate's rank value from the mean over its prompt's scored candidates.
    public var minimumMargin: Double?
    /// Drop candidates that show what a better one of the same prompt shows.
    public var deduplicates = false
    /// Of everything kept in the end, keep only this share, the highest values; rounded up.
    public var topFraction: Double?
    /// Choose a loser for each prompt's winner.
    public var pairing: Pairing?
    /// Choose as many candidates of each prompt at random as were kept of it.
    public var choosesRandomControl = false

    /// Who loses to a prompt's winner.
    public enum Pairing: String, Sendable, CaseIterable {
        /// The lowest-scoring candidate.
        case bestWorst = "best-worst"
        /// The highest-scoring one below the winner.
        case bestSecond = "best-second"
    }

    public init() {}

    /// True when `scores` has every score this rule looks at.
    public func canJudge(_ scores: ScoreVector) -> Bool {
        (0..<4).allSatisfy { (formula.weights[$0] == 0 && minimums[$0] == -.infinity) || !scores[$0].isNaN }
    }
}

/// Why a candidate is not kept. Raw values are the names in `selection.json`.
public enum DropReason: String, Sendable, CaseIterable {
    /// There is no such file.
    case missingImage = "missing_image"
    /// The file cannot be decoded.
    case brokenImage = "broken_image"
    /// The model refused it: its prompt cannot be read, or a number was not finite.
    case unscorable
    case belowThreshold = "below_threshold"
    /// One of its scores is under its minimum.
    case belowMinimum = "below_minimum"
    case belowMargin = "below_margin"
    /// It shows what a better candidate of the prompt shows.
    case duplicate
    /// Good enough, but others of its prompt are better.
    case outranked
    case belowTopFraction = "below_top_fraction"

    /// Its place in `allCases`.
    public var place: Int {
        switch self {
        case .missingImage: 0
        case .brokenImage: 1
        case .unscorable: 2
        case .belowThreshold: 3
        case .belowMinimum: 4
        case .belowMargin: 5
        case .duplicate: 6
        case .outranked: 7
        case .belowTopFraction: 8
        }
    }
}
