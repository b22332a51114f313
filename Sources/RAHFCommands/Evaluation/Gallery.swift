import RewardImage
import RewardMetrics
import RewardModel

/// The best and the worst examples of a run, kept small: a thumbnail and two maps each.
struct Gallery {
    struct Example {
        var rank: Double
        var caption: String
        var pictures: [(caption: String, image: Image)]
    }

    /// What examples are ranked by.
    enum Shelf: String, CaseIterable {
        case worstImplausibility = "Worst implausibility heatmaps (lowest CC)"
        case bestImplausibility = "Best implausibility heatmaps (highest CC)"
        case worstMisalignment = "Worst misalignment heatmaps (lowest CC)"
        case bestMisalignment = "Best misalignment heatmaps (highest CC)"
        case falseAlarms = "Loudest false alarms (highest MSE where nothing is marked)"
        case worstScores = "Worst scores (largest mean error of the four)"
        case bestScores = "Best scores (smallest mean error of the four)"

        var map: HeatmapKind {
            self == .worstMisalignment || self == .bestMisalignment ? .misalignment : .implausibility
        }

        /// Higher belongs further up; nil does not belong.
        func rank(_ sample: SampleMeasures) -> Double? {
            func error() -> Double {
                ScoreKind.allCases.reduce(0) { $0 + Double((sample.predicted[$1] - sample.truth[$1]).magnitude) } / 4
            }
            switch self {
            case .worstImplausibility, .worstMisalignment: return sample.maps[map]?.correlation.map(-)
            case .bestImplausibility, .bestMisalignment: return sample.maps[map]?.correlation
            case .falseAlarms:
                return sample.maps[map].flatMap { $0.isEmpty ? $0.meanSquaredError : nil }
            case .worstScores: return error()
            case .bestScores: return -error()
            }
        }
    }

    /// Examples of each shelf.
    static let length = 6
    /// Longer side of a picture on the page.
    static let side = 200

    private(set) var shelves: [Shelf: [Example]] = [:]

    /// Keeps the record wherever it ranks among the first.
    mutating func offer(
        _ sample: SampleMeasures, image: Image, truth: [HeatmapKind: Heatmap], predicted: PredictedFeedback
    ) {
        for shelf in Shelf.allCases {
            guard let rank = shelf.rank(sample) else { continue }
            var examples = shelves[shelf] ?? []
            if examples.count == Self.length, let last = examples.last, last.rank >= rank { continue }
            let example = Self.example(rank, sample, shelf.map, image, truth[shelf.map], predicted)
            examples.insert(example, at: examples.firstIndex { $0.rank < rank } ?? examples.count)
            shelves[shelf] = Array(examples.prefix(Self.length))
        }
    }

    private static func example(
        _ rank: Double, _ sample: SampleMeasures, _ kind: HeatmapKind, _ image: Image, _ truth: Heatmap?,
        _ predicted: PredictedFeedback
    ) -> Example {
        let scale = Double(side) / Double(max(image.width, image.height))
        let (width, height) = (
            max(Int(Double(image.width) * scale), 1), max(Int(Double(image.height) * scale), 1)
        )
        let pixels = Resampler(
            fromWidth: image.width, fromHeight: image.height, toWidth: width, toHeight: height, filter: .bilinear
        ).apply(image)
        var pictures: [(caption: String, image: Image)] = [("image", Image(width: width, height: height, rgb: pixels))]
        for (name, map) in [("ground truth", truth), ("prediction", predicted.heatmaps[kind])] {
            guard let map else { continue }
            let small = map.resampled(width: width, height: height)
            let highest = decimal(Double(map.values.max() ?? 0), 2)
            pictures.append(("\(name), at most \(highest)", overlay(small, on: pixels)))
        }
        let scores = ScoreKind.allCases.map { kind in
            "\(kind.rawValue) \(decimal(Double(sample.predicted[kind]), 2)) (\(decimal(Double(sample.truth[kind]), 2)))"
        }
        let words = sample.wordFlags.map { word in
            word.predicted && word.truth
                ? "[\(word.text)]" : word.predicted ? "+[\(word.text)]" : word.truth ? "-[\(word.text)]" : word.text
        }
        return Example(
            rank: rank,
            caption:
                "\(sample.stem). \(words.joined(separator: " ")). Predicted (true): \(scores.joined(separator: ", ")).",
            pictures: pictures)
    }

    /// The picture dimmed to grey, and the map over it from yellow to red.
    private static func overlay(_ map: Heatmap, on rgb: [Float]) -> Image {
        var pixels = [Float](repeating: 0, count: rgb.count)
        for index in map.values.indices {
            let grey = 0.25 + 0.5 * (rgb[3 * index] + rgb[3 * index + 1] + rgb[3 * index + 2]) / 3
            let value = min(max(map.values[index], 0), 1)
            // The root lets faint predictions show.
            let cover = 0.85 * value.squareRoot()
            let colour: [Float] = [1, 0.85 * (1 - value), 0]
            for channel in 0..<3 { pixels[3 * index + channel] = grey * (1 - cover) + colour[channel] * cover }
        }
        return Image(width: map.width, height: map.height, rgb: pixels)
    }
}
