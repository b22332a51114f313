import Glibc
package import RewardModel

/// A list of candidates on disk, as JSON lines, read in place.
package final class CandidateList: Sendable {
    package let path: String
    /// What relative image paths are relative to.
    package let folder: String
    /// How a problem names the list.
    package let name: String
    let file: SystemFile

    /// Opens a list. Generated ones have the name and the folder of what they were made from.
    package init(path: String, folder: String? = nil, name: String? = nil) throws(Failure) {
        self.path = path
        self.folder = folder ?? Folders.split(path).parent
        self.name = name ?? path
        guard Folders.kind(path) == .file else {
            throw Failure(.fileError, "\(path): \(Folders.kind(path) == nil ? "no such file" : "not a regular file")")
        }
        file = try SystemFile(path: path)
    }

    /// A line's bytes, without its end.
    package func bytes(at offset: Int) throws(Failure) -> [UInt8] {
        var size = 1024
        while true {
            let found = try file.bytes(at: offset, count: size)
            if let end = found.firstIndex(of: 0x0a) { return Array(found[..<end]) }
            // The list was read through before: a line that does not end is its last.
            if found.count < size { return found }
            guard size <= LineChunks.size else { throw Failure(.fileError, "\(path) changed while it was read") }
            size *= 8
        }
    }

    /// Reads lines at rising offsets through one buffer.
    struct Window {
        private let list: CandidateList
        private var buffer = [UInt8](repeating: 0, count: 64 << 10)
        private var start = 0
        private var count = 0

        init(_ list: CandidateList) {
            self.list = list
        }

        /// Calls `body` with a line's bytes, without its end.
        mutating func withLine(at offset: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure)
        {
            if offset < start || offset >= start + count { try fill(offset) }
            if !(try found(offset, body)) {
                try fill(offset)
                // Longer than the window.
                if !(try found(offset, body)) { try list.bytes(at: offset).withRawBytes(body) }
            }
        }

        private mutating func fill(_ offset: Int) throws(Failure) {
            start = offset
            let list = list
            count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Failure) in
                try list.file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            }
        }

        private func found(
            _ offset: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
        ) throws(Failure) -> Bool {
            var isFound = false
            try buffer.withRawBytes { (raw) throws(Failure) in
                guard let base = raw.baseAddress, offset < start + count else { return }
                let line = base + (offset - start)
                guard let end = memchr(line, 0x0a, start + count - offset) else { return }
                try body(UnsafeRawBufferPointer(start: line, count: UnsafeRawPointer(end) - line))
                isFound = true
            }
            return isFound
        }
    }

    /// A line that was found in order before.
    package func line(at offset: Int) throws(Failure) -> CandidateLine {
        var bytes = try bytes(at: offset)
        let count = bytes.count
        bytes += [UInt8](repeating: 0, count: LineChunks.padding)
        var ignored = IgnoredKeys()
        do throws(LineFault) {
            return try bytes.withUnsafeBufferPointer { (buffer) throws(LineFault) in
                guard let base = buffer.baseAddress else { throw LineFault(text: "") }
                return try Self.parse(base, count, &ignored)
            }
        } catch {
            throw Failure(.fileError, "\(path) changed while it was read")
        }
    }

    /// Reads a line into strings; `LineChunks.padding` bytes behind it must be readable.
    static func parse(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ ignored: inout IgnoredKeys
    ) throws(LineFault) -> CandidateLine {
        func text(_ range: Range<Int>) -> String {
            String(decoding: UnsafeBufferPointer(start: base + range.lowerBound, count: range.count), as: UTF8.self)
        }
        var scanner = LineScanner()
        guard scanner.scan(base, count, &ignored), let prompt = scanner.fields.prompt,
            let image = scanner.fields.image
        else { return try LineReader.read(UnsafeRawBufferPointer(start: base, count: count), &ignored) }
        return CandidateLine(
            prompt: text(prompt), image: text(image), group: scanner.fields.group.map(text),
            scores: scanner.fields.scores)
    }
}
