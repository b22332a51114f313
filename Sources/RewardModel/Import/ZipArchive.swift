import CZlib

/// The entries of a ZIP archive (PKWARE APPNOTE 6.3.10) whose entries are stored, as PyTorch writes them.
///
/// Compressed and encrypted entries are refused: nothing unpacks to more than the file holds. No two entries share
/// bytes.
struct ZipArchive {
    struct Entry: Equatable {
        /// Bytes within the file.
        var range: Range<Int>
        var crc32: UInt32
        fileprivate var header: Int
    }

    let entries: [String: Entry]
    private let file: MappedFile
    private let path: String

    /// Reads the directory and checks every entry's place.
    ///
    /// - Throws: `ImportError.malformed` or `.unsupported` with the first contradiction.
    init(_ file: MappedFile, path: String) throws(ImportError) {
        self.file = file
        self.path = path
        let directory = try Directory(file.bytes, path: path)
        var entries: [String: Entry] = [:]
        var position = directory.range.lowerBound
        for _ in 0..<directory.count {
            let (name, entry) = try directory.entry(at: &position)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw .malformed(path: path, reason: "it has two entries \(name)")
            }
        }
        var end = 0
        for (name, entry) in entries.sorted(by: { $0.value.header < $1.value.header }) {
            guard entry.header >= end else {
                throw .malformed(path: path, reason: "entry \(name) overlaps the one before it")
            }
            end = entry.range.upperBound
        }
        self.entries = entries
    }

    /// Compares an entry's bytes with its checksum.
    func verify(_ name: String, _ entry: Entry) throws(ImportError) {
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
        let sum = crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        guard sum == UInt(entry.crc32) else {
            throw .malformed(path: path, reason: "entry \(name) does not have its checksum")
        }
    }
}

/// The directory at a ZIP archive's end.
private struct Directory {
    let range: Range<Int>
    let count: Int
    private let bytes: UnsafeRawBufferPointer
    private let path: String

    init(_ bytes: UnsafeRawBufferPointer, path: String) throws(ImportError) {
        self.bytes = bytes
        self.path = path
        func malformed(_ reason: String) -> ImportError { .malformed(path: path, reason: reason) }
        guard let end = Self.endRecord(bytes) else {
            throw malformed("the archive's end record is missing: the file is truncated or no ZIP archive")
        }
        var count = UInt64(bytes.integer(at: end + 10, as: UInt16.self) ?? 0)
        var size = UInt64(bytes.integer(at: end + 12, as: UInt32.self) ?? 0)
        var start = UInt64(bytes.integer(at: end + 16, as: UInt32.self) ?? 0)
        var limit = end
        if end >= 20, bytes.integer(at: end - 20, as: UInt32.self) == 0x0706_4b50 {
            guard let offset = bytes.integer(at: end - 12, as: UInt64.self), offset <= UInt64(end - 20),
                bytes.integer(at: Int(offset), as: UInt32.self) == 0x0606_4b50,
                let count64 = bytes.integer(at: Int(offset) + 32, as: UInt64.self),
                let size64 = bytes.integer(at: Int(offset) + 40, as: UInt64.self),
                let start64 = bytes.integer(at: Int(offset) + 48, as: UInt64.self)
            else { throw malformed("its ZIP64 end record is missing") }
            (count, size, start, limit) = (count64, size64, start64, Int(offset))
        }
        let (stop, overflow) = start.addingReportingOverflow(size)
        guard !overflow, stop <= UInt64(limit) else {
            throw malformed("its directory of \(size) bytes at \(start) lies outside the file")
        }
        guard count <= size / 46 else {
            throw malformed("its directory claims \(count) entries in \(size) bytes")
        }
        self.count = Int(count)
        range = Int(start)..<Int(stop)
    }

    /// Offset of the end record: the last one whose comment ends with the file.
    private static func endRecord(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= 22 else { return nil }
        let last = bytes.count - 22
        return (max(0, last - 0xffff)...last).reversed().first { offset in
            bytes.integer(at: offset, as: UInt32.self) == 0x0605_4b50
                && bytes.integer(at: offset + 20, as: UInt16.self).map(Int.init) == last - offset
        }
    }

    /// The entry whose directory record starts at `position`, which moves past it.
    func entry(at position: inout Int) throws(ImportError) -> (String, ZipArchive.Entry) {
        func malformed(_ reason: String) -> ImportError { .malformed(path: path, reason: reason) }
        let record = position
        guard record + 46 <= range.upperBound, bytes.integer(at: record, as: UInt32.self) == 0x0201_4b50 else {
            throw malformed("its directory is cut short")
        }
        func short(_ offset: Int) -> Int { Int(bytes.integer(at: record + offset, as: UInt16.self) ?? 0) }
        func word(_ offset: Int) -> UInt32 { bytes.integer(at: record + offset, as: UInt32.self) ?? 0 }
        let (nameLength, extraLength, commentLength) = (short(28), short(30), short(32))
        position += 46 + nameLength + extraLength + commentLength
        guard position <= range.upperBound else { throw malformed("its directory is cut short") }
        guard let name = String(validating: bytes[record + 46..<record + 46 + nameLength], as: UTF8.self) else {
            throw malformed("an entry's name is not UTF-8")
        }
        guard short(8) & 1 == 0 else { throw .unsupported(path: path, reason: "entry \(name) is encrypted") }
        guard short(10) == 0 else {
            throw .unsupported(
                path: path, reason: "entry \(name) is compressed (method \(short(10))); only stored entries are read")
        }
        let extra = record + 46 + nameLength..<record + 46 + nameLength + extraLength
        let sizes = try largeSizes(word(24), word(20), word(42), extra: extra, name)
        guard sizes.unpacked == sizes.packed else {
            throw malformed("entry \(name) is stored, but claims \(sizes.packed) bytes that hold \(sizes.unpacked)")
        }
        return (name, try place(name, header: sizes.header, size: sizes.packed, crc32: word(16)))
    }

    /// Sizes and offset, taken from the ZIP64 field where the 32-bit ones are full.
    private func largeSizes(
        _ unpacked: UInt32, _ packed: UInt32, _ header: UInt32, extra: Range<Int>, _ name: String
    ) throws(ImportError) -> (unpacked: UInt64, packed: UInt64, header: UInt64) {
        var values = [UInt64(unpacked), UInt64(packed), UInt64(header)]
        let full = values.indices.filter { values[$0] == UInt64(UInt32.max) }
        guard !full.isEmpty else { return (values[0], values[1], values[2]) }
        var field = extra.lowerBound
        while field + 4 <= extra.upperBound {
            let kind = bytes.integer(at: field, as: UInt16.self)
            let length = Int(bytes.integer(at: field + 2, as: UInt16.self) ?? 0)
            guard field + 4 + length <= extra.upperBound else { break }
            if kind == 1, length >= 8 * full.count {
                for (place, index) in full.enumerated() {
                    values[index] = bytes.integer(at: field + 4 + 8 * place, as: UInt64.self) ?? 0
                }
                return (values[0], values[1], values[2])
            }
            field += 4 + length
        }
        throw .malformed(path: path, reason: "entry \(name) lacks its ZIP64 sizes")
    }

    /// Where the entry's data lies: behind its own header, before the directory.
    private func place(
        _ name: String, header: UInt64, size: UInt64, crc32: UInt32
    ) throws(ImportError) -> ZipArchive.Entry {
        func malformed(_ reason: String) -> ImportError { .malformed(path: path, reason: reason) }
        let limit = UInt64(range.lowerBound)
        guard header < limit, size <= limit - header else {
            throw malformed("entry \(name) of \(size) bytes at \(header) lies outside the file")
        }
        let start = Int(header)
        guard bytes.integer(at: start, as: UInt32.self) == 0x0403_4b50,
            let nameLength = bytes.integer(at: start + 26, as: UInt16.self),
            let extraLength = bytes.integer(at: start + 28, as: UInt16.self),
            bytes.integer(at: start + 8, as: UInt16.self) == 0
        else { throw malformed("entry \(name) has no header of its own at \(header)") }
        let data = start + 30 + Int(nameLength) + Int(extraLength)
        guard data <= range.lowerBound, Int(size) <= range.lowerBound - data else {
            throw malformed("entry \(name) of \(size) bytes at \(header) lies outside the file")
        }
        guard bytes[start + 30..<start + 30 + Int(nameLength)].elementsEqual(name.utf8) else {
            throw malformed("entry \(name) has another name in its own header")
        }
        return ZipArchive.Entry(range: data..<data + Int(size), crc32: crc32, header: start)
    }
}

extension UnsafeRawBufferPointer {
    /// A little-endian integer, or nil beyond the end.
    func integer<T: FixedWidthInteger>(at offset: Int, as type: T.Type) -> T? {
        guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
        return T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}
