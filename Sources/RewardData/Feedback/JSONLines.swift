import FoundationEssentials
import Glibc

/// The objects of a JSON-lines file, one after another; memory holds one line at a time. Blank lines are passed over.
public final class JSONLines<Value: Decodable>: Sequence, IteratorProtocol {
    /// A value and the line it came from.
    public struct Element {
        /// Counted from 0.
        public var line: Int
        public var result: Result<Value, FeedbackDataError>
    }

    /// Longer lines are refused, and the file with them.
    public static var maximumLineBytes: Int { 64 << 20 }

    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    private var atEnd = false
    private var line = -1

    public init(path: String) throws(FeedbackDataError) {
        self.path = path
        descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FeedbackDataError(file: path, .unreadable(systemMessage())) }
        while buffer.count < 512, !atEnd { try fill() }
        if let pointer = LFSPointer(Array(buffer.prefix(512))) {
            throw FeedbackDataError(file: path, .lfsPointer(size: pointer.size))
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    public func next() -> Element? {
        while true {
            let bytes: [UInt8]
            do throws(FeedbackDataError) {
                guard let found = try nextLine() else { return nil }
                bytes = found
            } catch {
                atEnd = true
                (buffer, start) = ([], 0)
                return Element(line: line, result: .failure(error))
            }
            if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
            do {
                return Element(line: line, result: .success(try JSONDecoder().decode(Value.self, from: Data(bytes))))
            } catch {
                return Element(
                    line: line,
                    result: .failure(FeedbackDataError(file: path, record: line, .malformedLine(Self.sentence(error)))))
            }
        }
    }

    private func nextLine() throws(FeedbackDataError) -> [UInt8]? {
        line += 1
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0a) {
                defer { start = end + 1 }
                return Array(buffer[start..<end])
            }
            if atEnd {
                defer { start = buffer.count }
                return start < buffer.count ? Array(buffer[start...]) : nil
            }
            guard buffer.count - start <= Self.maximumLineBytes else {
                throw FeedbackDataError(
                    file: path, record: line,
                    .recordTooLarge(bytes: UInt64(buffer.count - start), limit: Self.maximumLineBytes))
            }
            buffer.removeSubrange(..<start)
            start = 0
            searched = buffer.count
            try fill()
        }
    }

    private func fill() throws(FeedbackDataError) {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var got: Int
        repeat { got = read(descriptor, &chunk, chunk.count) } while got < 0 && errno == EINTR
        guard got >= 0 else { throw FeedbackDataError(file: path, .unreadable(systemMessage())) }
        if got == 0 { atEnd = true }
        buffer += chunk[..<got]
    }

    /// What a decoder's error says, on one line.
    private static func sentence(_ error: any Error) -> String {
        func place(_ path: [any CodingKey]) -> String {
            path.isEmpty
                ? "" : " at \(path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: "."))"
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            return "the key \"\(key.stringValue)\" is missing\(place(context.codingPath))"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            return "\(context.debugDescription)\(place(context.codingPath))"
        case DecodingError.dataCorrupted(let context):
            return "not the JSON object it should be: \(context.debugDescription)\(place(context.codingPath))"
        default: return "not a JSON object"
        }
    }
}
