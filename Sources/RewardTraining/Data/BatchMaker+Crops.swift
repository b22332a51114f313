import RewardModel

/// Crops around damage, cut alike from a clean copy and a damaged one.
extension BatchMaker {
    func cropBatch(_ pass: Int, side: Int) throws(TrainingError) -> TrainingBatch {
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
        let mapSize = cache.mapSize
        let cell = cache.size / mapSize
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
        let window: CropWindow =
            if let turned = augmentation.warp {
                CropWindow(left: left * cell, top: top * cell, side: side, of: cache.size, turned)
            } else {
                CropWindow(left: left * cell, top: top * cell, side: side)
            }
        let values = window.map(map, mapSize, cell)
        let pictures = (
            clean: window.pixels(first.pixels, cache.size), damaged: window.pixels(second.pixels, cache.size)
        )

        var (seen, count, change) = (0, 0, Float(0))
        for row in 0..<side {
            for column in 0..<side where values[row / cell * cells + column / cell] >= Self.marked {
                let at = (row * side + column) * 3
                let gaps = (0..<3).map { abs(pictures.clean[at + $0] - pictures.damaged[at + $0]) }
                count += 1
                change += gaps[0] + gaps[1] + gaps[2]
                if max(gaps[0], gaps[1], gaps[2]) > Self.visibleChange { seen += 1 }
            }
        }
        // A turned window may have lost the mark.
        if count == 0, !last { return nil }
        let visible = Float(seen) / Float(max(count, 1))
        if visible < stage.visibleShare, !last { return nil }
        // How bad it looks in this crop: a base, and more with the visible area and the change.
        let area = values.reduce(0, +) / Float(values.count)
        let strength = 12 * area * visible + 255 * change / Float(3 * max(count, 1)) / 60
        let drop = 0.35 + 0.65 * (1 - exponential(-strength))

        let score = data.entries[pair.clean].scores.plausibility
        func item(_ picture: [Float], _ entry: Int, _ score: Float, _ map: [Float]) throws(TrainingError) -> Item {
            var (pixels, map) = (picture, map)
            if augmentation.flip {
                Augmentation.mirror(&pixels, side: side, channels: 3)
                Augmentation.mirror(&map, side: cells, channels: 1)
            }
            try augmentation.recolour(&pixels, side: side)
            normalise(&pixels)
            if augmentation.turn {
                Augmentation.transpose(&pixels, side: side, channels: 3)
                Augmentation.transpose(&map, side: cells, channels: 1)
            }
            return Item(
                pixels: pixels, maps: [.implausibility: map], scores: [.plausibility: score],
                entry: data.entries[entry])
        }
        let nothing = [Float](repeating: 0, count: cells * cells)
        return (
            try item(pictures.clean, pair.clean, score, nothing),
            try item(pictures.damaged, pair.damaged, max(score - drop, 0), values)
        )
    }

    /// A map's cell counts as marked from here on.
    private static let marked: Float = 128 / 255
    /// And a pixel as changed above this.
    private static let visibleChange: Float = 6.5 / 255
}
