import FoundationEssentials
import Glibc

/// Writes a safetensors file tensor by tensor, under a temporary name until it is whole.
public struct SafetensorsWriter {
    /// A tensor to come: all must be known before the first is written.
    public struct Entry: Sendable {
        public var name: String
        public var shape: [Int]

        public init(name: String, shape: [Int]) {
            self.name = name
            self.shape = shape
        }
    }

    /// How values are stored; halves are rounded to the nearest, ties to even.
    public enum Format: String, Sendable, CaseIterable {
        case float32, float16, bfloat16

        var name: String {
            switch self {
            case .float32: "F32"
            case .float16: "F16"
            case .bfloat16: "BF16"
            }
        }
        var size: Int { self == .float32 ? 4 : 2 }

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
        var offset = 0
        // The data's hash is known only after the data: 64 digits are kept free for it.
        let blank = String(repeating: "0", count: 64)
        let metadata = "\"__metadata__\":{\"\(SafetensorsFile.hashKey)\":\""
        var parts: [String] = ["\(metadata)\(blank)\"}"]
        for entry in entries {
            let size = entry.shape.reduce(format.size, *)
            let shape = entry.shape.map(String.init).joined(separator: ",")
            parts.append(
                "\"\(entry.name)\":{\"dtype\":\"\(format.name)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(offset + size)]}"
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
            let floats = values(entry)
            precondition(floats.count == entry.shape.reduce(1, *), "values must fill \(entry.name)")
            if format == .float32 {
                ok = fwrite(floats, 4, floats.count, file) == floats.count
                floats.withUnsafeBytes { hash.update($0) }
            } else {
                let halves = floats.map { format.encode($0).littleEndian }
                ok = fwrite(halves, 2, halves.count, file) == halves.count
                halves.withUnsafeBytes { hash.update($0) }
            }
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
