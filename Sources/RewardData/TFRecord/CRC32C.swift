/// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), eight bytes a step, and TensorFlow's masking of it.
enum CRC32C {
    /// `tables[k][b]`: the checksum of byte `b` followed by `k` zero bytes.
    private static let tables: [[UInt32]] = {
        var tables = [[UInt32]](repeating: [UInt32](repeating: 0, count: 256), count: 8)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
            tables[0][byte] = value
        }
        for table in 1..<8 {
            for byte in 0..<256 {
                let previous = tables[table - 1][byte]
                tables[table][byte] = previous >> 8 ^ tables[0][Int(previous & 0xff)]
            }
        }
        return tables
    }()

    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var crc: UInt32 = 0xffff_ffff
        let whole = bytes.count & ~7
        let tables = Self.tables
        tables[0].withUnsafeBufferPointer { last in
            for start in stride(from: 0, to: whole, by: 8) {
                let word = bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self).littleEndian ^ UInt64(crc)
                var sum: UInt32 = 0
                for lane in 0..<8 { sum ^= tables[7 - lane][Int(truncatingIfNeeded: word >> (8 * lane)) & 0xff] }
                crc = sum
            }
            for index in whole..<bytes.count { crc = crc >> 8 ^ last[Int((crc ^ UInt32(bytes[index])) & 0xff)] }
        }
        return crc ^ 0xffff_ffff
    }

    /// The checksum as a TFRecord stores it: rotated right by 15 bits, plus a constant, so that the checksum of data
    /// that holds checksums is still a good one.
    static func masked(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let crc = checksum(bytes)
        return (crc >> 15 | crc << 17) &+ 0xa282_ead8
    }
}
