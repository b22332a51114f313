import TensorCPU
import TensorGraph

/// One decoder step for a batch, with its key and value caches.
final class WordDecoder {
    private let batch: Int
    private let steps: Int
    private let t5: T5Config
    private let program: Program
    private let ids: InputMemory
    private let position: InputMemory
    private let selfCounts: InputMemory
    private let textCounts: InputMemory
    private let buckets: InputMemory
    private let selfCaches: [InputMemory]

    /// Compiles the step for `batch` items over `textLength` text positions.
    init(batch: Int, textLength: Int, config: ModelConfig, engine: CPUEngine) throws(EngineError) {
        t5 = config.t5
        let (t5, steps) = (config.t5, config.text.maxNewTokens)
        (self.batch, self.steps) = (batch, steps)
        var network = NetworkBuilder(config)
        let width = t5.numHeads * t5.dKv
        let caches = 2 * t5.numDecoderLayers
        let inputs = NetworkBuilder.DecoderInputs(
            ids: network.graph.input("ids", [batch, 1], .int32),
            position: network.graph.input("position", [1], .int32),
            selfCounts: network.graph.input("self_counts", [batch], .int32),
            textCounts: network.graph.input("text_counts", [batch], .int32),
            buckets: network.graph.input("buckets", [1, steps], .int32),
            selfCaches: (0..<caches).map { network.graph.input("self.\($0)", [batch, steps, width]) },
            crossCaches: (0..<caches).map { network.graph.input("cross.\($0)", [batch, textLength, width]) })
        let logits = network.decoderStep(inputs)
        program = try engine.compile(network.graph, outputs: [logits])
        let program = program
        ids = InputMemory(program, "ids", count: batch)
        position = InputMemory(program, "position", count: 1)
        selfCounts = InputMemory(program, "self_counts", count: batch)
        textCounts = InputMemory(program, "text_counts", count: batch)
        buckets = InputMemory(program, "buckets", count: steps)
        selfCaches = (0..<caches).map { InputMemory(program, "self.\($0)", count: batch * steps * width) }
    }

    /// Memory that only this decoder holds.
    var byteCount: Int {
        program.byteCount
            + ([buckets, ids, position, selfCounts, textCounts] + selfCaches).reduce(0) { $0 + $1.byteCount }
    }

    /// Greedy decoding from the encoder's caches; the tokens of each item up to its end of sequence.
    ///
    /// - Returns: nil when a logit is not a number.
    func decode(
        caches: [UnsafeMutableBufferPointer<Float>], textCounts counts: [Int]
    ) throws(EngineError) -> [[Int32]]? {
        for (index, cache) in caches.enumerated() {
            guard let base = cache.baseAddress else { continue }
            program.bind("cross.\(index)", to: base)
        }
        textCounts.write(counts.map(Int32.init))
        var last = [Int32](repeating: t5.decoderStartTokenId, count: batch)
        var written = [[Int32]](repeating: [], count: batch)
        var finished = [Bool](repeating: false, count: batch)
        for step in 0..<steps where finished.contains(false) {
            ids.write(last)
            position.write([Int32(step)])
            selfCounts.write([Int32](repeating: Int32(step + 1), count: batch))
            buckets.write(
                (0..<steps).map { RelativePosition.bucket(key: $0, query: step, bidirectional: false, t5) })
            try program.run()
            let logits = program.output(0)
            for item in 0..<batch where !finished[item] {
                guard let token = Self.argmax(logits, item * t5.vocabSize, t5.vocabSize) else { return nil }
                last[item] = token
                if token == t5.eosTokenId { finished[item] = true } else { written[item].append(token) }
            }
        }
        return written
    }

    /// The first largest; nil when a value is NaN.
    private static func argmax(_ logits: UnsafeMutableBufferPointer<Float>, _ start: Int, _ count: Int) -> Int32? {
        var best = start
        for index in start..<start + count {
            if logits[index].isNaN { return nil }
            if logits[index] > logits[best] { best = index }
        }
        return Int32(best - start)
    }
}
