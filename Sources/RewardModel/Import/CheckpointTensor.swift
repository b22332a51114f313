import Glibc

/// A tensor in a mapped checkpoint: a view with strides, checked to lie inside its file.
struct CheckpointTensor: Sendable {
    var dtype: TensorDType
    var shape: [Int]
    /// Elements from one index to the next, per axis.
    var strides: [Int]
    /// Keeps the bytes alive.
    var file: MappedFile
    /// Offset of the first element in the file, in bytes.
    var start: Int

    /// Row by row, nothing left out.
    static func contiguousStrides(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        return strides
    }

    var elementCount: Int { shape.reduce(1, *) }

    /// Bytes of its values, row by row.
    var byteCount: Int { elementCount * (dtype.size ?? 0) }

    private var isContiguous: Bool {
        zip(shape, zip(strides, Self.contiguousStrides(shape))).allSatisfy { $0 == 1 || $1.0 == $1.1 }
    }

    /// Hands out the values row by row: straight from the file, or gathered when the tensor is a transposed view.
    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withExtendedLifetime(file) {
            if isContiguous { return body(UnsafeRawBufferPointer(rebasing: file.bytes[start..<start + byteCount])) }
            let gathered = gather()
            return gathered.withUnsafeBytes(body)
        }
    }

    private func gather() -> [UInt8] {
        let size = dtype.size ?? 1
        let (count, source) = (elementCount, file.bytes)
        return [UInt8](unsafeUninitializedCapacity: count * size) { target, written in
            var index = [Int](repeating: 0, count: shape.count)
            var element = 0
            for position in 0..<count {
                let from = start + element * size
                for byte in 0..<size { target[position * size + byte] = source[from + byte] }
                // The next index, last axis first.
                for axis in shape.indices.reversed() {
                    index[axis] += 1
                    element += strides[axis]
                    if index[axis] < shape[axis] { break }
                    element -= index[axis] * strides[axis]
                    index[axis] = 0
                }
            }
            written = count * size
        }
    }

    /// True when both hold the same bits in the same shape.
    func hasSameValues(as other: CheckpointTensor) -> Bool {
        guard dtype == other.dtype, shape == other.shape else { return false }
        if file === other.file, start == other.start, strides == other.strides { return true }
        return withBytes { mine in
            other.withBytes { theirs in
                guard mine.count == theirs.count, let left = mine.baseAddress, let right = theirs.baseAddress else {
                    return mine.isEmpty && theirs.isEmpty
                }
                return memcmp(left, right, mine.count) == 0
            }
        }
    }

    /// The values as float32.
    func floats() -> [Float] {
        withBytes { bytes in
            (0..<elementCount).map { index in
                switch dtype {
                case .float32: Float(bitPattern: bytes.integer(at: 4 * index, as: UInt32.self) ?? 0)
                case .float16: Float(Float16(bitPattern: bytes.integer(at: 2 * index, as: UInt16.self) ?? 0))
                case .bfloat16:
                    Float(bitPattern: UInt32(bytes.integer(at: 2 * index, as: UInt16.self) ?? 0) << 16)
                case .other: Float.nan
                }
            }
        }
    }
}
