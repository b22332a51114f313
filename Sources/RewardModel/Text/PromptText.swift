/// A word of a prompt and where the caller wrote it.
public struct PromptWord: Sendable, Equatable {
    public var text: String
    /// First Unicode scalar in the caller's prompt.
    public var start: Int
    /// One past the last.
    public var end: Int
}

/// Why a prompt cannot be read.
public enum PromptError: Error, Sendable, Equatable, CustomStringConvertible {
    case empty
    /// Only separators.
    case noWords
    case tooManyBytes(Int, limit: Int)
    case tooManyWords(Int, limit: Int)
    case notUTF8(offset: Int)

    public var description: String {
        switch self {
        case .empty: "the prompt is empty"
        case .noWords: "the prompt has no words, only spaces and punctuation"
        case .tooManyBytes(let count, let limit): "the prompt has \(count) bytes; the limit is \(limit)"
        case .tooManyWords(let count, let limit): "the prompt has \(count) words; the limit is \(limit)"
        case .notUTF8(let offset): "the prompt is not UTF-8: byte \(offset) starts no character"
        }
    }
}

extension Failure {
    /// Why a prompt cannot be scored, as the commands and the service report it.
    public init(_ error: PromptError) {
        switch error {
        case .tooManyBytes, .tooManyWords: self.init(.promptTooLong, error.description)
        case .empty, .noWords, .notUTF8: self.init(.invalidPrompt, error.description)
        }
    }
}

/// A prompt cleaned and split as the data set's own label matcher does it: at any of `, . ? ! " : ;` and space, and
/// nowhere else (apostrophes, hyphens, tabs and newlines stay inside words).
public struct PromptText: Sendable, Equatable {
    /// The words, joined by one space: what the model reads.
    public var cleaned: String
    public var words: [PromptWord]
    /// True when `cleaned` differs from the caller's prompt.
    public var wasCleaned: Bool

    public static let maximumBytes = 16 << 10
    public static let maximumWords = 1000

    private static let separators: Set<Unicode.Scalar> = [",", ".", "?", "!", "\"", ":", ";", " "]

    public static func parse(_ prompt: String) throws(PromptError) -> PromptText {
        guard !prompt.isEmpty else { throw .empty }
        guard prompt.utf8.count <= maximumBytes else { throw .tooManyBytes(prompt.utf8.count, limit: maximumBytes) }
        var words: [PromptWord] = []
        var current = String.UnicodeScalarView()
        var position = 0
        func close() {
            if !current.isEmpty {
                words.append(PromptWord(text: String(current), start: position - current.count, end: position))
                current = String.UnicodeScalarView()
            }
        }
        for scalar in prompt.unicodeScalars {
            if separators.contains(scalar) { close() } else { current.append(scalar) }
            position += 1
        }
        close()
        guard !words.isEmpty else { throw .noWords }
        guard words.count <= maximumWords else { throw .tooManyWords(words.count, limit: maximumWords) }
        let cleaned = words.map(\.text).joined(separator: " ")
        // Scalars, not characters: canonically equal strings are different inputs.
        let same = cleaned.unicodeScalars.elementsEqual(prompt.unicodeScalars)
        return PromptText(cleaned: cleaned, words: words, wasCleaned: !same)
    }

    /// Reads a prompt off the wire.
    public static func decodeUTF8(_ bytes: [UInt8]) throws(PromptError) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var offset = 0
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { offset += UTF8.width(scalar) }
        throw .notUTF8(offset: offset)
    }
}
