import RewardData
import RewardImage
import RewardMetrics
import RewardModel

/// Everything that a run found out.
struct EvaluationResult {
    var info: ModelInfo
    var sources: [String]
    var evaluation: Evaluation
    /// One annotator against the others, where annotations were given.
    var ceiling: Evaluation?
    var truth: TruthFile
    var skipped: SkipCounts
    /// Notes of the predictor, by kind.
    var notes: [String: Int]
    var fixationThreshold: Float
    var gallery: Gallery
}

/// Predicts a data set's records and measures each, a batch in memory at a time.
///
/// Two passes: the first finds where the set's images are marked, which shuffled AUC takes its negatives from.
struct EvaluationRunner {
    static let batch = 16

    var predictor: Predictor
    var files: [String]
    var readOptions: FeedbackReadOptions
    var images: ImageIndex
    var truth: TruthFile
    var annotations: [String]
    var fixationThreshold: Float
    var limit: Int?
    var skipBad: Bool
    var bootstrap: Bootstrap
    var keepsExamples: Bool
    var progress: (Int, Int) -> Void

    private var priors: [HeatmapKind: FixationPrior] = [:]
    private var maskPrior = FixationPrior()
    private var skipped = SkipCounts()
    private var notes: [String: Int] = [:]
    private var gallery = Gallery()

    init(
        predictor: Predictor, files: [String], readOptions: FeedbackReadOptions, images: ImageIndex, truth: TruthFile,
        annotations: [String], fixationThreshold: Float, limit: Int?, skipBad: Bool, bootstrap: Bootstrap,
        keepsExamples: Bool, progress: @escaping (Int, Int) -> Void
    ) {
        self.predictor = predictor
        self.files = files
        self.readOptions = readOptions
        self.images = images
        self.truth = truth
        self.annotations = annotations
        self.fixationThreshold = fixationThreshold
        self.limit = limit
        self.skipBad = skipBad
        self.bootstrap = bootstrap
        self.keepsExamples = keepsExamples
        self.progress = progress
    }

    /// - Throws: the first bad record, unless bad records are to be skipped.
    mutating func run() throws -> EvaluationResult {
        let total = try findFixations()
        var evaluation = Evaluation(bootstrap: bootstrap)
        var reader = FeedbackReader(paths: files, options: readOptions)
        var batch: [Entry] = []
        var read = 0
        while read < limit ?? .max, let element = reader.next() {
            do throws(FeedbackDataError) {
                batch.append(Entry(file: element.file, index: element.index, record: try element.result.get()))
                read += 1
            } catch { try skip(error) }
            if batch.count == Self.batch {
                evaluation.samples += try measure(batch)
                batch = []
                progress(read, total)
            }
        }
        evaluation.samples += try measure(batch)
        progress(read, total)
        return EvaluationResult(
            info: predictor.info, sources: files, evaluation: evaluation, ceiling: try ceiling(of: evaluation),
            truth: truth, skipped: skipped, notes: notes, fixationThreshold: fixationThreshold, gallery: gallery)
    }

    // MARK: Passes

    private struct Entry: Sendable {
        var file: String
        var index: Int
        var record: FeedbackRecord
    }

    /// Adds up the fixations of the ground truth and of the masks; returns the number of records that can be read.
    private mutating func findFixations() throws -> Int {
        var count = 0
        for element in FeedbackReader(paths: files, options: readOptions) {
            if let limit, count == limit { break }
            let record: FeedbackRecord
            do throws(FeedbackDataError) { record = try element.result.get() } catch {
                guard skipBad else { throw error }
                continue
            }
            count += 1
            for kind in HeatmapKind.allCases {
                guard let map = record[kind] else { continue }
                priors[kind, default: .init()].add(
                    SaliencyMetrics.fixations(map.values, above: fixationThreshold), width: map.width,
                    height: map.height)
            }
            if let mask = try mask(of: record) {
                maskPrior.add(mask.fixations, width: mask.width, height: mask.height)
            }
        }
        return count
    }

    private mutating func measure(_ batch: [Entry]) throws -> [SampleMeasures] {
        let images = images
        let loaded = parallelMap(batch) { entry -> Result<PredictionItem, any Error> in
            Result {
                let path = try images.path(of: entry.record.stem)
                guard let prompt = entry.record.prompt else {
                    throw FeedbackDataError(
                        file: entry.file, record: entry.index, .missingPrompt(stem: entry.record.stem))
                }
                return try PredictionItem(encodedImage: try WholeFile.read(path), prompt: prompt)
            }
        }
        var items: [PredictionItem] = []
        var entries: [Entry] = []
        for (entry, result) in zip(batch, loaded) {
            do {
                items.append(try result.get())
                entries.append(entry)
            } catch { try skip(error, entry) }
        }
        var answered: [(entry: Entry, image: Image, predicted: PredictedFeedback)] = []
        for (position, result) in predictor.predict(items).enumerated() {
            do {
                let prediction = try result.get()
                for note in prediction.notes { notes[note.kind, default: 0] += 1 }
                answered.append((entries[position], items[position].image, PredictedFeedback(prediction)))
            } catch { try skip(error, entries[position]) }
        }
        let (priors, threshold) = (priors, fixationThreshold)
        var samples = parallelMap(answered.map { ($0.entry.record, $0.predicted) }) { record, predicted in
            SampleMeasures(record: record, predicted: predicted, threshold: threshold, priors: priors)
        }
        for index in samples.indices {
            let (entry, image, predicted) = answered[index]
            samples[index].maskAUC = try maskAUC(entry.record, predicted)
            if keepsExamples {
                var truth: [HeatmapKind: Heatmap] = [:]
                for kind in HeatmapKind.allCases { truth[kind] = entry.record[kind] }
                gallery.offer(samples[index], image: image, truth: truth, predicted: predicted)
            }
        }
        return samples
    }

    /// Each annotator of the evaluated images measured against the others, as if they were a model.
    private mutating func ceiling(of evaluation: Evaluation) throws -> Evaluation? {
        guard !annotations.isEmpty else { return nil }
        let evaluated = Set(evaluation.samples.map(\.stem))
        var ceiling = Evaluation(bootstrap: bootstrap)
        for path in annotations {
            for element in try JSONLines<AnnotatedImage>(path: path) {
                do throws(FeedbackDataError) {
                    let image = try element.result.get()
                    guard evaluated.contains(FeedbackRecord.stem(of: image.filename)) else { continue }
                    do throws(FeedbackDataError.Reason) {
                        ceiling.samples += try compareAnnotators(image)
                    } catch { throw FeedbackDataError(file: path, record: element.line, error) }
                } catch { try skip(error) }
            }
        }
        return ceiling
    }

    private func compareAnnotators(_ image: AnnotatedImage) throws(FeedbackDataError.Reason) -> [SampleMeasures] {
        let pairs = try Consolidation.leaveOneOut(image)
        guard !pairs.isEmpty else { return [] }
        let all = try Consolidation.consolidate(image)
        var own: [HeatmapKind: [Bool]] = [:]
        for kind in HeatmapKind.allCases {
            own[kind] = all[kind].map { SaliencyMetrics.fixations($0.values, above: fixationThreshold) }
        }
        return pairs.map { pair in
            SampleMeasures(
                record: pair.others, predicted: PredictedFeedback(annotator: pair.one), threshold: fixationThreshold,
                priors: priors, own: own)
        }
    }

    // MARK: Parts

    private func mask(of record: FeedbackRecord) throws -> (fixations: [Bool], width: Int, height: Int)? {
        guard let path = truth.maskPath(of: record.stem) else { return nil }
        let map = try GradientCommand.loadMask(path)
        return (SaliencyMetrics.fixations(map.values, above: 0.5), map.width, map.height)
    }

    private func maskAUC(_ record: FeedbackRecord, _ predicted: PredictedFeedback) throws -> Double? {
        guard let mask = try mask(of: record), let map = predicted.heatmaps[.implausibility] else { return nil }
        return SaliencyMetrics.aucShuffled(
            map.resampled(width: mask.width, height: mask.height).values, fixations: mask.fixations,
            weights: maskPrior.weights(width: mask.width, height: mask.height, without: mask.fixations))
    }

    /// Counts what may be skipped, and throws the rest.
    private mutating func skip(_ error: any Error, _ entry: Entry? = nil) throws {
        if let error = error as? FeedbackDataError {
            guard skipBad else { throw error }
            skipped.count(error)
        } else if let failure = error as? Failure {
            guard skipBad else {
                guard let entry else { throw failure }
                throw Failure(failure.code, "\(entry.file), record \(entry.index): \(failure.message)")
            }
            skipped.count(failure.code.rawValue)
        } else {
            throw error
        }
    }
}
