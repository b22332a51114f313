/// One image and what each annotator said about it: a line of a per-annotator feedback file.
public struct AnnotatedImage: Sendable, Equatable, Codable {
    /// A path whose stem names the image.
    public var filename: String
    public var prompt: String
    /// The image's size in pixels.
    public var width: Int
    public var height: Int
    /// See `FeedbackRecord.group`.
    public var group: String?
    public var annotations: [Annotation]

    public init(
        filename: String, prompt: String, width: Int, height: Int, group: String? = nil, annotations: [Annotation]
    ) {
        self.filename = filename
        self.prompt = prompt
        self.width = width
        self.height = height
        self.group = group
        self.annotations = annotations
    }
}

/// What one annotator said about one image.
public struct Annotation: Sendable, Equatable, Codable {
    /// Where the image looks implausible: centres of disks of radius height / 20.
    public var implausible: [Point]
    /// Where the image contradicts its prompt.
    public var misaligned: [Point]
    /// Indices of the words marked as misaligned, counted from 0 as `PromptText` splits the prompt.
    public var words: [Int]
    /// Likert scores, 1 (worst) to 5.
    public var plausibility: Int
    public var alignment: Int
    public var aesthetics: Int
    public var overall: Int
    /// True when the annotator passed the image over; the rest then says nothing and may be missing in the file.
    public var skipped: Bool

    public init(
        implausible: [Point] = [], misaligned: [Point] = [], words: [Int] = [], plausibility: Int, alignment: Int,
        aesthetics: Int, overall: Int, skipped: Bool = false
    ) {
        self.implausible = implausible
        self.misaligned = misaligned
        self.words = words
        self.plausibility = plausibility
        self.alignment = alignment
        self.aesthetics = aesthetics
        self.overall = overall
        self.skipped = skipped
    }

    /// An annotator who passed the image over.
    public static let skip = Annotation(plausibility: 0, alignment: 0, aesthetics: 0, overall: 0, skipped: true)

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        if try values.decodeIfPresent(Bool.self, forKey: .skipped) ?? false {
            self = .skip
            return
        }
        self.init(
            implausible: try values.decodeIfPresent([Point].self, forKey: .implausible) ?? [],
            misaligned: try values.decodeIfPresent([Point].self, forKey: .misaligned) ?? [],
            words: try values.decodeIfPresent([Int].self, forKey: .words) ?? [],
            plausibility: try values.decode(Int.self, forKey: .plausibility),
            alignment: try values.decode(Int.self, forKey: .alignment),
            aesthetics: try values.decode(Int.self, forKey: .aesthetics),
            overall: try values.decode(Int.self, forKey: .overall))
    }
}

/// A place in an image, in pixels from its left top corner; written `[x, y]`. The centre of the first pixel is
/// (0.5, 0.5).
public struct Point: Sendable, Equatable, Codable {
    public var x: Double
    public var y: Double

    public init(x: Double, y: Double) {
        self.x = x
        self.y = y
    }

    public init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        x = try values.decode(Double.self)
        y = try values.decode(Double.self)
        guard values.isAtEnd else {
            throw DecodingError.dataCorruptedError(in: values, debugDescription: "a point has two numbers")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        try values.encode(x)
        try values.encode(y)
    }
}
