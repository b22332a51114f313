public import RewardImage
import RewardModel

/// Several annotators' feedback on an image made into one record, as the paper's section 3.2 does it.
public enum Consolidation {
    /// A marked point covers a disk whose radius is the image's height over this (section 3.1).
    public static let heightsPerRadius = 20.0
    /// The scale of the scores.
    public static let likert = 1...5

    /// Scores are averaged and standardised to (s − 1) / 4; a word is misaligned when more than half of the annotators
    /// marked it (a tie counts as aligned, the label most words have); an annotator's map is the union of the disks
    /// around their points, and the record's map the mean over annotators, at the image's size. Annotators who skipped
    /// the image are left out.
    ///
    /// - Throws: `invalidAnnotation`, `invalidPrompt`, or `skippedByAll` when no annotator is left.
    public static func consolidate(_ image: AnnotatedImage) throws(FeedbackDataError.Reason) -> FeedbackRecord {
        let wordCount = try check(image)
        let annotations = image.annotations.filter { !$0.skipped }
        guard !annotations.isEmpty else { throw .skippedByAll }

        var marks = [Int](repeating: 0, count: wordCount)
        for annotation in annotations {
            for word in Set(annotation.words) { marks[word] += 1 }
        }
        func mean(_ points: KeyPath<Annotation, [Point]>) -> Heatmap {
            var total = [Float](repeating: 0, count: image.width * image.height)
            for annotation in annotations where !annotation[keyPath: points].isEmpty {
                let map = disks(annotation[keyPath: points], width: image.width, height: image.height)
                for index in total.indices { total[index] += map.values[index] }
            }
            let scale = 1 / Float(annotations.count)
            return Heatmap(width: image.width, height: image.height, values: total.map { $0 * scale })
        }
        return FeedbackRecord(
            filename: image.filename, prompt: image.prompt, group: image.group,
            scores: Scores(
                plausibility: standardised(annotations.map(\.plausibility)),
                alignment: standardised(annotations.map(\.alignment)),
                aesthetics: standardised(annotations.map(\.aesthetics)),
                overall: standardised(annotations.map(\.overall))),
            implausibility: mean(\.implausible), misalignment: mean(\.misaligned),
            misaligned: marks.map { 2 * $0 > annotations.count })
    }

    /// Each annotator beside all the others: what one of them says, and the others' consolidated feedback. How well the
    /// one predicts the rest is what a model can be measured against.
    ///
    /// - Returns: a pair for each annotator who did not skip; none when fewer than two are left.
    /// - Throws: as `consolidate`.
    public static func leaveOneOut(
        _ image: AnnotatedImage
    ) throws(FeedbackDataError.Reason) -> [(one: FeedbackRecord, others: FeedbackRecord)] {
        let annotations = image.annotations.filter { !$0.skipped }
        guard annotations.count >= 2 else { return [] }
        var pairs: [(one: FeedbackRecord, others: FeedbackRecord)] = []
        for index in annotations.indices {
            var (one, others) = (image, image)
            one.annotations = [annotations[index]]
            others.annotations = annotations
            others.annotations.remove(at: index)
            pairs.append((try consolidate(one), try consolidate(others)))
        }
        return pairs
    }

    /// The mean of Likert scores in [0, 1]: (s − 1) / 4.
    public static func standardised(_ scores: [Int]) -> Float {
        let span = likert.upperBound - likert.lowerBound
        let sum = scores.reduce(0) { $0 + $1 - likert.lowerBound }
        return Float(sum) / Float(span * scores.count)
    }

    /// One annotator's map: 1 at every pixel whose centre is within height / 20 of a point, else 0.
    public static func disks(_ points: [Point], width: Int, height: Int) -> Heatmap {
        var map = Heatmap(width: width, height: height, values: [Float](repeating: 0, count: width * height))
        let radius = Double(height) / heightsPerRadius
        for point in points {
            let top = max(Int((point.y - radius - 0.5).rounded(.up)), 0)
            let bottom = min(Int((point.y + radius - 0.5).rounded(.down)), height - 1)
            // A disk smaller than a pixel may cover no centre.
            guard top <= bottom else { continue }
            for row in top...bottom {
                let rise = Double(row) + 0.5 - point.y
                let reach = radius * radius - rise * rise
                guard reach >= 0 else { continue }
                let half = reach.squareRoot()
                let first = max(Int((point.x - half - 0.5).rounded(.up)), 0)
                let last = min(Int((point.x + half - 0.5).rounded(.down)), width - 1)
                if first <= last { for column in first...last { map.values[row * width + column] = 1 } }
            }
        }
        return map
    }

    /// The number of words, once everything in the image has been checked.
    private static func check(_ image: AnnotatedImage) throws(FeedbackDataError.Reason) -> Int {
        let limits = ImageLimits.default
        guard image.width > 0, image.height > 0, image.width <= limits.maxSide, image.height <= limits.maxSide,
            image.width * image.height <= limits.maxPixels
        else { throw .invalidAnnotation("the image is \(image.width)×\(image.height) pixels") }
        guard !image.annotations.isEmpty else { throw .invalidAnnotation("there are no annotations") }
        let words: Int
        do throws(PromptError) { words = try PromptText.parse(image.prompt).words.count } catch {
            throw .invalidPrompt(error)
        }
        for (index, annotation) in image.annotations.enumerated() where !annotation.skipped {
            for score in [
                annotation.plausibility, annotation.alignment, annotation.aesthetics, annotation.overall,
            ] where !likert.contains(score) {
                throw .invalidAnnotation("annotation \(index) has the score \(score), not 1 to 5")
            }
            for word in annotation.words where !(0..<words).contains(word) {
                throw .invalidAnnotation("annotation \(index) marks word \(word) of a prompt of \(words) words")
            }
            for point in annotation.implausible + annotation.misaligned
            where !((0...Double(image.width)).contains(point.x) && (0...Double(image.height)).contains(point.y)) {
                throw .invalidAnnotation("annotation \(index) has a point outside the image: (\(point.x), \(point.y))")
            }
        }
        return words
    }
}
