import RewardImage
package import RewardModel

/// Makes the batches of a stage from the seed and the step alone.
package final class BatchMaker {
    package let data: TrainingData
    package let cache: ExampleCache
    package let config: ModelConfig
    package let stage: StageConfig
    let seed: UInt64
    let number: UInt64
    var pairOrder: Shuffle
    private var singleOrder: Shuffle
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

    func normalise(_ pixels: inout [Float]) {
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
}
