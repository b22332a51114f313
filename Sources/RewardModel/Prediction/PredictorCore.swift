import RewardImage
import TensorCPU
import TensorGraph

/// The engine and the programs compiled so far. One caller at a time.
final class PredictorCore {
    let config: ModelConfig
    let tokenizer: Tokenizer
    private let engine: CPUEngine
    private var encoders = ProgramCache<EncoderKey, EncoderProgram>(count: 64, bytes: 128 << 20) { $0.byteCount }
    private var decoders = ProgramCache<[Int], WordDecoder>(count: 64, bytes: 128 << 20) { $0.byteCount }
    private let pixels = SharedInput()
    private var heatmapPrograms: [HeatmapKind: Program] = [:]

    init(config: ModelConfig, tokenizer: Tokenizer, engine: CPUEngine) {
        self.config = config
        self.tokenizer = tokenizer
        self.engine = engine
    }

    /// Everything but gradients, for items that want the same outputs.
    func predict(_ items: [PreparedItem], _ outputs: Outputs) throws(Failure) -> [Prediction] {
        let sharing = ImageSharing(items)
        let key = EncoderKey(
            batch: items.count, images: sharing.firstItems.count, textLength: textLength(items),
            scores: outputs.contains(.scores) ? Set(ScoreKind.allCases) : [],
            heatmaps: outputs.contains(.heatmaps) ? Set(HeatmapKind.allCases) : [], words: outputs.contains(.words))
        let encoder = try encoder(key)
        try run(encoder, items, sharing)
        var predictions = items.map { Prediction(notes: $0.notes) }
        if outputs.contains(.scores) {
            for index in items.indices { predictions[index].scores = try scores(encoder, index) }
        }
        if outputs.contains(.heatmaps) {
            for index in items.indices {
                var maps: [HeatmapKind: Heatmap] = [:]
                for kind in HeatmapKind.allCases { maps[kind] = try heatmap(kind, encoder, index) }
                predictions[index].heatmaps = maps
            }
        }
        if outputs.contains(.words) {
            if config.wordHead != nil {
                for (index, item) in items.enumerated() {
                    predictions[index].words = try taggedWords(encoder, item, index)
                }
            } else {
                try addWords(encoder, items, &predictions)
            }
        }
        return predictions
    }

    // MARK: Parts

    private func textLength(_ items: [PreparedItem]) -> Int {
        let longest = items.map { max($0.ids.count, $0.taskIds.values.map(\.count).max() ?? 0) }.max() ?? 1
        // Lengths in steps of 16, so that a few programs serve all prompts; padding never changes a result.
        return (longest + 15) / 16 * 16
    }

    private func run(_ encoder: EncoderProgram, _ items: [PreparedItem], _ sharing: ImageSharing) throws(Failure) {
        let grid = config.image.size / config.vit.patchSize
        encoder.load(items, sharing, padding: config.t5.padTokenId, visualTokens: grid * grid + 1)
        try run(encoder.program)
    }

    private func run(_ program: Program) throws(Failure) {
        do { try program.run() } catch { throw Failure(.invalidModel, error.description) }
    }

    private func encoder(_ key: EncoderKey) throws(Failure) -> EncoderProgram {
        do {
            return try encoders.value(key) { () throws(EngineError) in
                try EncoderProgram(key, config: config, engine: engine, pixels: pixels)
            }
        } catch { throw Failure(.invalidModel, error.description) }
    }

    private func scores(_ encoder: EncoderProgram, _ item: Int) throws(Failure) -> Scores {
        let values = encoder.scores.map { encoder.program.output($0)[item] }
        guard values.allSatisfy(\.isFinite) else { throw Self.nonFinite("a score") }
        return Scores(plausibility: values[0], alignment: values[1], aesthetics: values[2], overall: values[3])
    }

    /// One item at a time: the maps inside a head are large, and a batch of them would only leave the cache.
    private func heatmap(
        _ kind: HeatmapKind, _ encoder: EncoderProgram, _ item: Int
    ) throws(Failure) -> Heatmap {
        if !encoder.heatmaps.isEmpty {
            let all = encoder.program.output(encoder.heatmaps[encoder.heatmapKinds.firstIndex(of: kind) ?? 0])
            let size = all.count / encoder.key.batch
            return try heatmap(Array(all[item * size..<(item + 1) * size]))
        }
        let program: Program
        do {
            program = try heatmapProgram(kind)
        } catch { throw Failure(.invalidModel, error.description) }
        let maps = encoder.program.output(encoder.map(for: kind))
        let size = maps.count / encoder.key.batch
        guard let base = maps.baseAddress else { throw Self.nonFinite("a heatmap") }
        program.bind("map", to: base + item * size)
        try run(program)
        return try heatmap(Array(program.output(0)))
    }

    private func heatmap(_ values: [Float]) throws(Failure) -> Heatmap {
        guard values.allSatisfy(\.isFinite) else { throw Self.nonFinite("a heatmap") }
        return Heatmap(width: config.heatmapSize, height: config.heatmapSize, values: values)
    }

    private func heatmapProgram(_ kind: HeatmapKind) throws(EngineError) -> Program {
        // One head serves both kinds of an augmented-prompt model.
        let key = config.variant == .multiHead ? kind : .implausibility
        if let known = heatmapPrograms[key] { return known }
        var network = NetworkBuilder(config)
        let map = network.graph.input("map", [1, network.grid, network.grid, config.t5.dModel])
        let head = network.heatmapHead(map, kind)
        let program = try engine.compile(network.graph, outputs: [head])
        heatmapPrograms[key] = program
        return program
    }

    private func addWords(
        _ encoder: EncoderProgram, _ items: [PreparedItem], _ predictions: inout [Prediction]
    ) throws(Failure) {
        let caches = encoder.caches.map { encoder.program.output($0) }
        let decoded: [[Int32]]?
        do {
            let decoder = try decoders.value([items.count, encoder.key.textLength]) { () throws(EngineError) in
                try WordDecoder(
                    batch: items.count, textLength: encoder.key.textLength, config: config, engine: engine)
            }
            decoded = try decoder.decode(caches: caches, textCounts: items.map(\.ids.count))
        } catch { throw Failure(.invalidModel, error.description) }
        guard let tokens = decoded else { throw Self.nonFinite("a logit of the word decoder") }
        for (index, item) in items.enumerated() {
            let text = tokenizer.decode(tokens[index])
            let aligned = MisalignedWords.align(decoded: text, words: item.prompt.words, tokenizer: tokenizer)
            predictions[index].words = WordPrediction(
                words: zip(item.prompt.words, aligned.flags).map { word, misaligned in
                    PredictedWord(word: word.text, start: word.start, end: word.end, misaligned: misaligned)
                }, decodedText: text)
            predictions[index].notes += aligned.notes
        }
    }

    /// The tagger's flags, and the text that the paper's decoder would write for them.
    private func taggedWords(
        _ encoder: EncoderProgram, _ item: PreparedItem, _ index: Int
    ) throws(Failure) -> WordPrediction {
        let length = encoder.key.textLength
        let logits =
            encoder.wordLogits.map { Array(encoder.program.output($0)[index * length..<(index + 1) * length]) } ?? []
        guard logits.prefix(item.ids.count).allSatisfy(\.isFinite) else { throw Self.nonFinite("a word's logit") }
        let words = zip(item.prompt.words, item.wordTokens).map { word, tokens in
            PredictedWord(
                word: word.text, start: word.start, end: word.end, misaligned: logits[tokens].contains { $0 > 0 })
        }
        let text = MisalignedWords.text(words: item.prompt.words, flags: words.map(\.misaligned))
        return WordPrediction(words: words, decodedText: text)
    }

    static func nonFinite(_ what: String) -> Failure {
        Failure(.nonFiniteResult, "the model computed \(what) that is not a finite number")
    }

    // MARK: Gradient

    /// The gradient of the item's objective with respect to its pixels, at its own size.
    func gradient(_ item: PreparedItem, _ objective: Objective) throws(Failure) -> PixelGradient {
        let key = EncoderKey(
            batch: 1, images: 1, textLength: textLength([item]), scores: Set(objective.scoreWeights.keys),
            heatmaps: Set(objective.heatmapTerms.map(\.heatmap)), words: false, gradient: true)
        let encoder = try encoder(key)
        for (kind, seed) in zip(encoder.scoreKinds, encoder.scoreSeeds) {
            seed.write([objective.scoreWeights[kind] ?? 0])
        }
        var weights: [HeatmapKind: [Float]] = [:]
        for (kind, seed) in zip(encoder.heatmapKinds, encoder.heatmapSeeds) {
            let map = try objective.weights(of: kind, size: config.heatmapSize)
            weights[kind] = map
            seed.write(map)
        }
        try run(encoder, [item], ImageSharing([item]))

        var value = 0.0
        for (kind, output) in zip(encoder.scoreKinds, encoder.scores) {
            value += Double(encoder.program.output(output)[0]) * Double(objective.scoreWeights[kind] ?? 0)
        }
        for (kind, output) in zip(encoder.heatmapKinds, encoder.heatmaps) {
            for (pixel, weight) in zip(encoder.program.output(output), weights[kind] ?? []) {
                value += Double(pixel) * Double(weight)
            }
        }
        var inner = Array(encoder.program.output(encoder.pixelGradient))
        for index in inner.indices { inner[index] /= config.image.std[index % 3] }
        let interleaved = item.resampler.applyAdjoint(inner)
        let (width, height) = (item.item.image.width, item.item.image.height)
        var planes = [Float](repeating: 0, count: interleaved.count)
        var squares = 0.0
        for pixel in 0..<width * height {
            for channel in 0..<3 {
                let slope = interleaved[pixel * 3 + channel]
                planes[channel * width * height + pixel] = slope
                squares += Double(slope) * Double(slope)
            }
        }
        guard value.isFinite, squares.isFinite else { throw Self.nonFinite("a gradient") }
        return PixelGradient(
            width: width, height: height, objective: Float(value), values: planes, norm: Float(squares.squareRoot()))
    }
}

extension Objective {
    /// d objective / d heatmap, `[size * size]`: each term's mask, scaled by its weight and reduction.
    func weights(of kind: HeatmapKind, size: Int) throws(Failure) -> [Float] {
        var total = [Float](repeating: 0, count: size * size)
        for term in heatmapTerms where term.heatmap == kind {
            let mask =
                term.mask.map { mask in
                    Resampler(
                        fromWidth: mask.width, fromHeight: mask.height, toWidth: size, toHeight: size,
                        filter: .bilinear
                    ).apply(mask).values
                } ?? [Float](repeating: 1, count: size * size)
            var scale = term.weight
            if term.reduction == .mean {
                let sum = mask.reduce(0, +)
                guard sum > 0 else {
                    throw Failure(.invalidRequest, "the mask for \(kind.rawValue) is empty: its mean is undefined")
                }
                scale /= sum
            }
            for index in total.indices { total[index] += mask[index] * scale }
        }
        return total
    }
}
