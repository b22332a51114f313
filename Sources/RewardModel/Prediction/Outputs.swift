/// The paper's four scores, in the order every array and table of ours uses.
public enum ScoreKind: String, CaseIterable, Codable, Sendable {
    case plausibility, alignment, aesthetics, overall
}

/// The paper's two heatmaps.
public enum HeatmapKind: String, CaseIterable, Codable, Sendable {
    case implausibility, misalignment
}

/// Which outputs a caller wants. What they do not need is never computed.
public struct Outputs: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// All four scores.
    public static let scores = Outputs(rawValue: 1)
    /// Both heatmaps.
    public static let heatmaps = Outputs(rawValue: 2)
    /// The misaligned words.
    public static let words = Outputs(rawValue: 4)
    /// Scores, heatmaps and words.
    public static let all: Outputs = [.scores, .heatmaps, .words]
}

/// Four scores in [0, 1], higher is better.
public struct Scores: Sendable, Equatable {
    public var plausibility: Float
    public var alignment: Float
    public var aesthetics: Float
    public var overall: Float

    public init(plausibility: Float, alignment: Float, aesthetics: Float, overall: Float) {
        self.plausibility = plausibility
        self.alignment = alignment
        self.aesthetics = aesthetics
        self.overall = overall
    }

    public subscript(kind: ScoreKind) -> Float {
        switch kind {
        case .plausibility: plausibility
        case .alignment: alignment
        case .aesthetics: aesthetics
        case .overall: overall
        }
    }
}

/// One word of the caller's prompt and whether the image contradicts it.
public struct PredictedWord: Sendable, Equatable {
    /// The word as the caller typed it.
    public var word: String
    /// First Unicode scalar of the word in the caller's prompt, counted from 0 (a Python `str` index).
    public var start: Int
    /// One past the word's last Unicode scalar.
    public var end: Int
    public var misaligned: Bool

    public init(word: String, start: Int, end: Int, misaligned: Bool) {
        self.word = word
        self.start = start
        self.end = end
        self.misaligned = misaligned
    }
}

/// The decoder's answer for one prompt.
public struct WordPrediction: Sendable, Equatable {
    /// Every word of the prompt, in order.
    public var words: [PredictedWord]
    /// What the decoder wrote: the cleaned prompt with `_0` after each misaligned word.
    public var decodedText: String

    public init(words: [PredictedWord], decodedText: String) {
        self.words = words
        self.decodedText = decodedText
    }
}

/// Something done to an input that its sender might not expect. Nothing is done silently.
public enum Note: Sendable, Equatable {
    /// The image was resampled to the model's input size.
    case resized(fromWidth: Int, fromHeight: Int, toWidth: Int, toHeight: Int)
    /// A grey image was repeated over three channels.
    case greyscale
    /// An alpha channel was dropped (not composited).
    case alphaDropped
    /// EXIF orientation (2 to 8) was applied.
    case exifOrientation(Int)
    /// CMYK was converted to RGB without a colour profile.
    case cmyk
    /// Samples had this many bits and were kept at full precision.
    case sampleDepth(Int)
    /// Float samples lie outside [0, 1]; they were not clamped.
    case pixelRange(minimum: Float, maximum: Float)
    /// Punctuation was stripped from the prompt, as the model expects (`rahf-facts`: the data set's matcher).
    case promptCleaned
    /// The decoder stopped at its length limit before the prompt's end; words past it are reported as aligned.
    case wordsCutShort(predicted: Int, of: Int)
    /// The decoder's text did not repeat the prompt word for word; flags were placed by alignment.
    case wordsRealigned
    /// The heads of this model were never trained: its numbers mean nothing.
    case untrainedModel
    /// A note of a later version's server, by its name.
    case other(String)

    /// The name used on the wire and in JSON.
    public var kind: String {
        switch self {
        case .resized: "resized"
        case .greyscale: "greyscale"
        case .alphaDropped: "alpha_dropped"
        case .exifOrientation: "exif_orientation"
        case .cmyk: "cmyk"
        case .sampleDepth: "sample_depth"
        case .pixelRange: "pixel_range"
        case .promptCleaned: "prompt_cleaned"
        case .wordsCutShort: "words_cut_short"
        case .wordsRealigned: "words_realigned"
        case .untrainedModel: "untrained_model"
        case .other(let name): name
        }
    }
}
