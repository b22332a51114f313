import FoundationEssentials
import RewardSelection

/// A line read by the JSON library: for what `LineScanner` leaves, and where strings are wanted.
package struct LineReader {
    /// Reads a line's JSON object.
    ///
    /// - Throws: a sentence that says what is wrong.
    package static func read(_ bytes: UnsafeRawBufferPointer, _ ignored: inout IgnoredKeys) throws(LineFault)
        -> CandidateLine
    {
        let object: Object
        do {
            object = try JSONDecoder().decode(Object.self, from: Data(bytes))
        } catch let error as DecodingError {
            throw LineFault(text: explanation(error, bytes))
        } catch {
            throw LineFault(text: "not a JSON object")
        }
        for key in object.ignored { ignored.note(key) }
        guard let prompt = object.prompt else { throw LineFault(text: "it has no \"prompt\"") }
        guard let image = object.image else { throw LineFault(text: "it has no \"image\"") }
        var line = CandidateLine(prompt: prompt, image: image, group: object.group)
        for (name, value) in object.scores {
            guard let index = scoreNames.firstIndex(of: name) else {
                throw LineFault(text: "\"\(name)\" is no score; the scores are \(scoreNames.joined(separator: ", "))")
            }
            if let value { line.scores[index] = value }
        }
        if let place = object.place {
            guard place.offset >= 0, place.size >= 0, place.offset <= Int.max - place.size else {
                throw LineFault(text: "\"place\" lies outside any file")
            }
            line.place = place
        }
        return line
    }

    private static func explanation(_ error: DecodingError, _ bytes: UnsafeRawBufferPointer) -> String {
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context):
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? "not a JSON object" : "\"\(path)\" has the wrong type"
        default:
            let text = String(decoding: bytes, as: UTF8.self)
            for word in ["NaN", "Infinity"] where text.contains(word) {
                return "a score is \(word), which is no number"
            }
            return "not valid JSON"
        }
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private struct Object: Decodable {
        var prompt: String?
        var image: String?
        var group: String?
        var scores: [String: Double?] = [:]
        var place: ShardPlace?
        var ignored: [String] = []

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            for key in container.allKeys {
                switch key.stringValue {
                case "prompt": prompt = try container.decode(String.self, forKey: key)
                case "image": image = try container.decode(String.self, forKey: key)
                case "group":
                    if try container.decodeNil(forKey: key) { continue }
                    if let number = try? container.decode(Int.self, forKey: key) {
                        group = String(number)
                    } else {
                        group = try container.decode(String.self, forKey: key)
                    }
                case "scores":
                    scores = try container.decodeIfPresent([String: Double?].self, forKey: key) ?? [:]
                case "place":
                    place = try container.decodeIfPresent(ShardPlace.self, forKey: key)
                default: ignored.append(key.stringValue)
                }
            }
        }
    }
}

/// What is wrong with a line, without its number.
package struct LineFault: Error, Equatable {
    package var text: String
}

/// The names of a `ScoreVector`'s places.
package let scoreNames = ["plausibility", "alignment", "aesthetics", "overall"]
