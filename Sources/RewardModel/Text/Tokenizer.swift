import CSentencePiece

/// Why a vocabulary could not be loaded.
public enum TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(String)
    case invalidModel(path: String, reason: String)

    public var description: String {
        switch self {
        case .unreadable(let reason): reason
        case .invalidModel(let path, let reason): "\(path) is not a SentencePiece model: \(reason)"
        }
    }
}

extension Failure {
    init(_ error: TokenizerError) {
        self.init(.invalidModel, error.description)
    }
}

/// A SentencePiece vocabulary: text to ids and back. Safe to use from any thread.
// Unchecked: SentencePiece's encode and decode do not change the model.
public final class Tokenizer: @unchecked Sendable {
    private let model: OpaquePointer
    public let vocabularySize: Int

    /// Loads `spiece.model`.
    public convenience init(modelPath: String) throws(TokenizerError) {
        let bytes: [UInt8]
        do { bytes = try readFile(modelPath) } catch { throw .unreadable(error.description) }
        try self.init(model: bytes, path: modelPath)
    }

    /// Loads the bytes of a `spiece.model`; `path` names it in errors.
    public init(model bytes: [UInt8], path: String = "spiece.model") throws(TokenizerError) {
        var message = [CChar](repeating: 0, count: 512)
        guard let model = rsp_load(bytes, bytes.count, &message, message.count) else {
            let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw .invalidModel(path: path, reason: text)
        }
        self.model = model
        vocabularySize = Int(rsp_vocabulary_size(model))
    }

    deinit {
        rsp_free(model)
    }

    /// Ids of a text, without an end of sequence.
    public func encode(_ text: String) -> [Int32] {
        var text = text
        return text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { characters in
                var ids: UnsafeMutablePointer<Int32>?
                let count = rsp_encode(model, characters.baseAddress, characters.count, &ids)
                defer { rsp_release(ids) }
                return Array(UnsafeBufferPointer(start: ids, count: max(Int(count), 0)))
            }
        }
    }

    /// One piece of an encoded text: its id and the UTF-8 bytes it stands for, the space before a word included.
    public struct Piece: Sendable, Equatable {
        public var id: Int32
        public var bytes: Range<Int>
    }

    /// The pieces of a text: the same ids as `encode` gives, with the bytes of `text` that each comes from.
    public func pieces(_ text: String) -> [Piece] {
        var text = text
        return text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { characters in
                var triples: UnsafeMutablePointer<Int32>?
                let count = rsp_encode_spans(model, characters.baseAddress, characters.count, &triples)
                defer { rsp_release(triples) }
                let numbers = UnsafeBufferPointer(start: triples, count: 3 * max(Int(count), 0))
                return stride(from: 0, to: numbers.count, by: 3).map {
                    let (start, end) = (Int(numbers[$0 + 1]), Int(numbers[$0 + 2]))
                    return Piece(id: numbers[$0], bytes: start..<max(start, end))
                }
            }
        }
    }

    /// For each word of a prompt, the positions of its pieces in `encode(prompt.cleaned)`.
    ///
    /// A piece belongs to the word that holds its last byte, where a word's bytes include the space before it: every
    /// piece has one word. Empty for a word that the vocabulary's normalisation drops (a zero-width space, say).
    public func positions(of prompt: PromptText) -> [Range<Int>] {
        let pieces = pieces(prompt.cleaned)
        // The end of the word in the cleaned prompt's bytes, and its first piece.
        var (end, first) = (-1, 0)
        return prompt.words.map { word in
            end += 1 + word.text.utf8.count
            var next = first
            while next < pieces.count, pieces[next].bytes.upperBound <= end { next += 1 }
            defer { first = next }
            return first..<next
        }
    }

    /// Text of ids; control and unknown ids, and ids outside the vocabulary, are left out.
    public func decode(_ ids: [Int32]) -> String {
        let known = ids.filter { $0 >= 0 && $0 < vocabularySize && rsp_is_special(model, $0) == 0 }
        var text: UnsafeMutablePointer<CChar>?
        let count = rsp_decode(model, known, known.count, &text)
        defer { rsp_release(text) }
        guard count > 0, let text else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: text, count: Int(count)), as: UTF8.self)
    }
}
