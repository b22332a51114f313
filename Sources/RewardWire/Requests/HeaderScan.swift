/// Walks a protobuf message without decoding it: what it claims to hold is known before memory is taken for it.
///
/// Decoding a header of 4 MiB made of empty items would take a hundred times its size.
struct HeaderScan {
    /// Field 1 of every request and reply. Nil when absent or not a number.
    private(set) var version: UInt64?
    /// Field 2 of every request and reply: where it lies.
    private(set) var requestID: Range<Int>?
    private(set) var items = 0
    /// The largest number of heatmap terms one item has.
    private(set) var heatmapTerms = 0
    /// False when the bytes are no protobuf message; what was found before the fault is still there.
    private(set) var isWellFormed = true

    private enum Path {
        static let item = 5
        static let objective = 4
        static let term = 2
    }

    /// Looks at the first `limit` bytes.
    init(request header: [UInt8], limit: Int) {
        let range = 0..<min(header.count, limit)
        isWellFormed = Self.walk(header, range) { number, value in
            switch (number, value) {
            case (1, .number(let version)): self.version = version
            case (2, .bytes(let range)): requestID = range
            case (Path.item, .bytes(let item)):
                items += 1
                let terms = Self.terms(header, item)
                heatmapTerms = max(heatmapTerms, terms ?? 0)
                return terms != nil
            default: break
            }
            return true
        }
    }

    private static func terms(_ bytes: [UInt8], _ item: Range<Int>) -> Int? {
        var count = 0
        let fine = walk(bytes, item) { number, value in
            guard number == Path.objective, case .bytes(let objective) = value else { return true }
            return walk(bytes, objective) { number, _ in
                if number == Path.term { count += 1 }
                return true
            }
        }
        return fine ? count : nil
    }

    private enum Value {
        case number(UInt64)
        case bytes(Range<Int>)
    }

    /// Calls `visit` for each field, in order, until it returns false. Returns whether all was read.
    private static func walk(
        _ bytes: [UInt8], _ range: Range<Int>, _ visit: (_ number: Int, _ value: Value) -> Bool
    ) -> Bool {
        var position = range.lowerBound
        func varint() -> UInt64? {
            var value: UInt64 = 0
            for shift in stride(from: 0, to: 70, by: 7) {
                guard position < range.upperBound else { return nil }
                let byte = bytes[position]
                position += 1
                value |= UInt64(byte & 0x7f) << shift
                if byte & 0x80 == 0 { return value }
            }
            return nil
        }
        while position < range.upperBound {
            guard let tag = varint(), tag >> 3 > 0, tag >> 3 < 1 << 29 else { return false }
            let number = Int(tag >> 3)
            let value: Value
            switch tag & 7 {
            case 0:
                guard let found = varint() else { return false }
                value = .number(found)
            case 1, 5:
                let size = tag & 7 == 1 ? 8 : 4
                guard range.upperBound - position >= size else { return false }
                value = .bytes(position..<position + size)
                position += size
            case 2:
                guard let size = varint(), size <= UInt64(range.upperBound - position) else { return false }
                value = .bytes(position..<position + Int(size))
                position += Int(size)
            default: return false
            }
            guard visit(number, value) else { return false }
        }
        return true
    }
}
