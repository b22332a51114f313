package import RewardImage
package import RewardModel

/// A repaint of an image.
package struct Candidate: Sendable {
    package var path: String
    package var seed: Int?
    /// Nil when there is no picture to score.
    package var image: Image?
    /// Why there is none.
    package var problem: String?

    package init(path: String, seed: Int? = nil, image: Image? = nil, problem: String? = nil) {
        self.path = path
        self.seed = seed
        self.image = image
        self.problem = problem
    }
}

/// What a repaint must keep, and by how much it may miss.
package struct RerankOptions: Sendable, Equatable {
    /// How far alignment may fall below the original's. Default 0.05, a fifth of a step of the paper's five-point scale.
    package var alignmentTolerance: Float = 0.05
    /// A pixel outside the mask has changed when a channel differs by more levels of 255 than this. Default 8, which a
    /// good JPEG stays within and a repaint does not.
    package var outsideTolerance = 8
    /// Share of the pixels outside the mask that may have changed, 0 to 1. Default 0.001.
    package var outsideShare: Float = 0.001

    package init() {}
}

/// Figures of one picture that the rule looks at.
package struct Assessment: Sendable, Equatable {
    package var scores: Scores
    /// The mean of the implausibility heatmap, weighted by the mask.
    package var maskedImplausibility: Float
    /// Share of the pixels outside the mask that differ from the original's; 0 when the mask covers all.
    package var outsideChanged: Float

    package init(scores: Scores, maskedImplausibility: Float, outsideChanged: Float) {
        self.scores = scores
        self.maskedImplausibility = maskedImplausibility
        self.outsideChanged = outsideChanged
    }
}

/// Why a scored repaint cannot win.
package enum Objection: String, Sendable {
    case notMorePlausible = "plausibility_not_higher"
    case lessAligned = "alignment_lower"
    case notRepaired = "masked_implausibility_not_lower"
    case outsideChanged = "outside_changed"
}

/// One original and its repaints, best first.
package struct Ranking: Sendable {
    package struct Entry: Sendable {
        package var candidate: Candidate
        /// Nil when the candidate could not be scored; `candidate.problem` says why.
        package var assessment: Assessment?
        package var objections: [Objection]
        /// The implausibility heatmap at the model's size.
        package var heatmap: Heatmap?

        package var isEligible: Bool { assessment != nil && objections.isEmpty }
    }

    package var original: Assessment
    package var originalHeatmap: Heatmap?
    /// Eligible ones by plausibility, then those with objections by plausibility, then those without a score.
    package var entries: [Entry]
    package var notes: [Note]

    /// The repaint that replaces the original; nil when the original wins.
    package var winner: Entry? { entries.first.flatMap { $0.isEligible ? $0 : nil } }
}

/// The paper's rule (section 5): of several repaints, the one with the highest predicted plausibility wins; here only if
/// it beats the original and breaks nothing.
package struct Reranker {
    package var scorer: any Scorer
    package var options: RerankOptions

    package init(scorer: any Scorer, options: RerankOptions = RerankOptions()) {
        self.scorer = scorer
        self.options = options
    }

    /// Scores the original and the candidates and orders them.
    ///
    /// - Parameter mask: of the original's size; above 0 is repainted.
    /// - Throws: `Failure` when the original cannot be scored or the mask does not fit it. A candidate that cannot be
    ///   scored is an entry with a problem.
    package func rank(
        original: Image, notes: [Note] = [], mask: Mask, prompt: String, candidates: [Candidate]
    ) throws(Failure) -> Ranking {
        guard mask.width == original.width, mask.height == original.height else {
            throw Failure(
                .invalidRequest,
                "the mask is \(mask.width)×\(mask.height); the image is \(original.width)×\(original.height)")
        }
        guard !mask.isEmpty else { throw Failure(.invalidRequest, "the mask is empty: nothing was to be repainted") }
        var candidates = candidates
        for index in candidates.indices {
            guard let image = candidates[index].image else { continue }
            if image.width != original.width || image.height != original.height {
                candidates[index].image = nil
                candidates[index].problem =
                    "it is \(image.width)×\(image.height); the original is \(original.width)×\(original.height)"
            }
        }
        let usable = candidates.indices.filter { candidates[$0].image != nil }
        let items =
            [PredictionItem(image: original, imageNotes: notes, prompt: prompt, outputs: [.scores, .heatmaps])]
            + usable.compactMap { candidates[$0].image }.map {
                PredictionItem(image: $0, prompt: prompt, outputs: [.scores, .heatmaps])
            }
        let results = scorer.predict(items)
        guard results.count == items.count else { throw Failure(.internalError, "an answer is missing") }
        let first = try results[0].get()
        let heatmap = first.heatmaps?[.implausibility]
        let reference = try assess(first, original, original, mask)
        var entries = candidates.map { Ranking.Entry(candidate: $0, assessment: nil, objections: []) }
        for (index, result) in zip(usable, results.dropFirst()) {
            do throws(Failure) {
                guard let image = candidates[index].image else { continue }
                let prediction = try result.get()
                let assessment = try assess(prediction, image, original, mask)
                entries[index].heatmap = prediction.heatmaps?[.implausibility]
                entries[index].assessment = assessment
                entries[index].objections = objections(to: assessment, against: reference)
            } catch { entries[index].candidate.problem = error.description }
        }
        return Ranking(
            original: reference, originalHeatmap: heatmap, entries: Self.ordered(entries), notes: first.notes)
    }

    /// What speaks against a repaint.
    package func objections(to candidate: Assessment, against original: Assessment) -> [Objection] {
        var found: [Objection] = []
        if candidate.scores.plausibility <= original.scores.plausibility { found.append(.notMorePlausible) }
        if candidate.scores.alignment < original.scores.alignment - options.alignmentTolerance {
            found.append(.lessAligned)
        }
        if candidate.maskedImplausibility >= original.maskedImplausibility { found.append(.notRepaired) }
        if candidate.outsideChanged > options.outsideShare { found.append(.outsideChanged) }
        return found
    }

    /// Ties go to the higher overall score, then to the lower implausibility, then to the earlier candidate.
    package static func ordered(_ entries: [Ranking.Entry]) -> [Ranking.Entry] {
        func key(_ entry: Ranking.Entry) -> (Int, Float, Float, Float) {
            guard let assessment = entry.assessment else { return (2, 0, 0, 0) }
            return (
                entry.isEligible ? 0 : 1, -assessment.scores.plausibility, -assessment.scores.overall,
                assessment.maskedImplausibility
            )
        }
        return entries.enumerated().sorted { a, b in
            let (left, right) = (key(a.element), key(b.element))
            return left == right ? a.offset < b.offset : left < right
        }.map(\.element)
    }

    private func assess(
        _ prediction: Prediction, _ image: Image, _ original: Image, _ mask: Mask
    ) throws(Failure) -> Assessment {
        guard let scores = prediction.scores, let map = prediction.heatmaps?[.implausibility] else {
            throw Failure(.internalError, "a score or heatmap is missing")
        }
        let heat =
            map.width == mask.width && map.height == mask.height
            ? map
            : Resampler(
                fromWidth: map.width, fromHeight: map.height, toWidth: mask.width, toHeight: mask.height,
                filter: .bilinear
            ).apply(map)
        var (sum, weight, changed, outside) = (0.0, 0.0, 0, 0)
        let (before, after) = (original.octets, image.octets)
        for pixel in mask.values.indices {
            let share = Double(mask.values[pixel])
            if share > 0 {
                weight += share
                sum += share * Double(heat.values[pixel])
                continue
            }
            outside += 1
            let start = pixel * 3
            var difference = 0
            for sample in start..<start + 3 {
                difference = max(difference, abs(Int(before[sample]) - Int(after[sample])))
            }
            if difference > options.outsideTolerance { changed += 1 }
        }
        return Assessment(
            scores: scores, maskedImplausibility: Float(sum / weight),
            outsideChanged: outside == 0 ? 0 : Float(changed) / Float(outside))
    }
}
