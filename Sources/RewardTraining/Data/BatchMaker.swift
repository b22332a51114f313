import RewardImage
package import RewardModel

/// Makes the batches of a stage from the seed and the step alone.
package final class BatchMaker {
    package let data: TrainingData
    package let cache: ExampleCache
    package let config: ModelConfig
    package let stage: StageConfig
    private let seed: UInt64
    private let number: UInt64
    private var pairOrder: Shuffle
    private var singleOrder: Shuffle
    /// Normalised value of each 8-bit level, by channel.
    private let normalised: [[Float]]
    /// Of the stage's last pass in every step.
    private let rehearsal: BatchMaker?

    package init(
        data: TrainingData, cache: ExampleCache, config: ModelConfig, stage: StageConfig, number: Int, seed: UInt64
    ) throws(TrainingError) {
        if stage.pairs > 0, data.pairs.isEmpty {
            throw .unsuitableData(
                "stage '\(stage.name)' compares clean and damaged copies, but no group of the records has both")
        }
        if let crop = stage.crop ?? stage.rehearsal?.crop {
            guard crop % config.vit.patchSize == 0, crop <= config.image.size,
                config.image.size % config.heatmapSize == 0
            else {
                throw .invalidConfig(
                    """
                    stage '\(stage.name)': crop is \(crop), no multiple of the patch size \(config.vit.patchSize) \
                    up to the image's \(config.image.size), or the heatmap's \(config.heatmapSize) does not divide that
                    """)
            }
        }
        // Streams of its own.
        rehearsal = try stage.rehearsal.map { (stage) throws(TrainingError) in
            try BatchMaker(data: data, cache: cache, config: config, stage: stage, number: number + 1 << 20, seed: seed)
        }
        self.data = data
        self.cache = cache
        self.config = config
        self.stage = stage
        self.seed = seed
        self.number = UInt64(number)
        pairOrder = Shuffle(count: max(data.pairs.count, 1), seed: seed, stream: 2 * UInt64(number))
        singleOrder = Shuffle(count: data.entries.count, seed: seed, stream: 2 * UInt64(number) + 1)
        normalised = (0..<3).map { channel in
            (0..<256).map { (Float($0) / 255 - config.image.mean[channel]) / config.image.std[channel] }
        }
    }

    /// The batch of one pass; `pass` counts from the stage's start.
    package func batch(_ pass: Int) throws(TrainingError) -> TrainingBatch {
        let (step, part) = (pass / stage.passes, pass % stage.passes)
        if let rehearsal, part == stage.accumulate { return try rehearsal.batch(step) }
        return try ownBatch(step * stage.accumulate + part)
    }

    private func ownBatch(_ pass: Int) throws(TrainingError) -> TrainingBatch {
        if let crop = stage.crop { return try cropBatch(pass, side: crop) }
        var items: [Item] = []
        for index in 0..<stage.pairs {
            let pair = data.pairs[pairOrder[pass * stage.pairs + index]]
            for (entry, isClean) in [(pair.clean, true), (pair.damaged, false)] {
                // The same draws for both copies.
                var random = CounterRandom(seed, 16 + number, UInt64(pass), UInt64(index))
                items.append(try wholeItem(entry, isClean: isClean, &random))
            }
        }
        items =
            items.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
            + items.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        for index in 0..<stage.singles {
            var random = CounterRandom(seed, 16 + number, UInt64(pass), UInt64(stage.pairs + index))
            items.append(try wholeItem(singleOrder[pass * stage.singles + index], isClean: false, &random))
        }
        return assemble(items, side: config.image.size)
    }

    /// A record as it is, without augmentation.
    package func plainItem(_ index: Int) throws(TrainingError) -> Item {
        var random = CounterRandom(0)
        return try wholeItem(index, isClean: false, &random)
    }

    /// One item's inputs and targets.
    package struct Item {
        var pixels: [Float]
        var maps: [HeatmapKind: [Float]] = [:]
        var scores: [ScoreKind: Float] = [:]
        var entry: TrainingData.Entry
    }

    // MARK: Whole images

    private func wholeItem(
        _ index: Int, isClean: Bool, _ random: inout CounterRandom
    ) throws(TrainingError) -> Item {
        let entry = data.entries[index]
        let augmentation = Augmentation(stage.augmentation, wholeImage: true, random: &random)
        var item = Item(pixels: [], entry: entry)
        for kind in ScoreKind.allCases { item.scores[kind] = entry.scores[kind] }
        let (size, mapSize) = (config.image.size, config.heatmapSize)
        if let crop = augmentation.crop {
            (item.pixels, item.maps) = try cropped(entry, crop)
        } else {
            let example = try cache.example(index)
            item.pixels = (0..<size * size * 3).map { Float(example.pixels[$0]) / 255 }
            for (kind, map) in example.maps {
                item.maps[kind] = (0..<mapSize * mapSize).map { Float(map[$0]) / 255 }
            }
        }
        // A copy that stands for the undamaged picture has nothing to mark.
        if isClean, item.maps[.implausibility] == nil {
            item.maps[.implausibility] = [Float](repeating: 0, count: mapSize * mapSize)
        }
        try augmentation.recolour(&item.pixels, side: size)
        if augmentation.flip {
            Augmentation.mirror(&item.pixels, side: size, channels: 3)
            for kind in HeatmapKind.allCases {
                if var map = item.maps[kind] {
                    Augmentation.mirror(&map, side: mapSize, channels: 1)
                    item.maps[kind] = map
                }
            }
        }
        normalise(&item.pixels)
        return item
    }

    private func normalise(_ pixels: inout [Float]) {
        let (mean, std) = (config.image.mean, config.image.std)
        for index in pixels.indices { pixels[index] = (pixels[index] - mean[index % 3]) / std[index % 3] }
    }

    /// A part of a record's image and the same part of its maps, at the model's sizes; the file is decoded again, so
    /// that nothing is enlarged that need not be.
    private func cropped(
        _ entry: TrainingData.Entry, _ crop: (x: Double, y: Double, width: Double, height: Double)
    ) throws(TrainingError) -> (pixels: [Float], maps: [HeatmapKind: [Float]]) {
        let image = try data.image(entry)
        func box(_ width: Int, _ height: Int) -> (x: Int, y: Int, width: Int, height: Int) {
            let (w, h) = (max(1, Int(crop.width * Double(width))), max(1, Int(crop.height * Double(height))))
            return (min(Int(crop.x * Double(width)), width - w), min(Int(crop.y * Double(height)), height - h), w, h)
        }
        let size = config.image.size
        let part = image.part(box(image.width, image.height))
        let filter: Resampler.Filter = config.image.resample == .bilinear ? .bilinear : .bicubic
        let pixels = Resampler(
            fromWidth: part.width, fromHeight: part.height, toWidth: size, toHeight: size, filter: filter
        ).apply(part)
        var maps: [HeatmapKind: [Float]] = [:]
        for (kind, map) in try data.maps(entry) {
            let b = box(map.width, map.height)
            var values: [Float] = []
            for row in b.y..<b.y + b.height {
                values += map.values[row * map.width + b.x..<row * map.width + b.x + b.width]
            }
            maps[kind] =
                resampled(
                    Heatmap(width: b.width, height: b.height, values: values), to: config.heatmapSize
                ).values
        }
        return (pixels, maps)
    }

    // MARK: Crops around damage

    private func cropBatch(_ pass: Int, side: Int) throws(TrainingError) -> TrainingBatch {
        var clean: [Item] = []
        var damaged: [Item] = []
        for index in 0..<stage.pairs {
            var random = CounterRandom(seed, 16 + number, UInt64(pass), UInt64(index))
            var pair = data.pairs[pairOrder[pass * stage.pairs + index]]
            for attempt in 0..<12 {
                if let items = try crop(pair, side: side, last: attempt == 11, &random) {
                    clean.append(items.clean)
                    damaged.append(items.damaged)
                    break
                }
                pair = data.pairs[random.index(data.pairs.count)]
            }
        }
        return assemble(clean + damaged, side: side)
    }

    /// One place around the damage, cut from both copies; nil when nothing is marked or the mark cannot be seen.
    private func crop(
        _ pair: TrainingData.Pair, side: Int, last: Bool, _ random: inout CounterRandom
    ) throws(TrainingError) -> (clean: Item, damaged: Item)? {
        let (first, second) = (try cache.example(pair.clean), try cache.example(pair.damaged))
        let (size, mapSize) = (cache.size, cache.mapSize)
        let cell = size / mapSize
        let cells = side / cell
        let place = (random.unit(), random.unit(), random.unit())
        let augmentation = Augmentation(stage.augmentation, wholeImage: false, random: &random)
        guard let map = second.maps[.implausibility] else {
            if last { throw .unsuitableData("no damaged record with a map was found in 12 draws") }
            return nil
        }
        let marked = (0..<mapSize * mapSize).filter { map[$0] >= 128 }
        if marked.isEmpty, !last { return nil }
        let target = marked.isEmpty ? 0 : marked[Int(place.0 * Double(marked.count))]
        /// Anywhere that has the marked cell inside.
        func start(_ at: Int, _ share: Double) -> Int {
            let (low, high) = (max(0, at - cells + 1), min(at, mapSize - cells))
            return low + Int(share * Double(high - low + 1))
        }
        let (left, top) = (start(target % mapSize, place.1), start(target / mapSize, place.2))

        var (seen, count, change) = (0, 0, 0)
        var values = [Float](repeating: 0, count: cells * cells)
        for row in 0..<cells {
            for column in 0..<cells {
                let mark = map[(top + row) * mapSize + left + column]
                values[row * cells + column] = Float(mark) / 255
                guard mark >= 128 else { continue }
                for y in (top + row) * cell..<(top + row + 1) * cell {
                    for x in (left + column) * cell..<(left + column + 1) * cell {
                        let at = (y * size + x) * 3
                        let differences = (0..<3).map {
                            abs(Int(first.pixels[at + $0]) - Int(second.pixels[at + $0]))
                        }
                        count += 1
                        change += differences[0] + differences[1] + differences[2]
                        if max(differences[0], differences[1], differences[2]) > 6 { seen += 1 }
                    }
                }
            }
        }
        let visible = Float(seen) / Float(max(count, 1))
        if visible < stage.visibleShare, !last { return nil }
        // How bad it looks in this crop: a base, and more with the visible area and the change.
        let area = values.reduce(0, +) / Float(values.count)
        let strength = 12 * area * visible + Float(change) / Float(3 * max(count, 1)) / 60
        let drop = 0.35 + 0.65 * (1 - exponential(-strength))

        let score = data.entries[pair.clean].scores.plausibility
        func item(_ example: ExampleCache.Example, _ entry: Int, _ score: Float, _ map: [Float])
            throws(TrainingError) -> Item
        {
            var map = map
            var pixels = [Float](repeating: 0, count: side * side * 3)
            let plain = augmentation.jitter == nil && !augmentation.grey
            for y in 0..<side {
                for x in 0..<side {
                    let column = augmentation.flip ? side - 1 - x : x
                    let source = ((top * cell + y) * size + left * cell + column) * 3
                    for channel in 0..<3 {
                        let octet = example.pixels[source + channel]
                        pixels[(y * side + x) * 3 + channel] =
                            plain ? normalised[channel][Int(octet)] : Float(octet) / 255
                    }
                }
            }
            if !plain {
                try augmentation.recolour(&pixels, side: side)
                normalise(&pixels)
            }
            if augmentation.flip { Augmentation.mirror(&map, side: cells, channels: 1) }
            if augmentation.turn {
                Augmentation.transpose(&pixels, side: side, channels: 3)
                Augmentation.transpose(&map, side: cells, channels: 1)
            }
            return Item(
                pixels: pixels, maps: [.implausibility: map], scores: [.plausibility: score],
                entry: data.entries[entry])
        }
        return (
            try item(first, pair.clean, score, [Float](repeating: 0, count: cells * cells)),
            try item(second, pair.damaged, max(score - drop, 0), values)
        )
    }
}
