import RewardImage
import Testing

@Suite struct NPYTests {
    /// A version 1 file with this header text and data.
    private static func file(_ header: String, _ data: [UInt8]) -> [UInt8] {
        let text = Array(header.utf8)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.count & 255), UInt8(text.count >> 8)] + text + data
    }

    @Test func encodedArraysReadBack() throws {
        let values: [Float] = [0, 0.25, -1, 1e-30, 3, .greatestFiniteMagnitude]
        for shape in [[6], [2, 3], [1, 3, 2]] {
            let array = try NPYDecoder.decode(NPYEncoder.encode(values, shape: shape))
            #expect(array.kind == .float32 && array.shape == shape && array.values == values)
        }
    }

    @Test func otherTypesAndOrdersAreRead() throws {
        let octets = try NPYDecoder.decode(
            Self.file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", [1, 2, 3, 4, 5, 6]))
        #expect(octets.values == [1, 3, 5, 2, 4, 6] && octets.shape == [2, 3])
        let cube = try NPYDecoder.decode(
            Self.file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2, 2), }\n", [0, 1, 2, 3, 4, 5, 6, 7]))
        #expect(cube.values == [0, 4, 2, 6, 1, 5, 3, 7])
        let half = [0.5, -2].flatMap { (value: Double) in
            (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt64($0))) }
        }
        let doubles = try NPYDecoder.decode(
            Self.file("{\"shape\": (2,), \"fortran_order\": False, \"descr\": \"<f8\"}", half))
        #expect(doubles.values == [0.5, -2])
        let map = try NPYDecoder.heatmap(
            Self.file("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 1, 2), }", [0, 51, 102, 255]))
        #expect(map == Heatmap(width: 2, height: 2, values: [0, 0.2, 0.4, 1]))
    }

    @Test(arguments: [
        ("{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }", 2, NPYError.unsupportedType("<f2")),
        ("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4, .unsupportedType(">f4")),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 4, .unsupportedType("|O")),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, .badHeader("'descr' is no string")),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", 12, .wrongLength(found: 12, expected: 16)),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", 3, .wrongLength(found: 3, expected: 2)),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2), }", 0,
            .tooManyElements([.max, 2])
        ),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4, .badHeader("'shape' holds '-1'")),
        ("{'descr': '<f4', 'shape': (1,), }", 4, .badHeader("it has no 'fortran_order'")),
    ])
    func malformedFilesNameTheirFault(header: String, bytes: Int, error: NPYError) {
        #expect(throws: error) { try NPYDecoder.decode(Self.file(header, [UInt8](repeating: 0, count: bytes))) }
    }

    @Test func truncatedAndDamagedFilesAreTypedErrorsOrArrays() throws {
        let whole = NPYEncoder.encode([Float](repeating: 0.5, count: 12), shape: [3, 4])
        for count in 0..<whole.count {
            #expect(throws: NPYError.self, "cut to \(count)") { try NPYDecoder.decode(Array(whole.prefix(count))) }
        }
        #expect(throws: NPYError.self) { try NPYDecoder.decode(whole + [0]) }
        var noise = Noise(state: 21)
        for _ in 0..<5000 {
            var bytes = whole
            // Mostly the header: the data may hold anything.
            for _ in 0..<3 { bytes[noise.next(below: 90)] = UInt8(noise.next(below: 256)) }
            do throws(NPYError) {
                let array = try NPYDecoder.decode(bytes)
                #expect(array.values.count == array.shape.reduce(1, *))
            } catch { #expect(!error.description.isEmpty) }
        }
        #expect(throws: NPYError.notAMap([12])) {
            try NPYDecoder.heatmap(NPYEncoder.encode([Float](repeating: 0, count: 12), shape: [12]))
        }
        #expect(throws: NPYError.notAMap([2, 2, 3])) {
            try NPYDecoder.heatmap(NPYEncoder.encode([Float](repeating: 0, count: 12), shape: [2, 2, 3]))
        }
    }
}
