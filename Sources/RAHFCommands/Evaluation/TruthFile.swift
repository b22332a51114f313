import RewardData

/// What is known of records whose damage was planted: `truth.jsonl` beside the data, as `rahf synthesize` writes it.
struct TruthFile: Sendable {
    struct Line: Decodable, Sendable {
        /// A word of the prompt that the picture contradicts.
        struct Word: Decodable, Sendable {
            var word: String
            var category: String
        }
        struct Damage: Decodable, Sendable {
            var kind: String
        }
        var filename: String
        /// `photograph:` and its name, or `scene`.
        var source: String?
        var damage: [Damage]?
        /// A grey picture, white where the damage is; relative to this file.
        var mask: String?
        var contradicted: [Word]?

        /// The kinds of damage, `clean` alone for a picture without any.
        var kinds: Set<String> {
            let kinds = Set((damage ?? []).map(\.kind))
            return kinds.isEmpty ? ["clean"] : kinds
        }
    }

    private var lines: [String: Line] = [:]

    /// Reads the file; its lines are found by the images' stems.
    init(path: String) throws(FeedbackDataError) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        for element in try JSONLines<Line>(path: path) {
            var line = try element.result.get()
            if let mask = line.mask, !mask.hasPrefix("/") { line.mask = "\(folder)/\(mask)" }
            lines[FeedbackRecord.stem(of: line.filename)] = line
        }
    }

    init() {}

    var isEmpty: Bool { lines.isEmpty }

    func line(of stem: String) -> Line? {
        lines[stem]
    }

    /// Where an image's mask is.
    func maskPath(of stem: String) -> String? {
        lines[stem]?.mask
    }

    mutating func merge(_ other: TruthFile) {
        lines.merge(other.lines) { _, new in new }
    }
}
