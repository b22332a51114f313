package import RewardModel

/// Walks the members of a tar file (ustar, with pax and GNU long names) without unpacking it.
package struct TarReader {
    /// A regular file in the archive.
    package struct Member: Equatable, Sendable {
        package var name: String
        /// Its first byte in the archive.
        package var offset: Int
        package var size: Int
    }

    package let file: SystemFile
    private let size: Int
    private var at = 0
    /// From a pax or GNU header, for the member that follows.
    private var longName: String?
    private var longSize: Int?

    package init(path: String) throws(Failure) {
        file = try SystemFile(path: path)
        size = try file.size()
    }

    /// The next regular file, or nil at the archive's end.
    package mutating func next() throws(Failure) -> Member? {
        while true {
            // Some writers leave out the two blocks of zeros.
            if at == size { return nil }
            let header = try file.bytes(at: at, count: 512)
            guard header.count == 512 else { throw fault("a header is cut short") }
            if header.allSatisfy({ $0 == 0 }) { return nil }
            try check(header)
            let kind = header[156]
            let isExtension = kind == 0x78 || kind == 0x67 || kind == 0x4c || kind == 0x4b
            let stated = try number(header[124..<136])
            let length = isExtension ? stated : longSize ?? stated
            let start = at + 512
            guard length <= size - start else { throw fault("a member of \(length) bytes reaches past the end") }
            let next = min(start + (length + 511) / 512 * 512, size)
            switch kind {
            case 0x78: try readPax(start, length)
            case 0x4c: longName = Self.text(try extensionBytes(start, length)[...])
            case 0x67, 0x4b: break  // Global pax values and long link names: nothing here needs them.
            default:
                let name = longName ?? Self.name(header)
                (longName, longSize) = (nil, nil)
                if kind == 0x30 || kind == 0 || kind == 0x37 {
                    at = next
                    return Member(name: name, offset: start, size: length)
                }
            }
            at = next
        }
    }

    private func fault(_ reason: String) -> Failure {
        Failure(.fileError, "\(file.path): not a sound tar file: \(reason), at byte \(at)")
    }

    private func check(_ header: [UInt8]) throws(Failure) {
        var sum = 0
        for (index, byte) in header.enumerated() { sum += (148..<156).contains(index) ? 0x20 : Int(byte) }
        guard sum == (try number(header[148..<156])) else { throw fault("a header's checksum is wrong") }
    }

    /// Octal digits, or GNU's big-endian binary when the first bit is set.
    private func number(_ field: ArraySlice<UInt8>) throws(Failure) -> Int {
        if let first = field.first, first & 0x80 != 0 {
            var value = Int(first & 0x7f)
            for byte in field.dropFirst() {
                guard value < 1 << 48 else { throw fault("a size is absurd") }
                value = value << 8 | Int(byte)
            }
            return value
        }
        var value = 0
        for byte in field.drop(while: { $0 == 0x20 }) {
            if byte == 0 || byte == 0x20 { break }
            guard (0x30...0x37).contains(byte) else { throw fault("a number is not octal") }
            value = value << 3 | Int(byte & 7)
        }
        return value
    }

    private func extensionBytes(_ start: Int, _ length: Int) throws(Failure) -> [UInt8] {
        guard length <= 1 << 20 else { throw fault("an extended header is \(length) bytes long") }
        return try file.bytes(at: start, count: length)
    }

    /// Records of the form `LENGTH KEY=VALUE\n`.
    private mutating func readPax(_ start: Int, _ length: Int) throws(Failure) {
        var rest = try extensionBytes(start, length)[...]
        while let first = rest.first, first != 0 {
            guard let space = rest.firstIndex(of: 0x20), let count = Int(Self.text(rest[..<space])),
                count > space - rest.startIndex + 1, count <= rest.count,
                let equals = rest[space...].firstIndex(of: 0x3d), equals < rest.startIndex + count
            else { throw fault("an extended header is malformed") }
            let end = rest.startIndex + count
            let value = Self.text(rest[(equals + 1)..<(end - 1)])
            switch Self.text(rest[(space + 1)..<equals]) {
            case "path": longName = value
            case "size":
                guard let size = Int(value), size >= 0 else { throw fault("an extended header's size is malformed") }
                longSize = size
            default: break
            }
            rest = rest[end...]
        }
    }

    private static func name(_ header: [UInt8]) -> String {
        let name = text(header[0..<100])
        // Only POSIX's own magic has a prefix there.
        guard header[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0]) else { return name }
        let prefix = text(header[345..<500])
        return prefix.isEmpty ? name : "\(prefix)/\(name)"
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
