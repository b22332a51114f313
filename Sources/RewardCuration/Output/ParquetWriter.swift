package import RewardModel

/// Writes a Parquet file of required columns, plainly encoded and not compressed: what image files, texts and a few
/// numbers need. Our own because no Swift package writes Parquet.
///
/// Format: parquet-format 2, `PageHeader` and `FileMetaData` in Thrift's compact protocol.
package final class ParquetWriter {
    package enum Kind: Sendable {
        case int64, double, bytes, string

        fileprivate var physical: Int {
            switch self {
            case .int64: 2
            case .double: 5
            case .bytes, .string: 6
            }
        }
    }

    package enum Value {
        case int64(Int64)
        case double(Double)
        case bytes([UInt8])
    }

    private struct Chunk {
        var offset: Int
        var size: Int
    }

    private let columns: [(name: String, kind: Kind)]
    private let file: FileWriter
    private var pending: [[UInt8]]
    private var pendingRows = 0
    private var groups: [(rows: Int, chunks: [Chunk])] = []
    /// A row group is closed at this many rows or bytes.
    private static let (groupRows, groupBytes) = (1000, 64 << 20)

    package init(path: String, columns: [(name: String, kind: Kind)]) throws(Failure) {
        self.columns = columns
        file = try FileWriter(path: path)
        pending = columns.map { _ in [] }
        try file.append("PAR1")
    }

    /// Adds a row: a value for each column, of its kind.
    package func add(_ row: [Value]) throws(Failure) {
        precondition(row.count == columns.count, "a row has a value for every column")
        for (index, value) in row.enumerated() {
            switch value {
            case .int64(let number): Self.append(UInt64(bitPattern: number), 8, to: &pending[index])
            case .double(let number): Self.append(number.bitPattern, 8, to: &pending[index])
            case .bytes(let bytes):
                Self.append(UInt64(bytes.count), 4, to: &pending[index])
                pending[index] += bytes
            }
        }
        pendingRows += 1
        if pendingRows == Self.groupRows || pending.contains(where: { $0.count > Self.groupBytes }) {
            try closeGroup()
        }
    }

    /// Writes the footer.
    package func finish() throws(Failure) {
        if pendingRows > 0 { try closeGroup() }
        let footer = metadata()
        try file.append(footer)
        var tail: [UInt8] = []
        Self.append(UInt64(footer.count), 4, to: &tail)
        try file.append(tail + Array("PAR1".utf8))
        try file.flush()
    }

    private static func append(_ value: UInt64, _ count: Int, to bytes: inout [UInt8]) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }

    private func closeGroup() throws(Failure) {
        var chunks: [Chunk] = []
        for index in columns.indices {
            let start = file.count
            var header = ThriftWriter()
            header.int(1, 0)  // a data page
            header.int(2, pending[index].count)
            header.int(3, pending[index].count)
            header.structure(5) { page in
                page.int(1, pendingRows)
                page.int(2, 0)  // plain
                page.int(3, 3)
                page.int(4, 3)
            }
            try file.append(header.finished)
            try file.append(pending[index])
            chunks.append(Chunk(offset: start, size: file.count - start))
            pending[index] = []
        }
        groups.append((pendingRows, chunks))
        pendingRows = 0
    }

    private func metadata() -> [UInt8] {
        var footer = ThriftWriter()
        footer.int(1, 1)
        footer.list(2, columns.count + 1) { index, element in
            guard index > 0 else {
                element.string(4, "schema")
                element.int(5, columns.count)
                return
            }
            let column = columns[index - 1]
            element.int(1, column.kind.physical)
            element.int(3, 0)  // required
            element.string(4, column.name)
            if column.kind == .string { element.int(6, 0) }  // UTF-8
        }
        footer.long(3, groups.reduce(0) { $0 + $1.rows })
        footer.list(4, groups.count) { index, group in
            let (rows, chunks) = groups[index]
            group.list(1, columns.count) { column, chunk in
                chunk.long(2, chunks[column].offset)
                chunk.structure(3) { facts in
                    facts.int(1, columns[column].kind.physical)
                    facts.ints(2, [0])
                    facts.strings(3, [columns[column].name])
                    facts.int(4, 0)  // not compressed
                    facts.long(5, rows)
                    facts.long(6, chunks[column].size)
                    facts.long(7, chunks[column].size)
                    facts.long(9, chunks[column].offset)
                }
            }
            group.long(2, chunks.reduce(0) { $0 + $1.size })
            group.long(3, rows)
        }
        footer.string(6, "rahf")
        return footer.finished
    }
}

/// A struct in Thrift's compact protocol, field by field in rising order.
private struct ThriftWriter {
    private var bytes: [UInt8] = []
    private var last = 0

    var finished: [UInt8] { bytes + [0] }

    private mutating func field(_ id: Int, _ type: UInt8) {
        bytes.append(UInt8(id - last) << 4 | type)
        last = id
    }

    private mutating func varint(_ value: UInt64) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(value & 0x7f) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(value))
    }

    private mutating func zigzag(_ value: Int) {
        varint(UInt64(bitPattern: Int64(value << 1 ^ value >> 63)))
    }

    mutating func int(_ id: Int, _ value: Int) {
        field(id, 5)
        zigzag(value)
    }

    mutating func long(_ id: Int, _ value: Int) {
        field(id, 6)
        zigzag(value)
    }

    private mutating func text(_ value: String) {
        varint(UInt64(value.utf8.count))
        bytes += value.utf8
    }

    mutating func string(_ id: Int, _ value: String) {
        field(id, 8)
        text(value)
    }

    private mutating func listHeader(_ id: Int, _ count: Int, _ type: UInt8) {
        field(id, 9)
        if count < 15 {
            bytes.append(UInt8(count) << 4 | type)
        } else {
            bytes.append(0xf0 | type)
            varint(UInt64(count))
        }
    }

    mutating func ints(_ id: Int, _ values: [Int]) {
        listHeader(id, values.count, 5)
        for value in values { zigzag(value) }
    }

    mutating func strings(_ id: Int, _ values: [String]) {
        listHeader(id, values.count, 8)
        for value in values { text(value) }
    }

    mutating func structure(_ id: Int, _ body: (inout ThriftWriter) -> Void) {
        field(id, 12)
        var inner = ThriftWriter()
        body(&inner)
        bytes += inner.finished
    }

    mutating func list(_ id: Int, _ count: Int, _ body: (Int, inout ThriftWriter) -> Void) {
        listHeader(id, count, 12)
        for index in 0..<count {
            var inner = ThriftWriter()
            body(index, &inner)
            bytes += inner.finished
        }
    }
}
