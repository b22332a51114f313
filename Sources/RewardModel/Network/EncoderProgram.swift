import Glibc
import TensorCPU
import TensorGraph

/// What a compiled encoder pass computes; programs are kept by this key.
struct EncoderKey: Hashable {
    var batch: Int
    /// Different images among the batch: the image encoder runs once for each.
    var images: Int
    /// Text positions, padding included.
    var textLength: Int
    var scores: Set<ScoreKind>
    var heatmaps: Set<HeatmapKind>
    var words: Bool
    /// True for the pixel gradient's program: heads and their gradients in one graph.
    var gradient = false
}

/// The image encoder, the T5 encoder and the score heads as one program, and where its results lie.
///
/// Encoder rows are task-major: row `task * batch + item`.
struct EncoderProgram {
    let key: EncoderKey
    let program: Program
    let tasks: [NetworkTask]
    let pixels: SharedInput
    /// Each row's image, when items share images.
    let imageRows: InputMemory?
    let ids: InputMemory
    let counts: InputMemory
    let scoreKinds: [ScoreKind]
    let heatmapKinds: [HeatmapKind]
    /// Output indices.
    private(set) var scores: [Int] = []
    private(set) var maps: [Int] = []
    private(set) var caches: [Int] = []
    /// Logits of the word tagger, `[batch, textLength]`.
    private(set) var wordLogits: Int?
    /// Whole heatmaps: in gradient programs, and where the scores need their logits anyhow.
    private(set) var heatmaps: [Int] = []
    /// Gradient programs only: seeds in, the pixels' gradient out.
    private(set) var scoreSeeds: [InputMemory] = []
    private(set) var heatmapSeeds: [InputMemory] = []
    private(set) var pixelGradient = 0

    /// - Parameter pixels: memory for images, the same for all programs of an engine.
    init(_ key: EncoderKey, config: ModelConfig, engine: CPUEngine, pixels: SharedInput) throws(EngineError) {
        self.key = key
        self.pixels = pixels
        scoreKinds = ScoreKind.allCases.filter(key.scores.contains)
        heatmapKinds = HeatmapKind.allCases.filter(key.heatmaps.contains)
        switch config.variant {
        case .multiHead: tasks = [.shared]
        case .augmentedPrompt:
            tasks = scoreKinds.map { .score($0) } + heatmapKinds.map { .heatmap($0) } + (key.words ? [.words] : [])
        }
        let tasks = tasks
        var network = NetworkBuilder(config)
        let (batch, size, length) = (key.batch, config.image.size, key.textLength)
        let rows = batch * tasks.count
        let pixelInput = network.graph.input("pixels", [key.images, size, size, 3])
        let idInput = network.graph.input("ids", [rows, length], .int32)
        let countInput = network.graph.input("counts", [rows], .int32)
        var visual = network.imageTokens(pixelInput)
        var detail = network.detailMap(pixelInput)
        let shape = network.graph.shape(visual)
        if key.images < batch {
            let imageOfRow = network.graph.input("image_rows", [rows], .int32)
            func gathered(_ x: Tensor) -> Tensor {
                let shape = network.graph.shape(x)
                let whole = network.graph.reshape(x, [key.images, shape.count / key.images])
                return network.graph.reshape(
                    network.graph.embedding(whole, imageOfRow), Shape([rows] + shape.dimensions.dropFirst()))
            }
            visual = gathered(visual)
            detail = detail.map(gathered)
        } else if tasks.count > 1 {
            // The image is encoded once; its tokens join every task's text.
            let repeated = network.graph.broadcast(visual, leading: [tasks.count])
            visual = network.graph.reshape(repeated, [rows, shape[1], shape[2]])
        }
        let states = network.encode(visual, idInput, tokenCounts: countInput)
        let maps = (encoder: network.featureMap(states), detail: detail)
        func rowsOf(_ x: Tensor, _ task: NetworkTask) -> Tensor {
            guard tasks.count > 1, let index = tasks.firstIndex(of: task) else { return x }
            return network.graph.slice(x, axis: 0, index * batch..<(index + 1) * batch)
        }

        var outputs: [Tensor] = []
        var scoreTensors: [Tensor] = []
        // A multi-head model's heads share one map: its heatmap logits are computed once, and only if scores read them.
        var logits: [HeatmapKind: Tensor] = [:]
        if config.variant == .multiHead {
            let read = Set(scoreKinds.flatMap { config.statisticsHeatmaps(for: $0) })
            for kind in HeatmapKind.allCases where read.contains(kind) {
                logits[kind] = network.heatmapLogits(network.map(for: kind, maps), kind)
            }
        }
        for kind in scoreKinds {
            let map = rowsOf(network.map(for: kind, maps), .score(kind))
            scoreTensors.append(network.scoreHead(map, kind, heatmapLogits: logits))
        }
        scores = Array(outputs.count..<outputs.count + scoreTensors.count)
        outputs += scoreTensors

        var seedInputs: [(String, Int)] = []
        if key.gradient {
            var seeded: [(output: Tensor, seed: Tensor)] = []
            var heatmapTensors: [Tensor] = []
            for (kind, score) in zip(scoreKinds, scoreTensors) {
                seeded.append((score, network.graph.input("seed.\(kind.rawValue)", [batch, 1])))
                seedInputs.append(("seed.\(kind.rawValue)", batch))
            }
            for kind in heatmapKinds {
                let heatmapLogits =
                    logits[kind]
                    ?? network.heatmapLogits(rowsOf(network.map(for: kind, maps), .heatmap(kind)), kind)
                let heatmap = network.graph.activation(heatmapLogits, .sigmoid)
                heatmapTensors.append(heatmap)
                let shape = network.graph.shape(heatmap)
                seeded.append((heatmap, network.graph.input("seed.\(kind.rawValue)", shape)))
                seedInputs.append(("seed.\(kind.rawValue)", shape.count))
            }
            heatmaps = Array(outputs.count..<outputs.count + heatmapTensors.count)
            outputs += heatmapTensors
            pixelGradient = outputs.count
            outputs += network.graph.gradients(of: seeded, withRespectTo: [pixelInput])
        } else {
            if !logits.isEmpty {
                for kind in heatmapKinds {
                    guard let known = logits[kind] else { continue }
                    heatmaps.append(outputs.count)
                    outputs.append(network.graph.activation(known, .sigmoid))
                }
            }
            let isShared = config.variant == .multiHead && detail == nil
            for kind in heatmapKinds where logits.isEmpty && (!isShared || outputs.count == scores.count) {
                self.maps.append(outputs.count)
                // A copy of its own, so that the map outlives the arena.
                let map = rowsOf(network.map(for: kind, maps), .heatmap(kind))
                outputs.append(network.graph.affine(map, factor: 1))
            }
            if key.words {
                let text = network.textStates(rowsOf(states, .words))
                if config.wordHead != nil {
                    wordLogits = outputs.count
                    outputs.append(network.wordLogits(text))
                } else {
                    let tensors = network.crossAttentionCaches(text)
                    caches = Array(outputs.count..<outputs.count + tensors.count)
                    outputs += tensors
                }
            }
        }
        // A gradient jumps where a ReLU's input falls on the other side of zero, so it wants the finest rounding.
        program = try engine.compile(network.graph, outputs: outputs, exactConvolutions: key.gradient)
        imageRows = key.images < batch ? InputMemory(program, "image_rows", count: rows) : nil
        ids = InputMemory(program, "ids", count: rows * length)
        counts = InputMemory(program, "counts", count: rows)
        let seedMemory = seedInputs.map { InputMemory(program, $0.0, count: $0.1) }
        scoreSeeds = Array(seedMemory.prefix(scoreKinds.count))
        heatmapSeeds = Array(seedMemory.dropFirst(scoreKinds.count))
    }

    /// Memory that only this program holds.
    var byteCount: Int {
        program.byteCount
            + ([ids, counts] + (imageRows.map { [$0] } ?? []) + scoreSeeds + heatmapSeeds)
            .reduce(0) { $0 + $1.byteCount }
    }

    /// Writes the items' pixels and tokens. There must be `key.batch` of them, with the images that `sharing` found.
    func load(_ items: [PreparedItem], _ sharing: ImageSharing, padding: Int32, visualTokens: Int) {
        let images = sharing.firstItems.map { items[$0].pixels }
        let memory = pixels.bound(to: program, "pixels", count: images.reduce(0) { $0 + $1.count })
        var offset = 0
        for image in images {
            memory.write(image, at: offset)
            offset += image.count
        }
        imageRows?.write(tasks.flatMap { _ in sharing.imageOfItem.map(Int32.init) })
        for (row, task) in tasks.enumerated() {
            for (index, item) in items.enumerated() {
                let known = item.ids(for: task)
                let padded = known + [Int32](repeating: padding, count: key.textLength - known.count)
                ids.write(padded, at: (row * key.batch + index) * key.textLength)
                counts.write([Int32(visualTokens + known.count)], at: row * key.batch + index)
            }
        }
    }

    /// Output index of a heatmap's feature map.
    func map(for kind: HeatmapKind) -> Int {
        maps.count == 1 ? maps[0] : maps[heatmapKinds.firstIndex(of: kind) ?? 0]
    }
}

/// Which items of a batch look at the same pixels.
struct ImageSharing {
    /// The first item with each image.
    private(set) var firstItems: [Int] = []
    /// Each item's image.
    private(set) var imageOfItem: [Int] = []

    init(_ items: [PreparedItem]) {
        for (index, item) in items.enumerated() {
            let known = firstItems.firstIndex { Self.same(items[$0].pixels, item.pixels) }
            imageOfItem.append(known ?? firstItems.count)
            if known == nil { firstItems.append(index) }
        }
    }

    /// Bit by bit.
    private static func same(_ a: [Float], _ b: [Float]) -> Bool {
        a.withUnsafeBytes { a in
            b.withUnsafeBytes { b in
                guard a.count == b.count, let first = a.baseAddress, let second = b.baseAddress else { return false }
                return first == second || memcmp(first, second, a.count) == 0
            }
        }
    }
}

/// Memory for an input that many programs have, as only one of them runs at a time: images are large, and a service has a
/// program for every size of a batch.
final class SharedInput {
    private var memory: InputMemory?

    /// The memory, large enough, and bound to a program until its next run is over.
    func bound(to program: Program, _ name: String, count: Int) -> InputMemory {
        if let memory, memory.count >= count {
            memory.bind(to: program, name)
            return memory
        }
        let larger = InputMemory(program, name, count: count)
        memory = larger
        return larger
    }
}

/// Memory bound to one input of a program, written by the host before a run.
final class InputMemory {
    private let memory: UnsafeMutableRawPointer
    /// Numbers of four bytes.
    let count: Int

    init(_ program: Program, _ name: String, count: Int) {
        self.count = count
        memory = .allocate(byteCount: count * 4, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: count * 4)
        bind(to: program, name)
    }

    func bind(to program: Program, _ name: String) { program.bind(name, to: memory) }

    var byteCount: Int { count * 4 }

    deinit {
        memory.deallocate()
    }

    func write<Element: BitwiseCopyable>(_ values: [Element], at offset: Int = 0) {
        precondition(MemoryLayout<Element>.stride == 4 && offset + values.count <= count, "input overrun")
        values.withUnsafeBytes { source in
            if let base = source.baseAddress {
                (memory + offset * 4).copyMemory(from: base, byteCount: source.count)
            }
        }
    }

    func clear() {
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: count * 4)
    }
}
