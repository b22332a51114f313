import Glibc
import RewardData
import RewardImage
import RewardModel
import RewardTestSupport
import RewardTraining
import Testing

@Suite struct BatchTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    private func maker(_ stage: StageConfig) throws -> BatchMaker {
        let model = try Sample.model(.multiHead, tagger: true, in: scratch.path)
        let folder = "\(scratch.path)/data"
        try Sample.data(pairs: 6, in: folder)
        let data = try Sample.training(folder, for: model)
        let cache = try ExampleCache(data: data, folder: scratch.path, config: model.config)
        return try BatchMaker(data: data, cache: cache, config: model.config, stage: stage, number: 0, seed: 4)
    }

    /// White is where the map says, in every item; the clean copies have none.
    private func expectMapsToFit(_ batch: TrainingBatch, _ label: String, slack: Int) throws {
        let (side, cells) = (batch.shape.side, batch.shape.mapSide)
        let cell = side / cells
        let map = try #require(batch.maps[.implausibility])
        for item in 0..<batch.shape.items {
            var wrong = 0
            for row in 0..<cells {
                for column in 0..<cells {
                    var white = 0
                    for y in row * cell..<(row + 1) * cell {
                        for x in column * cell..<(column + 1) * cell
                        where batch.pixels[((item * side + y) * side + x) * 3] > 0.5 { white += 1 }
                    }
                    let share = Float(white) / Float(cell * cell)
                    // The map is antialiased: its half is where the edge is.
                    if (share >= 0.5) != (map[(item * cells + row) * cells + column] >= 0.5) { wrong += 1 }
                }
            }
            #expect(wrong <= slack, "\(label), item \(item): maps and pixels differ by \(wrong) cells")
        }
    }

    @Test(arguments: [0, 0.5, 1]) func cropsCutImagesAndMapsAlike(turn: Double) throws {
        let stage = StageConfig(
            name: "crops", steps: 1, crop: 32, bypassTransformers: true, pairs: 4, singles: 0,
            scores: [.plausibility], heatmaps: [.implausibility],
            augmentation: .init(crop: 0, jitter: 0, grey: 0, flip: 0.5, turn: turn))
        let maker = try maker(stage)
        for pass in 0..<5 {
            let batch = try maker.batch(pass)
            try expectMapsToFit(batch, "pass \(pass)", slack: 0)
            let map = try #require(batch.maps[.implausibility])
            let half = map.count / 2
            #expect(map[..<half].allSatisfy { $0 == 0 })
            // Every damaged crop has some of the damage in it.
            for item in 0..<4 {
                let size = half / 4
                #expect(map[half + item * size..<half + (item + 1) * size].contains { $0 > 0.5 })
            }
            let scores = try #require(batch.scores[.plausibility])
            #expect(scores[..<4].allSatisfy { $0 == 1 } && scores[4...].allSatisfy { $0 < 0.65 })
        }
    }

    @Test func aTurnedCropIsTheSameCropWithRowsAndColumnsExchanged() throws {
        func crops(_ turn: Double) throws -> TrainingBatch {
            try maker(
                StageConfig(
                    name: "crops", steps: 1, crop: 32, bypassTransformers: true, pairs: 3, singles: 0,
                    augmentation: .init(crop: 0, jitter: 0, grey: 0, flip: 0.5, turn: turn))
            ).batch(0)
        }
        let (plain, turned) = (try crops(0), try crops(1))
        #expect(plain.scores[.plausibility] == turned.scores[.plausibility] && plain.pixels != turned.pixels)
        for item in 0..<6 {
            for (row, column) in [(0, 31), (7, 3), (20, 20), (31, 12)] {
                for channel in 0..<3 {
                    #expect(
                        turned.pixels[((item * 32 + row) * 32 + column) * 3 + channel]
                            == plain.pixels[((item * 32 + column) * 32 + row) * 3 + channel])
                }
            }
        }
    }

    @Test func theDamageOfAWarpedCropLiesWhereItsMapSays() throws {
        let stage = StageConfig(
            name: "crops", steps: 1, crop: 32, bypassTransformers: true, pairs: 4, singles: 0,
            scores: [.plausibility], heatmaps: [.implausibility],
            augmentation: .init(crop: 0, jitter: 0, grey: 0, flip: 0.5, turn: 0.5, warp: 1))
        let (maker, again) = (try maker(stage), try maker(stage))
        for pass in 0..<8 {
            let batch = try maker.batch(pass)
            // Edges run across cells now.
            try expectMapsToFit(batch, "pass \(pass)", slack: 8)
            let map = try #require(batch.maps[.implausibility])
            let (half, size) = (map.count / 2, map.count / 8)
            #expect(map[..<half].allSatisfy { $0 == 0 })
            for item in 0..<4 {
                #expect(map[half + item * size..<half + (item + 1) * size].contains { $0 > 0.5 })
            }
            #expect(batch.pixels == (try again.batch(pass)).pixels)
        }
    }

    @Test func wholeImagesAreCutAndMirroredWithTheirMaps() throws {
        let stage = StageConfig(
            name: "whole", steps: 1, pairs: 2, singles: 3,
            augmentation: .init(crop: 1, jitter: 0, grey: 0, flip: 0.5, turn: 1))
        let maker = try maker(stage)
        for pass in 0..<4 {
            // A square of 3 cells whose edges fall between pixels.
            try expectMapsToFit(try maker.batch(pass), "pass \(pass)", slack: 4)
        }
    }

    @Test func aBatchFollowsFromItsNumberAlone() throws {
        let stage = StageConfig(
            name: "whole", steps: 9, pairs: 1, singles: 2, losses: Sample.losses,
            augmentation: .init(crop: 0.5, jitter: 0.5, grey: 0.5, flip: 0.5))
        let maker = try maker(stage)
        let third = try maker.batch(3)
        _ = try maker.batch(8)
        let again = try maker.batch(3)
        #expect(third.pixels == again.pixels && third.ids == again.ids && third.tags == again.tags)
        #expect(third.pixels != (try maker.batch(4)).pixels)
    }

    @Test func everyStepOfARehearsingStageEndsWithCrops() throws {
        let stage = StageConfig(
            name: "whole", steps: 2, pairs: 1, singles: 2, accumulate: 2, rehearsalPairs: 3, rehearsalCrop: 32,
            losses: Sample.losses, augmentation: Sample.plain)
        let maker = try maker(stage)
        for pass in 0..<6 {
            let batch = try maker.batch(pass)
            let shape = batch.shape
            if pass % 3 == 2 {
                #expect(shape.side == 32 && shape.items == 6 && shape.pairs == 3 && shape.textLength == 0)
                #expect(batch.scores.keys.sorted { $0.rawValue < $1.rawValue } == [.plausibility] && batch.tags == [])
                try expectMapsToFit(batch, "pass \(pass)", slack: 0)
            } else {
                #expect(shape.side == 64 && shape.items == 4 && shape.pairs == 1 && shape.textLength > 0)
            }
        }
        // Whole images come as they would without.
        var plain = stage
        plain.rehearsalPairs = 0
        let other = try BatchMaker(
            data: maker.data, cache: maker.cache, config: maker.config, stage: plain, number: 0, seed: 4)
        for (pass, same) in [(0, 0), (1, 1), (3, 2), (4, 3)] {
            #expect(try maker.batch(pass).pixels == other.batch(same).pixels)
        }
        #expect(try maker.batch(2).pixels != maker.batch(5).pixels)
    }

    @Test func weightsOfTargetsAddUpToOne() throws {
        let stage = StageConfig(
            name: "whole", steps: 1, pairs: 2, singles: 1, losses: Sample.losses, augmentation: Sample.plain)
        let batch = try maker(stage).batch(0)
        for weights in [
            batch.scoreWeights[.overall] ?? [], batch.mapWeights[.implausibility] ?? [],
            batch.diceWeights[.implausibility] ?? [], batch.hingeWeights, batch.tagWeights,
        ] { expectClose([weights.reduce(0, +)], [1], absolute: 1e-5) }
        // Clean copies have no misalignment map: it counts for nothing there, but a clean copy's empty damage does.
        #expect(batch.mapWeights[.misalignment]?[0] == 0)
        #expect((batch.mapWeights[.implausibility]?[0] ?? 0) > 0)
        #expect(batch.tags.count == batch.shape.items * batch.shape.textLength)
    }

    @Test func jitterAndGreyStayInsideTheRangeAndGreyHasNoColour() throws {
        var random = CounterRandom(1)
        for _ in 0..<20 {
            let augmentation = Augmentation(
                .init(crop: 0, jitter: 1, grey: 1, flip: 0), wholeImage: true, random: &random)
            var pixels = (0..<16 * 16 * 3).map { _ in Float(random.unit()) }
            try augmentation.recolour(&pixels, side: 16)
            #expect(pixels.allSatisfy { (0...1).contains($0) })
            for start in stride(from: 0, to: pixels.count, by: 3) {
                #expect(pixels[start] == pixels[start + 1] && pixels[start] == pixels[start + 2])
            }
        }
    }

    /// Sets made by one program name their pictures and groups alike.
    @Test func dataSetsKeepTheirOwnImagesAndPairs() throws {
        let model = try Sample.model(.multiHead, in: scratch.path)
        let folders = ["first", "second"].map { "\(scratch.path)/\($0)" }
        try Sample.data(pairs: 2, in: folders[0])
        try Sample.data(pairs: 3, in: folders[1])
        let data = try TrainingData(folders, for: Sample.text(model))
        #expect(data.count == 10 && data.pairCount == 5)
        for (index, entry) in data.entries.enumerated() {
            #expect(entry.image.hasPrefix(folders[index < 4 ? 0 : 1]), "\(entry.image)")
        }
        for pair in data.pairs { #expect((pair.clean < 4) == (pair.damaged < 4)) }
    }

    @Test func aMissingImageAndAFolderWithoutRecordsAreNamed() throws {
        let model = try Sample.model(.multiHead, in: scratch.path)
        #expect(throws: TrainingError.self) { try Sample.training(scratch.path, for: model) }
        let folder = "\(scratch.path)/data"
        try Sample.data(pairs: 1, in: folder)
        Glibc.unlink("\(folder)/0-clean.png")
        #expect {
            _ = try Sample.training(folder, for: model)
        } throws: { error in "\(error)".contains("0-clean") }
        let skipped = try TrainingData([folder], for: Sample.text(model), options: .init(skipBad: true))
        #expect(skipped.count == 1 && skipped.skipped.summary == "1 missing_image")
    }
}
