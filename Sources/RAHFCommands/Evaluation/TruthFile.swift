import RewardData

/// What is known of records whose damage was planted: `truth.jsonl` beside the data, as `rahf synthesize` writes it.
struct TruthFile: Sendable {
    struct Line: Decodable, Sendable {
        struct Word: Decodable, Sendable {
            /// Index of a contradicted word.
            var word: Int
            var category: String
        }
        var filename: String
        /// The damage's kind; missing or `clean` for an undamaged picture.
        var kind: String?
        /// A grey picture, white where the damage is; relative to this file.
        var mask: String?
        /// The picture that was damaged, where several records show one.
        var photograph: String?
        var contradicted: [Word]?

        var isClean: Bool { kind == nil || kind == "" || kind == "clean" || kind == "none" }
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
