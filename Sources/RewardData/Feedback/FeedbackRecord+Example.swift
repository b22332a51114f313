import FoundationEssentials
public import RewardImage
public import RewardModel
import SwiftProtobuf

/// What to read of a record.
public struct FeedbackReadOptions: Sendable {
    /// False leaves the maps encoded, and nil in the record: scores and words alone are read much faster.
    public var maps: Bool
    /// What an encoded map may measure, checked before memory is taken.
    public var limits: ImageLimits
    /// Prompts by image, for records without one.
    public var prompts: PromptTable?

    public init(maps: Bool = true, limits: ImageLimits = .default, prompts: PromptTable? = nil) {
        self.maps = maps
        self.limits = limits
        self.prompts = prompts
    }
}

/// The names of a RichHF-18K record's features, and of our two.
enum FeatureName {
    static let filename = "filename"
    static let prompt = "prompt"
    static let group = "group"
    static let labels = "prompt_misalignment_label"
    static let scores: [(ScoreKind, String)] = [
        (.plausibility, "artifact_score"), (.alignment, "misalignment_score"), (.aesthetics, "aesthetics_score"),
        (.overall, "overall_score"),
    ]
    static let maps: [(HeatmapKind, String)] = [
        (.implausibility, "artifact_map"), (.misalignment, "misalignment_map"),
    ]
}

extension FeedbackRecord {
    /// Reads a serialised `tf.train.Example`.
    ///
    /// The file name, the four scores and the word labels must be there; maps, prompt and group may be missing.
    /// Where the prompt is known, there must be a label for each of its words.
    public init(example bytes: [UInt8], options: FeedbackReadOptions = .init()) throws(FeedbackDataError.Reason) {
        let example: Rahf_Tf_Example
        do {
            example = try Rahf_Tf_Example(serializedBytes: bytes)
        } catch {
            throw .malformedExample("\(error)")
        }
        let features = example.features.feature
        func text(_ name: String) throws(FeedbackDataError.Reason) -> String? {
            guard let value = try features.bytes(name) else { return nil }
            guard let text = String(validating: value, as: UTF8.self) else {
                throw .malformedFeature(name, "is not UTF-8")
            }
            return text
        }
        guard let filename = try text(FeatureName.filename) else { throw .missingFeature(FeatureName.filename) }
        guard let labels = try text(FeatureName.labels) else { throw .missingFeature(FeatureName.labels) }
        var values: [Float] = []
        for (_, name) in FeatureName.scores {
            guard let value = try features.float(name) else { throw .missingFeature(name) }
            guard (0...1).contains(value) else { throw .scoreOutOfRange(name, value) }
            values.append(value)
        }
        self.init(
            filename: filename, prompt: try text(FeatureName.prompt), group: try text(FeatureName.group),
            scores: Scores(plausibility: values[0], alignment: values[1], aesthetics: values[2], overall: values[3]),
            misaligned: try Self.flags(labels))
        if prompt == nil { prompt = options.prompts?.prompt(of: stem) }
        try checkLabels()
        if options.maps {
            implausibility = try Self.map(FeatureName.maps[0].1, features, options.limits)
            misalignment = try Self.map(FeatureName.maps[1].1, features, options.limits)
        }
    }

    /// The record as a serialised `tf.train.Example`. The same record gives the same bytes.
    ///
    /// Maps are written as 8-bit grey PNG, values rounded to the nearest 1/255.
    /// - Throws: what `init(example:)` would refuse to read back.
    public func example() throws(FeedbackDataError.Reason) -> [UInt8] {
        try checkLabels()
        var features: [String: Rahf_Tf_Feature] = [:]
        features[FeatureName.filename] = .bytes(Data(filename.utf8))
        if let prompt { features[FeatureName.prompt] = .bytes(Data(prompt.utf8)) }
        if let group { features[FeatureName.group] = .bytes(Data(group.utf8)) }
        let labels = misaligned.map { $0 ? "0" : "1" }.joined(separator: " ")
        features[FeatureName.labels] = .bytes(Data(labels.utf8))
        for (kind, name) in FeatureName.scores {
            guard (0...1).contains(scores[kind]) else { throw .scoreOutOfRange(name, scores[kind]) }
            features[name] = .with { $0.floatList.value = [scores[kind]] }
        }
        for (kind, name) in FeatureName.maps {
            if let map = self[kind] { features[name] = .bytes(Data(PNGEncoder.encode(map))) }
        }
        let example = Rahf_Tf_Example.with { $0.features.feature = features }
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        do {
            return try example.serializedBytes(options: options)
        } catch {
            throw .malformedExample("\(error)")
        }
    }

    public subscript(kind: HeatmapKind) -> Heatmap? {
        switch kind {
        case .implausibility: implausibility
        case .misalignment: misalignment
        }
    }

    private func checkLabels() throws(FeedbackDataError.Reason) {
        guard let prompt else { return }
        let words: Int
        do throws(PromptError) { words = try PromptText.parse(prompt).words.count } catch {
            throw .invalidPrompt(error)
        }
        guard words == misaligned.count else { throw .labelCount(labels: misaligned.count, words: words) }
    }

    private static func flags(_ labels: String) throws(FeedbackDataError.Reason) -> [Bool] {
        var flags: [Bool] = []
        for label in labels.split(whereSeparator: \.isWhitespace) {
            switch label {
            case "0": flags.append(true)
            case "1": flags.append(false)
            default: throw .malformedLabel(String(label.prefix(40)))
            }
        }
        return flags
    }

    private static func map(
        _ name: String, _ features: [String: Rahf_Tf_Feature], _ limits: ImageLimits
    ) throws(FeedbackDataError.Reason) -> Heatmap? {
        guard let bytes = try features.bytes(name) else { return nil }
        do throws(ImageError) {
            return Heatmap(grey: try ImageDecoder.decode(bytes, limits: limits).image)
        } catch { throw .undecodableMap(name, error) }
    }
}

extension Heatmap {
    /// The brightness of a picture: its value where red, green and blue agree, else 0.299 R + 0.587 G + 0.114 B.
    init(grey image: Image) {
        func brightness(_ red: Float, _ green: Float, _ blue: Float) -> Float {
            red == green && green == blue ? red : 0.299 * red + 0.587 * green + 0.114 * blue
        }
        let count = image.width * image.height
        let values: [Float] =
            switch image.samples {
            case .uint8(let rgb):
                (0..<count).map { index in
                    let at = 3 * index
                    return brightness(Float(rgb[at]), Float(rgb[at + 1]), Float(rgb[at + 2])) / 255
                }
            case .float32(let rgb):
                (0..<count).map { index in brightness(rgb[3 * index], rgb[3 * index + 1], rgb[3 * index + 2]) }
            }
        self.init(width: image.width, height: image.height, values: values)
    }
}

extension Rahf_Tf_Feature {
    fileprivate static func bytes(_ value: Data) -> Self {
        .with { $0.bytesList.value = [value] }
    }
}

extension [String: Rahf_Tf_Feature] {
    /// The one byte string of a feature; nil when the feature is missing or its list empty.
    fileprivate func bytes(_ name: String) throws(FeedbackDataError.Reason) -> [UInt8]? {
        guard let feature = self[name] else { return nil }
        guard case .bytesList(let list) = feature.kind else { throw .malformedFeature(name, "is not a list of bytes") }
        guard list.value.count <= 1 else { throw .malformedFeature(name, "has \(list.value.count) values, not one") }
        return list.value.first.map(Array.init)
    }

    fileprivate func float(_ name: String) throws(FeedbackDataError.Reason) -> Float? {
        guard let feature = self[name] else { return nil }
        guard case .floatList(let list) = feature.kind else { throw .malformedFeature(name, "is not a list of floats") }
        guard list.value.count <= 1 else { throw .malformedFeature(name, "has \(list.value.count) values, not one") }
        return list.value.first
    }
}
