import CKernels
import TensorGraph

extension ParameterView {
    /// The values where they lie, when kernels can read them there.
    var floats: UnsafePointer<Float>? {
        guard format == .float32, let base = bytes.baseAddress, Int(bitPattern: base) % 4 == 0 else { return nil }
        return base.assumingMemoryBound(to: Float.self)
    }

    /// Writes a range of the values to their places in `target`, as float32, unless that is where they lie.
    ///
    /// - Returns: false when one is a NaN or an infinity.
    func convert(_ elements: Range<Int>, to target: UnsafeMutablePointer<Float>) -> Bool {
        let start = target + elements.lowerBound
        switch format {
        case .float32:
            if let base = bytes.baseAddress, base != target {
                UnsafeMutableRawPointer(start).copyMemory(
                    from: base + elements.lowerBound * 4, byteCount: elements.count * 4)
            }
        case .float16:
            for index in elements {
                let bits = bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
                target[index] = Float(Float16(bitPattern: UInt16(littleEndian: bits)))
            }
        case .bfloat16:
            for index in elements {
                let bits = bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
                target[index] = Float(bitPattern: UInt32(UInt16(littleEndian: bits)) << 16)
            }
        }
        return rk_has_nonfinite(start, Int64(elements.count)) == 0
    }
}
