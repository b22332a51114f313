import FoundationEssentials
import Glibc

/// Writes a safetensors file tensor by tensor, under a temporary name until it is whole.
public struct SafetensorsWriter {
    /// A tensor to come: all must be known before the first is written.
    public struct Entry: Sendable {
        public var name: String
        public var shape: [Int]
        /// float32, float16 or bfloat16.
        public var dtype: TensorDType

        public init(name: String, shape: [Int], dtype: TensorDType = .float32) {
            self.name = name
            self.shape = shape
            self.dtype = dtype
        }

        fileprivate var byteCount: Int { shape.reduce(dtype.size ?? 0, *) }
    }

    /// How values are stored; halves are rounded to the nearest, ties to even.
    public enum Format: String, Sendable, CaseIterable {
        case float32, float16, bfloat16

        var dtype: TensorDType {
            switch self {
            case .float32: .float32
            case .float16: .float16
            case .bfloat16: .bfloat16
            }
        }

        func encode(_ value: Float) -> UInt16 {
            if self == .float16 { return Float16(value).bitPattern }
            let bits = value.bitPattern
            if value.isNaN { return UInt16(bits >> 16) | 0x40 }
            return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
        }
    }

    /// Writes tensors, asking for each one's values in turn, so that only one is in memory.
    ///
    /// - Throws: `WeightsError.unreadable` with the system's reason; nothing is left at `path` then.
    public static func write(
        _ entries: [Entry], to path: String, format: Format = .float32, values: (Entry) -> [Float]
    ) throws(WeightsError) {
        let stored = entries.map { Entry(name: $0.name, shape: $0.shape, dtype: format.dtype) }
        try write(stored, to: path) { entry, put in
            if format == .float32 { return values(entry).withUnsafeBytes(put) }
            values(entry).map { format.encode($0).littleEndian }.withUnsafeBytes(put)
        }
    }

    /// Writes tensors of any precision, asking for each one's bytes in turn: little-endian, row by row.
    ///
    /// - Parameter bytes: calls its second argument once with the whole tensor.
    /// - Throws: `WeightsError.unreadable` with the system's reason; nothing is left at `path` then.
    package static func write(
        _ entries: [Entry], to path: String, bytes: (Entry, (UnsafeRawBufferPointer) -> Void) -> Void
    ) throws(WeightsError) {
        var offset = 0
        // The data's hash is known only after the data: 64 digits are kept free for it.
        let blank = String(repeating: "0", count: 64)
        let metadata = "\"__metadata__\":{\"\(SafetensorsFile.hashKey)\":\""
        var parts: [String] = ["\(metadata)\(blank)\"}"]
        for entry in entries {
            let size = entry.byteCount
            let shape = entry.shape.map(String.init).joined(separator: ",")
            parts.append(
                "\"\(entry.name)\":{\"dtype\":\"\(entry.dtype.name)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(offset + size)]}"
            )
            offset += size
        }
        var header = Array("{\(parts.joined(separator: ","))}".utf8)
        // Data starts on a multiple of 64 bytes, so that mapped floats are aligned.
        header += [UInt8](repeating: 0x20, count: (64 - (8 + header.count) % 64) % 64)

        let temporary = "\(path).partial"
        guard let file = fopen(temporary, "wb") else { throw failure(temporary) }
        var ok = withUnsafeBytes(of: UInt64(header.count).littleEndian) { fwrite($0.baseAddress, 1, 8, file) == 8 }
        ok = ok && fwrite(header, 1, header.count, file) == header.count
        var hash = SHA256()
        for entry in entries where ok {
            var isWritten = false
            bytes(entry) { values in
                precondition(!isWritten && values.count == entry.byteCount, "values must fill \(entry.name)")
                isWritten = true
                ok = fwrite(values.baseAddress, 1, values.count, file) == values.count
                hash.update(values)
            }
            precondition(isWritten, "\(entry.name) must get its values")
        }
        ok = ok && fseek(file, 8 + 1 + metadata.utf8.count, SEEK_SET) == 0
        ok = fputs(hash.hexDigest(), file) >= 0 && ok
        ok = fflush(file) == 0 && ok
        ok = fsync(fileno(file)) == 0 && ok
        let closed = fclose(file) == 0
        guard ok, closed, rename(temporary, path) == 0 else {
            let error = failure(path)
            unlink(temporary)
            throw error
        }
    }

    private static func failure(_ path: String) -> WeightsError {
        .unreadable(path: path, reason: String(cString: strerror(errno)))
    }
}
