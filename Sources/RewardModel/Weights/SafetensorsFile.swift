import FoundationEssentials

/// The element type of a stored tensor.
public enum TensorDType: Sendable, Equatable {
    case float32, float16, bfloat16
    /// Known to the format, but nothing a weight of ours may be.
    case other(String)

    init(_ name: String) {
        switch name {
        case "F32": self = .float32
        case "F16": self = .float16
        case "BF16": self = .bfloat16
        default: self = .other(name)
        }
    }

    /// The format's name for it.
    var name: String {
        switch self {
        case .float32: "F32"
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .other(let name): name
        }
    }

    /// Bytes of one element; nil when unknown.
    var size: Int? {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .other(let name):
            ["F64": 8, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1][name]
        }
    }
}

/// One tensor of a safetensors file.
public struct TensorEntry: Sendable, Equatable {
    public var dtype: TensorDType
    public var shape: [Int]
    /// Bytes within the file.
    public var range: Range<Int>
}

/// A mapped safetensors file whose header has been checked: every tensor lies inside the file and has the size that its
/// shape and type say.
public final class SafetensorsFile: Sendable {
    public let tensors: [String: TensorEntry]
    /// The header's `__metadata__`.
    public let metadata: [String: String]
    /// The whole header, as it stands in the file.
    package let header: [UInt8]
    /// Bytes of the data section within the file.
    package let dataRange: Range<Int>
    let file: MappedFile

    /// Metadata key under which our writer keeps the SHA-256 of the data section, so that opening a model of
    /// gigabytes need not read it all.
    static let hashKey = "rahf.data_sha256"

    /// SHA-256 of the data section, computed now.
    package func hashData() -> String {
        var hash = SHA256()
        withData { hash.update($0) }
        return hash.hexDigest()
    }

    /// Headers beyond this are refused, as other readers do.
    private static let maximumHeader = 100 << 20

    /// Maps the file and checks its header.
    ///
    /// - Throws: `WeightsError.unreadable`, or `.malformed` with the first contradiction found.
    public convenience init(path: String) throws(WeightsError) {
        try self.init(try MappedFile(path: path), path: path)
    }

    /// Checks the header of a file that is mapped already, or of memory; `path` names it in errors.
    init(_ file: MappedFile, path: String) throws(WeightsError) {
        self.file = file
        let bytes = file.bytes
        func malformed(_ reason: String) -> WeightsError { .malformed(path: path, reason: reason) }
        guard bytes.count >= 8 else { throw malformed("it ends inside the header's length") }
        let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        guard length <= UInt64(Self.maximumHeader), length <= UInt64(bytes.count - 8) else {
            throw malformed("its header claims \(length) bytes, the file has \(bytes.count)")
        }
        let start = 8 + Int(length)
        header = Array(bytes[8..<start])
        dataRange = start..<bytes.count
        let decoded: [String: HeaderEntry]
        do {
            decoded = try JSONDecoder().decode([String: HeaderEntry].self, from: Data(header))
        } catch { throw malformed("its header is not the JSON object it should be") }
        metadata = decoded["__metadata__"]?.metadata ?? [:]
        var tensors: [String: TensorEntry] = [:]
        for (name, entry) in decoded where name != "__metadata__" {
            guard let dtype = entry.dtype, let shape = entry.shape, let offsets = entry.offsets,
                offsets.count == 2
            else { throw malformed("tensor \(name) lacks its type, shape or offsets") }
            guard offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= bytes.count - start else {
                throw malformed("tensor \(name) lies at \(offsets), outside the data's \(bytes.count - start) bytes")
            }
            let type = TensorDType(dtype)
            var size = type.size ?? 0
            for extent in shape {
                let (product, overflow) = size.multipliedReportingOverflow(by: extent)
                guard extent > 0, !overflow else { throw malformed("tensor \(name) has the shape \(shape)") }
                size = product
            }
            guard type.size == nil || size == offsets[1] - offsets[0] else {
                throw malformed(
                    "tensor \(name) \(shape) takes \(size) bytes, its offsets hold \(offsets[1] - offsets[0])")
            }
            tensors[name] = TensorEntry(dtype: type, shape: shape, range: start + offsets[0]..<start + offsets[1])
        }
        self.tensors = tensors
    }

    /// The tensor's bytes, valid while this object lives.
    public func bytes(of name: String) -> UnsafeRawBufferPointer? {
        tensors[name].map { UnsafeRawBufferPointer(rebasing: file.bytes[$0.range]) }
    }

    /// A tensor's values, widened to float32; nil for a name or type that is not there.
    package func floats(of name: String) -> [Float]? {
        guard let entry = tensors[name], let bytes = bytes(of: name) else { return nil }
        let count = entry.shape.reduce(1, *)
        switch entry.dtype {
        case .float32:
            return (0..<count).map {
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)))
            }
        case .float16:
            return (0..<count).map {
                Float(
                    Float16(
                        bitPattern: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self))))
            }
        case .bfloat16:
            return (0..<count).map {
                let half = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self))
                return Float(bitPattern: UInt32(half) << 16)
            }
        case .other: return nil
        }
    }

    /// True when the file holds its data's hash and it is right. Reads the whole file.
    package var hasStoredHash: Bool { metadata[Self.hashKey] == hashData() }

    /// Lets the file's pages leave memory, after weights were copied out of them.
    public func releasePages() {
        file.releasePages()
    }

    package func withData<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withExtendedLifetime(file) { body(UnsafeRawBufferPointer(rebasing: file.bytes[dataRange])) }
    }

    /// A tensor's entry, or the metadata object, whose values are strings.
    private struct HeaderEntry: Decodable {
        var dtype: String?
        var shape: [Int]?
        var offsets: [Int]?
        var metadata: [String: String]?

        private enum Keys: String, CodingKey {
            case dtype, shape
            case offsets = "data_offsets"
        }

        init(from decoder: any Decoder) throws {
            if let keyed = try? decoder.container(keyedBy: Keys.self), keyed.contains(.offsets) {
                dtype = try keyed.decode(String.self, forKey: .dtype)
                shape = try keyed.decode([Int].self, forKey: .shape)
                offsets = try keyed.decode([Int].self, forKey: .offsets)
            } else {
                metadata = try decoder.singleValueContainer().decode([String: String].self)
            }
        }
    }
}
