import FoundationEssentials
import Glibc
import RewardData
import RewardImage
import RewardModel
import RewardTestSupport
import RewardTraining
import Testing

/// Small data sets and models for training.
enum Sample {
    static let vocabulary = Fixtures.path("RewardModelTests", "golden-multi-port/spiece.model")

    /// A fresh model of 64 pixels.
    static func model(_ variant: ModelConfig.Variant, tagger: Bool = false, in folder: String) throws -> ModelFolder {
        let pieces = try Tokenizer(modelPath: vocabulary).vocabularySize
        var config = ModelConfig.tiny(variant, vocabSize: pieces)
        if tagger {
            config = .mini(variant, vocabSize: pieces)
            config.image.size = 64
            config.vit.hiddenSize = 32
            config.vit.numHiddenLayers = 1
            config.vit.numAttentionHeads = 2
            config.vit.intermediateSize = 32
            config.vit.stem?.channels = [8, 8, 16, 32]
            config.detail?.stem.channels = [8, 8, 16, 32]
            config.t5.dModel = 32
            config.t5.dKv = 8
            config.t5.dFf = 32
            config.t5.numHeads = 2
            config.scoreHead.convolutions = [.init(channels: 8, kernel: 3)]
            config.scoreHead.dense = [8, 1]
            config.heatmapHead.convolutions = [8]
            config.heatmapHead.deconvolutions = [8, 8]
            config.heatmapHead.readOut = [8, 1]
            config.wordHead?.dense = [8, 1]
        }
        // Norms of almost nothing bend sharply; slopes by differences need a smoother model.
        config.heatmapHead.normEps = 0.1
        config.scoreHead.normEps = 0.1
        config.vit.layerNormEps = 0.1
        config.t5.layerNormEpsilon = 0.1
        let path = "\(folder)/start-\(variant.rawValue)-\(tagger)"
        try ModelFolder.create(at: path, config: config, vocabulary: try readFile(vocabulary), seed: 3)
        return try ModelFolder(path: path)
    }

    /// Pictures of noise, each clean and with a white square that its map marks.
    ///
    /// - Parameter side: of the pictures and maps.
    static func data(pairs: Int, side: Int = 64, in folder: String) throws {
        mkdir(folder, 0o755)
        let writer = try FeedbackWriter(path: "\(folder)/feedback.tfrecord")
        var random = CounterRandom(5)
        for index in 0..<pairs {
            let clean = (0..<side * side * 3).map { _ in UInt8(random.index(120)) }
            var (damaged, map) = (clean, [Float](repeating: 0, count: side * side))
            let (left, top) = (4 * random.index(side / 4 - 3), 4 * random.index(side / 4 - 3))
            for y in top..<top + 12 {
                for x in left..<left + 12 {
                    map[y * side + x] = 1
                    for channel in 0..<3 { damaged[(y * side + x) * 3 + channel] = 255 }
                }
            }
            let words = ["a red cat on a mat", "two dogs"][index % 2]
            let flags = words.split(separator: " ").indices.map { $0 == index % 3 }
            for (name, pixels, map, plausibility) in [
                ("\(index)-clean", clean, nil, Float(1)),
                ("\(index)-damaged", damaged, Heatmap(width: side, height: side, values: map), 0.3),
            ] {
                let image = PNGEncoder.encode(Image(width: side, height: side, rgb: pixels))
                try RewardTraining.writeFile(image, to: "\(folder)/\(name).png")
                try writer.write(
                    FeedbackRecord(
                        filename: "\(name).png", prompt: words, group: "\(index)",
                        scores: Scores(
                            plausibility: plausibility, alignment: 0.5, aesthetics: 0.25, overall: plausibility / 2),
                        implausibility: map,
                        misalignment: map.map { map in
                            Heatmap(width: side, height: side, values: map.values.reversed())
                        }, misaligned: flags))
            }
        }
        try writer.finish()
    }

    static func training(_ folder: String, for model: ModelFolder) throws -> TrainingData {
        try TrainingData([folder], for: text(model))
    }

    static func text(_ model: ModelFolder) throws -> ModelText {
        ModelText(config: model.config, tokenizer: try Tokenizer(modelPath: model.vocabularyPath))
    }

    /// Every part of the loss at once.
    static let losses = LossConfig(
        score: 1, hinge: 0.5, margin: 0.3, heatmap: 2, heatmapEntropy: 1, positiveWeight: 3, dice: 0.5, words: 1,
        wordPositiveWeight: 2)

    static let plain = AugmentationConfig(crop: 0, jitter: 0, grey: 0, flip: 0)
}
