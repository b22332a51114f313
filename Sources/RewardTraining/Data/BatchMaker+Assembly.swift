import Glibc
package import RewardImage
import RewardModel

extension BatchMaker {
    /// Items side by side, with the weights of their targets.
    package func assemble(_ items: [Item], side: Int) -> TrainingBatch {
        let tasks = TrainingTask.tasks(of: stage, config)
        let mapSide = config.heatmapSize * side / config.image.size
        let longest = items.flatMap { item in tasks.map { item.entry.tokens[$0.prefix]?.count ?? 0 } }.max() ?? 0
        let judged = stage.losses.words > 0 && !stage.bypassTransformers
        let written =
            items.map { item in
                if case .text(let ids) = item.entry.text, judged { ids.count } else { 0 }
            }.max() ?? 0
        // In steps, so that a few programs serve all batches.
        let shape = BatchShape(
            items: items.count, pairs: stage.pairs, side: side, mapSide: mapSide,
            textLength: stage.bypassTransformers ? 0 : (longest + 7) / 8 * 8, decoderLength: (written + 7) / 8 * 8)
        var batch = TrainingBatch(shape: shape, pixels: [], ids: [], tokenCounts: [])
        batch.pixels.reserveCapacity(items.count * side * side * 3)
        for item in items { batch.pixels += item.pixels }
        if !stage.bypassTransformers {
            for task in tasks {
                for item in items {
                    let ids = item.entry.tokens[task.prefix] ?? []
                    batch.ids += ids
                    batch.ids += [Int32](repeating: config.t5.padTokenId, count: shape.textLength - ids.count)
                    batch.tokenCounts.append(Int32(ids.count))
                }
            }
        }
        for kind in stage.scores {
            batch.scores[kind] = items.map { $0.scores[kind] ?? 0 }
            var weights: [Float] = items.map { $0.scores[kind] == nil ? 0 : 1 }
            TrainingBatch.normalise(&weights)
            batch.scoreWeights[kind] = weights
        }
        for kind in stage.heatmaps {
            let empty = [Float](repeating: 0, count: mapSide * mapSide)
            batch.maps[kind] = items.flatMap { $0.maps[kind] ?? empty }
            var weights: [Float] = items.map { $0.maps[kind] == nil ? 0 : 1 }
            var marked: [Float] = items.map { ($0.maps[kind]?.contains { $0 >= 0.5 } ?? false) ? 1 : 0 }
            TrainingBatch.normalise(&weights)
            TrainingBatch.normalise(&marked)
            batch.mapWeights[kind] = weights
            batch.diceWeights[kind] = marked
        }
        batch.hingeWeights = [Float](repeating: 1 / Float(max(stage.pairs, 1)), count: stage.pairs)
        if judged { addWords(items, &batch) }
        return batch
    }

    private func addWords(_ items: [Item], _ batch: inout TrainingBatch) {
        let shape = batch.shape
        for item in items {
            switch item.entry.text {
            case .tags(let labels):
                let padding = [Float](repeating: -1, count: shape.textLength - labels.count)
                for label in labels + padding {
                    batch.tags.append(max(label, 0))
                    batch.tagWeights.append(label < 0 ? 0 : 1)
                }
            case .text(let ids):
                let rest = shape.decoderLength - ids.count
                batch.decoderIds += [config.t5.decoderStartTokenId] + ids.dropLast()
                batch.decoderIds += [Int32](repeating: config.t5.padTokenId, count: rest)
                batch.decoderClasses += ids + [Int32](repeating: config.t5.padTokenId, count: rest)
                batch.decoderWeights += [Float](repeating: 1, count: ids.count)
                batch.decoderWeights += [Float](repeating: 0, count: rest)
            }
        }
        TrainingBatch.normalise(&batch.tagWeights)
        TrainingBatch.normalise(&batch.decoderWeights)
    }
}

extension Image {
    /// A rectangle of the picture.
    package func part(_ box: (x: Int, y: Int, width: Int, height: Int)) -> Image {
        func cut<Sample>(_ samples: [Sample]) -> [Sample] {
            var kept: [Sample] = []
            kept.reserveCapacity(box.width * box.height * 3)
            for row in box.y..<box.y + box.height {
                let start = (row * width + box.x) * 3
                kept += samples[start..<start + box.width * 3]
            }
            return kept
        }
        switch samples {
        case .uint8(let octets): return Image(width: box.width, height: box.height, rgb: cut(octets))
        case .float32(let floats): return Image(width: box.width, height: box.height, rgb: cut(floats))
        }
    }
}

/// The natural exponential in single precision.
package func exponential(_ x: Float) -> Float { Glibc.expf(x) }
