import RewardImage

/// An item checked and turned into the network's inputs, or the reason it cannot be.
struct PreparedItem {
    var item: PredictionItem
    var resampler: Resampler
    /// Normalised, `[size, size, 3]`.
    var pixels: [Float]
    var prompt: PromptText
    /// Token ids of the prompt alone, end of sequence included.
    var ids: [Int32]
    /// Token ids with the task's text before the prompt (augmented prompt only).
    var taskIds: [String: [Int32]]
    /// Positions in `ids` of each word's tokens (models with a word tagger only).
    var wordTokens: [Range<Int>]
    var notes: [Note]

    /// Checks pixels, prompt and objective; resamples and tokenises.
    ///
    /// - Parameter before: an item prepared before; if its image is the same one, that is not resampled again.
    init(
        _ item: PredictionItem, config: ModelConfig, tokenizer: Tokenizer, before: PreparedItem? = nil
    ) throws(Failure) {
        self.item = item
        notes = item.imageNotes
        if case .float32(let samples) = item.image.samples {
            if let bad = samples.firstIndex(where: { !$0.isFinite }) {
                let (x, y) = (bad / 3 % item.image.width, bad / 3 / item.image.width)
                throw Failure(.invalidPixels, "pixel (\(x), \(y)) is \(samples[bad]), not a finite number")
            }
            let (lowest, highest) = (samples.min() ?? 0, samples.max() ?? 0)
            if lowest < 0 || highest > 1 { notes.append(.pixelRange(minimum: lowest, maximum: highest)) }
        }
        do { prompt = try PromptText.parse(item.prompt) } catch { throw Failure(error) }
        if prompt.wasCleaned { notes.append(.promptCleaned) }
        let eos = config.t5.eosTokenId
        ids = tokenizer.encode(prompt.cleaned) + [eos]
        wordTokens = config.wordHead != nil && item.outputs.contains(.words) ? tokenizer.positions(of: prompt) : []
        taskIds = [:]
        for (task, prefix) in config.text.taskPrefixes where config.variant == .augmentedPrompt {
            taskIds[task] = tokenizer.encode(prefix + prompt.cleaned) + [eos]
        }
        let longest = max(ids.count, taskIds.values.map(\.count).max() ?? 0)
        guard longest <= config.text.maxTokens else {
            throw Failure(
                .promptTooLong, "the prompt is \(longest) tokens long; the model reads \(config.text.maxTokens)")
        }
        if let objective = item.objective { try Self.check(objective) }

        let size = config.image.size
        if let before, before.item.image == item.image {
            (resampler, pixels) = (before.resampler, before.pixels)
        } else {
            resampler = Resampler(
                fromWidth: item.image.width, fromHeight: item.image.height, toWidth: size, toHeight: size,
                filter: config.image.resample == .bilinear ? .bilinear : .bicubic)
            pixels = resampler.apply(item.image)
            for index in pixels.indices {
                pixels[index] = (pixels[index] - config.image.mean[index % 3]) / config.image.std[index % 3]
            }
        }
        if item.image.width != size || item.image.height != size {
            notes.append(
                .resized(
                    fromWidth: item.image.width, fromHeight: item.image.height, toWidth: size, toHeight: size))
        }
        if !config.trained { notes.append(.untrainedModel) }
    }

    private static func check(_ objective: Objective) throws(Failure) {
        guard !objective.scoreWeights.isEmpty || !objective.heatmapTerms.isEmpty else {
            throw Failure(.invalidRequest, "the objective has no terms")
        }
        for (kind, weight) in objective.scoreWeights where !weight.isFinite {
            throw Failure(.invalidRequest, "the weight of \(kind.rawValue) is \(weight)")
        }
        for term in objective.heatmapTerms {
            guard term.weight.isFinite else {
                throw Failure(.invalidRequest, "the weight of \(term.heatmap.rawValue) is \(term.weight)")
            }
            if let mask = term.mask, !mask.values.allSatisfy({ (0...1).contains($0) }) {
                throw Failure(.invalidRequest, "the mask for \(term.heatmap.rawValue) has weights outside [0, 1]")
            }
        }
    }

    /// Ids of one encoder row.
    func ids(for task: NetworkTask) -> [Int32] {
        task.prefixKey.flatMap { taskIds[$0] } ?? ids
    }
}

/// What one row of the T5 encoder is for. A multi-head model has one row that serves everything.
enum NetworkTask: Hashable {
    case shared
    case score(ScoreKind)
    case heatmap(HeatmapKind)
    case words

    var prefixKey: String? {
        switch self {
        case .score(let kind): kind.rawValue
        case .heatmap(let kind): kind.rawValue
        case .shared, .words: nil
        }
    }
}
