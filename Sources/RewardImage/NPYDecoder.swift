/// Numbers read from a NumPy array file, in C order.
public struct NPYArray: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case float32 = "<f4"
        case float64 = "<f8"
        case uint8 = "|u1"
    }

    public var kind: Kind
    /// Extents; empty for a single number.
    public var shape: [Int]
    /// Float64 values are rounded to float32; uint8 values stay 0 to 255.
    public var values: [Float]
}

/// Why bytes are not an array we read.
public enum NPYError: Error, Sendable, Equatable, CustomStringConvertible {
    case notNPY
    case unsupportedVersion(Int)
    /// The header is cut short, no dictionary, or lacks a key.
    case badHeader(String)
    case unsupportedType(String)
    case tooManyElements([Int])
    /// The data is shorter or longer than the shape says, in bytes.
    case wrongLength(found: Int, expected: Int)
    /// A heatmap has two extents above 1.
    case notAMap([Int])

    public var description: String {
        switch self {
        case .notNPY: "the bytes are no NumPy array file"
        case .unsupportedVersion(let version): "version \(version) of the NumPy format is not supported"
        case .badHeader(let reason): "the NumPy header is malformed: \(reason)"
        case .unsupportedType(let type): "arrays of type '\(type)' are not read; '<f4', '<f8' and '|u1' are"
        case .tooManyElements(let shape): "an array of shape \(shape) is too large"
        case .wrongLength(let found, let expected):
            "the array's data has \(found) bytes; its shape asks for \(expected)"
        case .notAMap(let shape): "an array of shape \(shape) is no heatmap of [height, width]"
        }
    }
}

/// NumPy's array file (NEP 1), versions 1 to 3: little-endian float32 and float64, and uint8, in C or Fortran order.
public enum NPYDecoder {
    /// Most elements taken, 256 million: four times the default limit on an image's pixels.
    public static let maximumElements = 256_000_000

    public static func decode(_ bytes: [UInt8]) throws(NPYError) -> NPYArray {
        guard bytes.count >= 10, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else { throw .notNPY }
        let version = Int(bytes[6])
        guard (1...3).contains(version) else { throw .unsupportedVersion(version) }
        let prefix = version == 1 ? 10 : 12
        guard bytes.count >= prefix else { throw .badHeader("it is cut short") }
        let length = bytes[8..<prefix].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= bytes.count - prefix else { throw .badHeader("it is cut short") }
        let header = try NPYHeader(bytes[prefix..<prefix + length])

        var count = 1
        for extent in header.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= maximumElements else { throw .tooManyElements(header.shape) }
            count = product
        }
        let data = bytes[(prefix + length)...]
        let size = header.kind == .float64 ? 8 : header.kind == .float32 ? 4 : 1
        guard data.count == count * size else { throw .wrongLength(found: data.count, expected: count * size) }
        var values = data.withUnsafeBytes { data in
            (0..<count).map { index in
                switch header.kind {
                case .uint8: Float(data[index])
                case .float32:
                    Float(
                        bitPattern: UInt32(littleEndian: data.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
                    )
                case .float64:
                    Float(
                        Double(
                            bitPattern: UInt64(
                                littleEndian: data.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))))
                }
            }
        }
        if header.isFortranOrder { values = inCOrder(values, header.shape) }
        return NPYArray(kind: header.kind, shape: header.shape, values: values)
    }

    /// Reads a heatmap: one channel, extents of 1 left out, uint8 divided by 255.
    public static func heatmap(_ bytes: [UInt8]) throws(NPYError) -> Heatmap {
        let array = try decode(bytes)
        var extents = array.shape
        while extents.count > 2, let one = extents.firstIndex(of: 1) { extents.remove(at: one) }
        guard extents.count == 2, extents.allSatisfy({ (1...Mask.maximumSide).contains($0) }) else {
            throw .notAMap(array.shape)
        }
        let values = array.kind == .uint8 ? array.values.map { $0 / 255 } : array.values
        return Heatmap(width: extents[1], height: extents[0], values: values)
    }

    private static func inCOrder(_ values: [Float], _ shape: [Int]) -> [Float] {
        guard shape.count > 1 else { return values }
        var strides = [1]
        for extent in shape.dropLast() { strides.append((strides.last ?? 1) * extent) }
        var index = [Int](repeating: 0, count: shape.count)
        return values.indices.map { _ in
            let value = values[zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }]
            var axis = shape.count - 1
            while axis >= 0 {
                index[axis] += 1
                if index[axis] < shape[axis] { break }
                index[axis] = 0
                axis -= 1
            }
            return value
        }
    }
}

/// The header's dictionary: a Python literal with three keys.
private struct NPYHeader {
    var kind: NPYArray.Kind
    var isFortranOrder: Bool
    var shape: [Int]

    init(_ bytes: ArraySlice<UInt8>) throws(NPYError) {
        let text = String(decoding: bytes, as: UTF8.self)
        func value(_ key: String) throws(NPYError) -> Substring {
            for quote in ["'", "\""] {
                if let found = text.firstRange(of: "\(quote)\(key)\(quote)") {
                    let rest = text[found.upperBound...].drop { $0 == " " }
                    guard rest.first == ":" else { break }
                    return rest.dropFirst().drop { $0 == " " }
                }
            }
            throw .badHeader("it has no '\(key)'")
        }
        let type = try value("descr")
        guard let quote = type.first, quote == "'" || quote == "\"" else { throw .badHeader("'descr' is no string") }
        let name = String(type.dropFirst().prefix { $0 != quote })
        guard let kind = NPYArray.Kind(rawValue: name) else { throw .unsupportedType(String(name.prefix(40))) }
        self.kind = kind

        let order = try value("fortran_order")
        guard order.hasPrefix("True") || order.hasPrefix("False") else {
            throw .badHeader("'fortran_order' is neither True nor False")
        }
        isFortranOrder = order.hasPrefix("True")

        let tuple = try value("shape")
        guard tuple.first == "(", let end = tuple.firstIndex(of: ")") else { throw .badHeader("'shape' is no tuple") }
        shape = []
        for part in tuple[tuple.index(after: tuple.startIndex)..<end].split(separator: ",") {
            let digits = part.filter { $0 != " " }
            if digits.isEmpty { continue }
            guard let extent = Int(digits), extent >= 0, shape.count < 32 else {
                throw .badHeader("'shape' holds '\(digits.prefix(40))'")
            }
            shape.append(extent)
        }
    }
}
