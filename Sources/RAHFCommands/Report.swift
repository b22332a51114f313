import RewardModel

/// What `rahf score` says about one image.
struct Report {
    var image: String
    var prompt: String
    var result: Result<Prediction, Failure>
    /// Files written, by heatmap.
    var heatmapFiles: [(HeatmapKind, String)] = []

    func json(_ info: ModelInfo) -> JSON {
        var fields: [(String, JSON)] = [("image", .string(image)), ("prompt", .string(prompt))]
        switch result {
        case .failure(let failure):
            fields.append(("status", .string("error")))
            fields.append(
                ("error", .object([("code", .string(failure.code.rawValue)), ("message", .string(failure.message))])))
        case .success(let prediction):
            fields.append(("status", .string("ok")))
            if let scores = prediction.scores {
                fields.append(("scores", .object(ScoreKind.allCases.map { ($0.rawValue, .number(scores[$0])) })))
            }
            if let words = prediction.words {
                let list = words.words.map { word in
                    JSON.object([
                        ("word", .string(word.word)), ("start", .integer(word.start)), ("end", .integer(word.end)),
                        ("misaligned", .bool(word.misaligned)),
                    ])
                }
                fields.append(("words", .array(list)))
                fields.append(("decoded_text", .string(words.decodedText)))
            }
            if !heatmapFiles.isEmpty {
                fields.append(("heatmaps", .object(heatmapFiles.map { ($0.rawValue, .string($1)) })))
            }
            fields.append(("notes", .array(prediction.notes.map(\.json))))
        }
        fields.append(("model", .object([("name", .string(info.name)), ("digest", .string(info.digest))])))
        return .object(fields)
    }

    /// Lines for people: a bar per score, the misaligned words, where the heatmaps are.
    var table: String {
        switch result {
        case .failure(let failure): return "\(image)\n  error     \(failure.description)\n"
        case .success(let prediction):
            var lines = [image]
            if let scores = prediction.scores {
                for kind in ScoreKind.allCases {
                    let filled = Int((scores[kind] * 24).rounded())
                    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
                    let name = kind.rawValue + String(repeating: " ", count: 13 - kind.rawValue.count)
                    lines.append("  \(name) \(bar) \(Self.hundredths(scores[kind]))")
                }
            }
            if let words = prediction.words {
                let wrong = words.words.filter(\.misaligned).map(\.word)
                lines.append("  misaligned    \(wrong.isEmpty ? "no word" : wrong.joined(separator: ", "))")
            }
            for (_, path) in heatmapFiles { lines.append("  wrote         \(path)") }
            for note in prediction.notes { lines.append("  note          \(note.json.text)") }
            return lines.joined(separator: "\n") + "\n"
        }
    }

    static func seconds(_ duration: Duration) -> String {
        "\(hundredths(Float(duration / .milliseconds(1)) / 1000)) s"
    }

    static func hundredths(_ score: Float) -> String {
        let value = Int((score * 100).rounded())
        return "\(value / 100).\(value % 100 < 10 ? "0" : "")\(value % 100)"
    }
}

extension Note {
    var json: JSON {
        var fields: [(String, JSON)] = [("kind", .string(kind))]
        switch self {
        case .resized(let fromWidth, let fromHeight, let toWidth, let toHeight):
            fields.append(("from", .array([.integer(fromWidth), .integer(fromHeight)])))
            fields.append(("to", .array([.integer(toWidth), .integer(toHeight)])))
        case .exifOrientation(let orientation): fields.append(("orientation", .integer(orientation)))
        case .sampleDepth(let bits): fields.append(("bits", .integer(bits)))
        case .pixelRange(let minimum, let maximum):
            fields.append(("minimum", .number(minimum)))
            fields.append(("maximum", .number(maximum)))
        case .wordsCutShort(let predicted, let total):
            fields.append(("predicted", .integer(predicted)))
            fields.append(("of", .integer(total)))
        case .greyscale, .alphaDropped, .cmyk, .promptCleaned, .wordsRealigned, .untrainedModel, .other: break
        }
        return .object(fields)
    }
}
