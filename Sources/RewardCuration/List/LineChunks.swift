import Glibc
import RewardModel
import Synchronization

/// Whole lines of a list, a megabyte at a time, for several threads at once.
final class LineChunks: Sendable {
    /// Readable bytes behind a chunk.
    static let padding = 8
    /// Bytes of a chunk, and the longest line.
    static let size = 1 << 20

    private let list: CandidateList
    private let place: Mutex<Place>

    private struct Place {
        var offset = 0
        var line = 1
        var isDone = false
    }

    /// A thread's own buffer and what is in it.
    struct Chunk {
        fileprivate var buffer = [UInt8]()
        var count = 0
        /// The first byte's place in the file.
        var offset = 0
        /// The first line's number.
        var firstLine = 0
    }

    init(_ list: CandidateList) {
        self.list = list
        place = Mutex(Place())
    }

    /// Fills a chunk with the next lines; false at the end.
    ///
    /// - Throws: `ListProblem` for a line without end, `Failure` when the file cannot be read.
    func next(_ chunk: inout Chunk) throws -> Bool {
        try place.withLock { place in
            guard !place.isDone else { return false }
            if chunk.buffer.isEmpty { chunk.buffer = [UInt8](repeating: 0, count: Self.size + Self.padding) }
            let count = try chunk.buffer.withUnsafeMutableBytes { buffer in
                try list.file.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Self.size]), at: place.offset)
            }
            let isLast = count < Self.size
            let end = chunk.buffer[..<count].lastIndex(of: 0x0a).map { $0 + 1 }
            guard let used = isLast ? count : end else {
                throw ListProblem(line: place.line, text: "the line is over \(Self.size) bytes long")
            }
            (chunk.count, chunk.offset, chunk.firstLine) = (used, place.offset, place.line)
            // What lies behind the end must not look like more of the last number.
            for index in used..<used + Self.padding where isLast { chunk.buffer[index] = 0 }
            place.offset += used
            place.line += Self.newlines(chunk.buffer, used)
            place.isDone = isLast
            return used > 0
        }
    }

    private static func newlines(_ bytes: [UInt8], _ count: Int) -> Int {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            var total = 0
            var at = 0
            while let found = memchr(base + at, 0x0a, count - at) {
                total += 1
                at = UnsafeRawPointer(found) - base + 1
            }
            return total
        }
    }
}

extension LineChunks.Chunk {
    /// Calls `body` with each line that is not blank: its first byte in the chunk, its length and its number.
    func forEachLine(_ body: (UnsafePointer<UInt8>, Int, Int, Int) throws -> Void) rethrows {
        try buffer.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var start = 0
            var line = firstLine
            while start < count {
                let end =
                    memchr(base + start, 0x0a, count - start).map { UnsafeRawPointer($0) - UnsafeRawPointer(base) }
                    ?? count
                if (start..<end).contains(where: { base[$0] != 0x20 && base[$0] != 0x0d && base[$0] != 0x09 }) {
                    try body(base + start, end - start, line, offset + start)
                }
                start = end + 1
                line += 1
            }
        }
    }
}
