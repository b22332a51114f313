public import RewardModel

/// The paper's statistics of annotated images (section 3.4): how the scores lie, and how far annotators differ.
public struct AnnotationStatistics: Sendable, Equatable {
    /// Bins of the mean score: twelfths, which is where the means of three Likert scores lie.
    public static let scoreBins = 13
    /// Bins of the largest difference between two annotators of an image: 0, 1, 2, 3, 4 Likert steps.
    public static let differenceBins = 5

    /// Images with at least one annotator who did not skip.
    public private(set) var images = 0
    /// Images with at least two: what differences are taken from.
    public private(set) var imagesCompared = 0
    public private(set) var annotations = 0
    public private(set) var skippedAnnotations = 0
    public private(set) var words = 0
    /// Words that the majority marked.
    public private(set) var misalignedWords = 0
    /// Of the words of compared images that someone marked: how many there are, and how many everyone marked.
    public private(set) var wordsMarkedByAny = 0
    public private(set) var wordsMarkedByAll = 0
    private var means: [ScoreKind: [Int]] = [:]
    private var differences: [ScoreKind: [Int]] = [:]
    private var emptyMaps: [HeatmapKind: Int] = [:]

    public init() {}

    /// Adds an image that `Consolidation` took, and what it made of it.
    public mutating func add(_ image: AnnotatedImage, _ record: FeedbackRecord) {
        let kept = image.annotations.filter { !$0.skipped }
        images += 1
        annotations += kept.count
        skippedAnnotations += image.annotations.count - kept.count
        words += record.misaligned.count
        misalignedWords += record.misaligned.count { $0 }
        for kind in ScoreKind.allCases {
            let bin = Int((record.scores[kind] * Float(Self.scoreBins - 1)).rounded())
            means[kind, default: .init(repeating: 0, count: Self.scoreBins)][bin] += 1
        }
        if kept.allSatisfy(\.implausible.isEmpty) { emptyMaps[.implausibility, default: 0] += 1 }
        if kept.allSatisfy(\.misaligned.isEmpty) { emptyMaps[.misalignment, default: 0] += 1 }
        guard kept.count >= 2 else { return }
        imagesCompared += 1
        for kind in ScoreKind.allCases {
            let scores = kept.map { $0[kind] }
            let difference = (scores.max() ?? 0) - (scores.min() ?? 0)
            differences[kind, default: .init(repeating: 0, count: Self.differenceBins)][difference] += 1
        }
        for word in record.misaligned.indices {
            let marks = kept.count { $0.words.contains(word) }
            if marks > 0 { wordsMarkedByAny += 1 }
            if marks == kept.count { wordsMarkedByAll += 1 }
        }
    }

    /// Images by mean score, in twelfths from 0 to 1.
    public func scores(_ kind: ScoreKind) -> [Int] {
        means[kind] ?? .init(repeating: 0, count: Self.scoreBins)
    }

    /// Compared images by the largest difference, in quarters from 0 to 1.
    public func differences(_ kind: ScoreKind) -> [Int] {
        differences[kind] ?? .init(repeating: 0, count: Self.differenceBins)
    }

    /// The share of compared images whose largest difference is at most so many Likert steps. The paper calls 0 perfect
    /// agreement and 1 good agreement. Nil when no image had two annotators.
    public func agreement(_ kind: ScoreKind, within steps: Int) -> Double? {
        imagesCompared == 0 ? nil : Double(differences(kind).prefix(steps + 1).reduce(0, +)) / Double(imagesCompared)
    }

    /// Images on which no annotator marked a point.
    public func imagesWithEmptyMap(_ kind: HeatmapKind) -> Int {
        emptyMaps[kind] ?? 0
    }
}

extension Annotation {
    /// A Likert score.
    public subscript(kind: ScoreKind) -> Int {
        switch kind {
        case .plausibility: plausibility
        case .alignment: alignment
        case .aesthetics: aesthetics
        case .overall: overall
        }
    }
}
