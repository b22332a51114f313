import RewardImage
import RewardModel

/// A prediction with everything at addresses that C may keep while the result lives.
final class ItemAnswer {
    let scores: Scores?
    let heatmaps: [HeatmapKind: Map]
    let words: [Word]
    let hasWords: Bool
    let decodedText: Text
    let gradient: Gradient?
    let notes: [AnswerNote]

    struct Map {
        var values: Numbers<Float>
        var width: UInt32
        var height: UInt32
    }

    struct Word {
        var text: Text
        /// UTF-8 bytes of the prompt.
        var bytes: Range<Int>
        /// Unicode code points of the prompt.
        var codePoints: Range<Int>
        var misaligned: Bool
    }

    struct Gradient {
        var map: Map
        var objective: Float
        var norm: Float
    }

    private init(_ prediction: Prediction, prompt: String, scaling: GradientScaling) {
        scores = prediction.scores
        heatmaps = (prediction.heatmaps ?? [:]).mapValues {
            Map(values: Numbers($0.values), width: UInt32($0.width), height: UInt32($0.height))
        }
        hasWords = prediction.words != nil
        decodedText = Text(prediction.words?.decodedText ?? "")
        // byteOffsets[n]: where the prompt's code point n begins.
        var byteOffsets = [0]
        if hasWords {
            for scalar in prompt.unicodeScalars {
                byteOffsets.append(byteOffsets[byteOffsets.count - 1] + UTF8.width(scalar))
            }
        }
        words = (prediction.words?.words ?? []).map {
            Word(
                text: Text($0.word), bytes: byteOffsets[$0.start]..<byteOffsets[$0.end], codePoints: $0.start..<$0.end,
                misaligned: $0.misaligned)
        }
        gradient = prediction.gradient.map {
            Gradient(
                map: Map(
                    values: Numbers(scaling.apply($0.values, norm: $0.norm)), width: UInt32($0.width),
                    height: UInt32($0.height)),
                objective: $0.objective, norm: $0.norm)
        }
        notes = prediction.notes.map(AnswerNote.init)
    }

    /// An item's answer, or the item's own failure.
    static func make(
        _ result: Result<Prediction, Failure>, for item: RequestItem
    ) -> Result<ItemAnswer, Failure> {
        result.map { ItemAnswer($0, prompt: (try? item.prompt.get()) ?? "", scaling: item.scaling) }
    }
}

/// A note with its numbers in the order the header states.
struct AnswerNote {
    let kind: Text
    let values: Numbers<Double>

    init(_ note: Note) {
        kind = Text(note.kind)
        let numbers: [Double] =
            switch note {
            case .resized(let fromWidth, let fromHeight, let toWidth, let toHeight):
                [fromWidth, fromHeight, toWidth, toHeight].map(Double.init)
            case .exifOrientation(let value), .sampleDepth(let value): [Double(value)]
            case .wordsCutShort(let predicted, let count): [Double(predicted), Double(count)]
            case .pixelRange(let minimum, let maximum): [Double(minimum), Double(maximum)]
            case .greyscale, .alphaDropped, .cmyk, .promptCleaned, .wordsRealigned, .untrainedModel, .other: []
            }
        values = Numbers(numbers)
    }
}
