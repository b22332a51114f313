/// A fast 128-bit hash of bytes, the same on every run. It tells apart prompts and paths of a list, no more: nobody
/// gains by colliding the lines of their own list, and what it finds equal is compared byte by byte before it is said.
package struct StableHash: Hashable, Sendable {
    package var first: UInt64
    package var second: UInt64

    package init(_ bytes: UnsafeRawBufferPointer) {
        var a: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(bytes.count)
        var b: UInt64 = 0xc2b2_ae3d_27d4_eb4f
        var start = 0
        while start + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
            a = Self.fold(a ^ word, 0xa076_1d64_78bd_642f)
            b = Self.fold(b ^ word, 0xe703_7ed1_a0b4_28db)
            start += 8
        }
        var tail: UInt64 = 0
        for index in start..<bytes.count { tail = tail << 8 | UInt64(bytes[index]) }
        a = Self.fold(a ^ tail, 0x8ebc_6af0_9c88_c6e3)
        b = Self.fold(b ^ tail, 0x5899_65cc_7537_4cc3)
        first = Self.mix(a, b)
        second = Self.mix(b, a ^ 0x1d8e_4e27_c47d_124f)
    }

    package init(_ text: String) {
        var text = text
        self = text.withUTF8 { StableHash(UnsafeRawBufferPointer($0)) }
    }

    /// Scrambles two numbers into one.
    package static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        fold(a ^ 0x2d35_8dcc_aa6c_78a5, b ^ 0x8bb8_4b93_962e_acc9)
    }

    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}
