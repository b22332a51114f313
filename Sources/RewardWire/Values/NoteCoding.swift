package import RewardModel
import SwiftProtobuf

extension WireNote {
    package init(_ note: Note) {
        self.init()
        kind = note.kind
        switch note {
        case .resized(let fromWidth, let fromHeight, let toWidth, let toHeight):
            resized = .with {
                $0.fromWidth = UInt32(clamping: fromWidth)
                $0.fromHeight = UInt32(clamping: fromHeight)
                $0.toWidth = UInt32(clamping: toWidth)
                $0.toHeight = UInt32(clamping: toHeight)
            }
        case .exifOrientation(let value): exifOrientation = UInt32(clamping: value)
        case .sampleDepth(let bits): sampleDepth = UInt32(clamping: bits)
        case .wordsCutShort(let predicted, let count):
            wordsCutShort = .with {
                $0.predicted = UInt32(clamping: predicted)
                $0.of = UInt32(clamping: count)
            }
        case .pixelRange(let minimum, let maximum):
            pixelRange = .with {
                $0.minimum = minimum
                $0.maximum = maximum
            }
        case .greyscale, .alphaDropped, .cmyk, .promptCleaned, .wordsRealigned, .untrainedModel, .other: break
        }
    }

    package var note: Note {
        switch (kind, detail) {
        case ("resized", .resized(let sizes)):
            .resized(
                fromWidth: Int(sizes.fromWidth), fromHeight: Int(sizes.fromHeight), toWidth: Int(sizes.toWidth),
                toHeight: Int(sizes.toHeight))
        case ("exif_orientation", .exifOrientation(let value)): .exifOrientation(Int(value))
        case ("sample_depth", .sampleDepth(let bits)): .sampleDepth(Int(bits))
        case ("words_cut_short", .wordsCutShort(let cut)):
            .wordsCutShort(predicted: Int(cut.predicted), of: Int(cut.of))
        case ("pixel_range", .pixelRange(let range)): .pixelRange(minimum: range.minimum, maximum: range.maximum)
        case ("greyscale", nil): .greyscale
        case ("alpha_dropped", nil): .alphaDropped
        case ("cmyk", nil): .cmyk
        case ("prompt_cleaned", nil): .promptCleaned
        case ("words_realigned", nil): .wordsRealigned
        case ("untrained_model", nil): .untrainedModel
        default: .other(kind)
        }
    }
}
